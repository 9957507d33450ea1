"""What a container says of its end is where Kubernetes asks for it, and nowhere else."""

from pathlib import Path

from timbre_engine import ending


def test_the_last_word_is_written_where_somebody_asks(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    path.write_text("an older word, which was longer")
    ending.leave_word("the disk is full", path)
    assert path.read_text() == "the disk is full"
    ending.leave_word("x" * 10_000, path)
    assert path.stat().st_size == 4096


def test_nothing_is_made_where_nobody_asks(tmp_path: Path) -> None:
    ending.leave_word("the disk is full", tmp_path / "termination-log")
    ending.leave_word("the disk is full", tmp_path)
    assert list(tmp_path.iterdir()) == []
