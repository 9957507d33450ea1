"""`--lora name=path[:scale]`: what is right, and one line for what is not."""

from pathlib import Path

import pytest

from timbre_common.errors import InvalidInput
from timbre_engine import backends, loras
from timbre_engine.loras import Lora
from timbre_engine.settings import Settings


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with files of awkward names."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.gguf", "a=b.gguf", "a:0.5"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "path", "scale"),
    [
        ("lisa=a.gguf", "a.gguf", 1.0),
        ("lisa=a.gguf:0.8", "a.gguf", 0.8),
        ("lisa=a.gguf:0", "a.gguf", 0.0),
        ("lisa=./a.gguf:2.", "a.gguf", 2.0),
        ("lisa=a=b.gguf", "a=b.gguf", 1.0),
        ("lisa=a:0.5:1", "a:0.5", 1.0),
    ],
)
def test_a_voice_and_its_adapter(here: Path, argument: str, path: str, scale: float) -> None:
    assert loras.parse([argument]) == (Lora(name="lisa", path=here / path, scale=scale),)
    assert loras.parse([f"lisa={here / path}:{scale}"]) == (Lora(name="lisa", path=here / path, scale=scale),)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lisa"], "name=path"),
        (["a.gguf:0.5"], "name=path"),
        (["lisa="], "name=path"),
        (["=a.gguf"], "'=a.gguf'"),
        (["Lisa=a.gguf"], "'Lisa=a.gguf'"),
        (["lisa=b.gguf"], "no file b.gguf"),
        (["lisa=a.gguf:much"], "no file a.gguf:much"),
        (["lisa=a.gguf:5"], "scale"),
        (["lisa=a.gguf:-1"], "scale"),
        (["lisa=a.gguf", "lisa=a.gguf:0.5"], "'lisa' is named twice"),
    ],
)
def test_what_is_wrong_is_named_with_the_flag(arguments: list[str], says: str) -> None:
    with pytest.raises(InvalidInput, match=r"^--lora: ") as refused:
        loras.parse(arguments)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        (Settings(backend="espeak", model=Path("model")), "--model"),
        (Settings(lora=["lisa=a.gguf"]), "--lora"),
        (Settings(backend="qwen3tts"), "--model"),
    ],
)
def test_a_model_and_its_backend_go_together(settings: Settings, flag: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        backends.make(settings)
    assert refused.value.field == flag
