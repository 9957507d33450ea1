"""What may be named as a model, and where what is made of it is kept."""

import os
from pathlib import Path

import pytest

from timbre.launcher import model_source
from timbre.launcher.model_source import Checkpoint, HubName, ModelDirectory
from timbre_common.errors import SetupError

CACHE = Path("/cache")


def folder(path: Path, *files: str) -> Path:
    for name in files:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(name)
    return path


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, checkpoint = folder(tmp_path / "m", "model.json", "config.json"), folder(tmp_path / "c", "config.json")
    assert model_source.identify(str(model)) == ModelDirectory(model)
    assert model_source.identify(f"{checkpoint}/") == Checkpoint(checkpoint)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_source.identify("c") == model_source.identify("~/c") == Checkpoint(checkpoint.resolve())


def test_a_folder_goes_before_a_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "Qwen" / "model", "model.json")
    monkeypatch.chdir(tmp_path)
    assert model_source.identify("Qwen/model") == ModelDirectory(Path("Qwen/model"))
    assert model_source.identify("Qwen/other") == HubName("Qwen/other")


@pytest.mark.parametrize(
    ("text", "name", "kept"),
    [
        ("Qwen/Qwen3-TTS-12Hz-0.6B", HubName("Qwen/Qwen3-TTS-12Hz-0.6B"), "Qwen/Qwen3-TTS-12Hz-0.6B"),
        ("a/b@v1.0", HubName("a/b", "v1.0"), "a/b@v1.0"),
        ("a/b@refs/pr/3", HubName("a/b", "refs/pr/3"), "a/b@refs--pr--3"),
        ("a/b@../../c", HubName("a/b", "../../c"), "a/b@..--..--c"),
    ],
)
def test_names_on_the_hub(text: str, name: HubName, kept: str) -> None:
    assert model_source.identify(text) == name and str(name) == text
    assert model_source.checkpoint_at(CACHE, name) == CACHE / "checkpoints" / kept
    assert model_source.model_at(CACHE, name, "Q8_0").name.startswith(f"{name.label}-Q8_0-")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models/no/such", "there is no folder models/no/such"),
        ("./model", "there is no folder ./model"),
        ("../a/b", "there is no folder ../a/b"),
        ("Qwen/model/", "there is no folder Qwen/model/"),
        ("qwen", "'qwen' is neither a folder nor a name on the Hub"),
        ("https://huggingface.co/a/b", "neither a folder nor a name on the Hub"),
        ("b" * 300, "File name too long"),
    ],
)
def test_neither(text: str, told: str) -> None:
    with pytest.raises(SetupError, match=told):
        model_source.identify(text)


def test_a_folder_or_file_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"neither a model directory \(no model.json\) nor a checkpoint"):
        model_source.identify(str(tmp_path))
    with pytest.raises(SetupError, match="is a file"):
        model_source.identify(str(folder(tmp_path, "model.gguf") / "model.gguf"))


def test_another_checkpoint_is_kept_elsewhere(tmp_path: Path) -> None:
    path = folder(tmp_path / "c", "config.json", "speech_tokenizer/model.safetensors", ".timbre-pull/listing.json")
    source = Checkpoint(path)
    first = model_source.model_at(CACHE, source, "Q4_K_M")
    assert first.name.startswith("c-Q4_K_M-") and first != model_source.model_at(CACHE, source, "F32")
    os.utime(path / ".timbre-pull" / "listing.json", ns=(1, 1))
    assert model_source.model_at(CACHE, source, "Q4_K_M") == first
    os.utime(path / "speech_tokenizer" / "model.safetensors", ns=(1, 1))
    assert model_source.model_at(CACHE, source, "Q4_K_M") != first
