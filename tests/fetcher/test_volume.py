import errno
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from timbre_common.errors import DigestMismatch, VolumeFull, VolumeUnusable
from timbre_engine.fetcher.volume import Volume

CONTENT = b"an adapter" * 1000
NAME = f"{hashlib.sha256(CONTENT).hexdigest()}.gguf"
OTHER = f"{'0' * 64}.gguf"


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def put(volume: Volume, content: bytes = CONTENT, name: str = NAME) -> None:
    partial = volume.begin(name)
    assert partial is not None
    try:
        for at in range(0, len(content), 999):
            partial.write(content[at : at + 999])
        partial.keep()
    finally:
        partial.close()


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "sha256").iterdir())


def test_a_file_is_there_whole_or_not_at_all(volume: Volume, tmp_path: Path) -> None:
    assert not volume.holds(NAME)
    partial = volume.begin(NAME)
    assert partial is not None
    partial.write(CONTENT[:5000])
    assert not volume.holds(NAME)
    partial.close()
    partial.close()
    assert names(tmp_path) == []
    put(volume)
    assert volume.holds(NAME)
    assert names(tmp_path) == [NAME]
    assert (tmp_path / "sha256" / NAME).read_bytes() == CONTENT
    assert volume.used() == len(CONTENT)


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"x", b"x" * len(CONTENT)])
def test_other_content_is_not_kept(volume: Volume, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DigestMismatch, match=f"with {len(content)} bytes"):
        put(volume, content)
    assert names(tmp_path) == []


def test_one_writes_at_a_time_and_the_other_finds_the_file(volume: Volume, tmp_path: Path) -> None:
    other = Volume(tmp_path)
    first = volume.begin(NAME)
    assert first is not None
    assert other.begin(NAME) is None
    first.write(CONTENT)
    first.keep()
    assert other.holds(NAME)
    second = other.begin(NAME)
    assert second is not None
    second.close()
    assert names(tmp_path) == [NAME]
    assert other.holds(NAME)


def test_who_died_lets_go_and_what_it_left_is_dropped(volume: Volume, tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from timbre_engine.fetcher.volume import Volume\n"
        "partial = Volume(Path(sys.argv[1])).begin(sys.argv[2]); partial.write(b'half of it')\n"
        "print('begun', flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path), NAME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert volume.begin(NAME) is None
        process.kill()
    assert names(tmp_path) == [f".{NAME}.partial"]
    assert not volume.holds(NAME)
    put(volume)
    assert names(tmp_path) == [NAME]


def test_content_is_compared_once(volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(volume)
    assert volume.holds(NAME)
    monkeypatch.setattr(os, "fdopen", lambda *_: pytest.fail("it was read again"))
    assert all(volume.holds(NAME) for _ in range(3))
    monkeypatch.undo()
    (tmp_path / "sha256" / NAME).write_bytes(b"x" * len(CONTENT))
    assert not volume.holds(NAME)
    put(volume)
    assert volume.holds(NAME)


def aged(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_what_nobody_needs_goes_after_the_grace(volume: Volume, tmp_path: Path) -> None:
    put(volume)
    folder = tmp_path / "sha256"
    kept, gone, fresh = f"{'1' * 64}.gguf", f"{'2' * 64}.safetensors", f"{'3' * 64}.gguf"
    for name in kept, gone, fresh, "of somebody else.gguf", f".{gone}.partial":
        (folder / name).write_bytes(b"x")
        aged(folder / name, 0 if name == fresh else 500)
    stamp = (folder / kept).stat().st_mtime_ns
    assert volume.sweep({kept}, grace=100) == 2
    assert names(tmp_path) == sorted([NAME, kept, fresh, "of somebody else.gguf"])
    status = (folder / kept).stat()
    assert status.st_mtime_ns == stamp and time.time() - status.st_atime < 60


def test_nothing_is_remembered_of_files_that_have_gone(volume: Volume) -> None:
    put(volume)
    assert volume.holds(NAME) and volume._right
    assert volume.second(NAME) is None and volume._seconds
    assert volume.sweep(set(), grace=-1) == 1
    assert not volume._right and not volume._seconds


def test_what_another_pod_needs_stays(volume: Volume, tmp_path: Path) -> None:
    put(volume)
    aged(tmp_path / "sha256" / NAME, 500)
    assert Volume(tmp_path).sweep({NAME}, grace=100) == 0
    assert volume.sweep(set(), grace=100) == 0
    assert volume.holds(NAME)


def test_what_is_being_written_is_not_removed(volume: Volume, tmp_path: Path) -> None:
    partial = volume.begin(NAME)
    assert partial is not None
    aged(tmp_path / "sha256" / f".{NAME}.partial", 500)
    assert Volume(tmp_path).sweep(set(), grace=100) == 0
    partial.write(CONTENT)
    partial.keep()
    assert volume.holds(NAME)


def test_all_files_together_are_bounded(tmp_path: Path) -> None:
    volume = Volume(tmp_path, most_bytes=len(CONTENT) + 10)
    put(volume)
    other = volume.begin(OTHER)
    assert other is not None
    other.write(b"x" * 10)
    with pytest.raises(VolumeFull, match="more than"):
        other.write(b"x")
    other.close()
    assert names(tmp_path) == [NAME]
    (tmp_path / "sha256" / NAME).unlink()
    put(volume)


def test_a_full_disk_leaves_nothing(volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partial = volume.begin(NAME)
    assert partial is not None
    partial.write(CONTENT[:100])

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(VolumeFull, match="full"):
        partial.write(CONTENT[100:])
    monkeypatch.undo()
    partial.close()
    assert names(tmp_path) == []


def a_link(root: Path) -> None:
    (root / "elsewhere").mkdir()
    (root / "sha256").symlink_to(root / "elsewhere")


def a_file(root: Path) -> None:
    (root / "sha256").write_text("")


def nothing(root: Path) -> None:
    root.rmdir()


@pytest.mark.parametrize("spoil", [a_link, a_file, nothing])
def test_a_volume_that_cannot_be_used_says_so(volume: Volume, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path)
    for job in (lambda: volume.holds(NAME), lambda: volume.begin(NAME), lambda: volume.sweep(set(), 0), volume.used):
        with pytest.raises(VolumeUnusable):
            job()


@pytest.mark.parametrize("name", [NAME, f".{NAME}.partial"])
def test_links_are_not_followed(volume: Volume, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(CONTENT)
    (tmp_path / "sha256").mkdir()
    (tmp_path / "sha256" / name).symlink_to(outside)
    assert not volume.holds(NAME)
    if name == NAME:
        put(volume)
        assert not (tmp_path / "sha256" / NAME).is_symlink()
    else:
        with pytest.raises(VolumeUnusable, match="link"):
            volume.begin(NAME)
    assert outside.read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["", "../x", "x.gguf", f"{'g' * 64}.gguf", f"{'0' * 64}.exe", f"{'0' * 64}.gguf/x"])
def test_names_are_digests(volume: Volume, name: str) -> None:
    with pytest.raises(ValueError, match="is no fetched file's name"):
        volume.begin(name)
