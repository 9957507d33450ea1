from pathlib import Path

import pytest

from timbre_common.errors import SetupError
from timbre_engine.admin_tokens import AdminTokens


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("new\n\n  old  \n")
    return path


def test_every_line_is_right_and_the_first_is_the_newest(file: Path) -> None:
    tokens = AdminTokens.of_file(file)
    assert [tokens.allow(each) for each in ("new", "old", "", "ne", "new\nold", "é")] == [True, True, *[False] * 4]
    assert tokens.newest() == "new"


def test_the_file_is_read_again_when_it_changes(file: Path, tmp_path: Path) -> None:
    tokens = AdminTokens.of_file(file)
    (tmp_path / "next").write_text("newer\nnew\n")
    (tmp_path / "next").replace(file)
    assert [tokens.allow(each) for each in ("newer", "new", "old")] == [True, True, False]
    assert tokens.newest() == "newer"


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_text("\n")])
def test_a_file_that_is_lost_takes_nobody_s_token(file: Path, lose: object) -> None:
    tokens = AdminTokens.of_file(file)
    assert callable(lose)
    lose(file)
    assert tokens.allow("new") and tokens.allow("old") and not tokens.allow("")


@pytest.mark.parametrize("content", [None, "", " \n\n"])
def test_without_a_token_nothing_starts(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokens"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SetupError, match="tokens"):
        AdminTokens.of_file(path)
