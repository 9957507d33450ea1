"""Pages of a mapped file are given back, and what is read afterwards is the same."""

import mmap
import sys
from pathlib import Path

import pytest

from timbre_engine.llama.pages import give_back


def resident_kb(path: Path) -> int:
    lines = Path("/proc/self/smaps").read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.endswith(str(path)))
    return int(next(line for line in lines[at:] if line.startswith("Rss:")).split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")
def test_pages_are_given_back_and_come_again(tmp_path: Path) -> None:
    path = tmp_path / "a file with spaces"
    data = bytes(range(256)) * 4096
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert mapped[:] == data
        assert resident_kb(path) >= 1024
        give_back(path)
        assert resident_kb(path) == 0
        assert mapped[:] == data
    give_back(path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")
def test_only_pages_wholly_inside_a_part_are_given_back(tmp_path: Path) -> None:
    path, page = tmp_path / "file", mmap.PAGESIZE
    path.write_bytes(bytes(64 * page))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ, offset=2 * page) as mapped:
        assert mapped[:] == bytes(62 * page)
        before = resident_kb(path)
        give_back(path, [range(page), range(10 * page - 1, 20 * page + 1), range(30 * page + 1, 31 * page + 1)])
        assert before - resident_kb(path) == 10 * page // 1024
