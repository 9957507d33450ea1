"""Which of ONNX Runtime's providers a session gets. No GPU is needed, and none is used."""

from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

from timbre_common.errors import SetupError
from timbre_engine.qwen3tts import providers
from timbre_engine.qwen3tts.codec import Codec
from timbre_engine.qwen3tts.options import Provider
from timbre_engine.qwen3tts.providers import CPU, CUDA

WITHOUT = ["AzureExecutionProvider", CPU]
WITH = ["TensorrtExecutionProvider", CUDA, CPU]


@pytest.mark.parametrize(
    ("wanted", "offered", "gpu_layers", "device"),
    [
        ("auto", WITHOUT, 0, "cpu"),
        ("auto", WITHOUT, 99, "cpu"),
        ("auto", WITH, 0, "cpu"),
        ("auto", WITH, 1, "cuda"),
        ("cpu", WITH, 99, "cpu"),
        ("cpu", WITHOUT, 0, "cpu"),
        ("cuda", WITH, 0, "cuda"),
        ("cuda", WITH, 99, "cuda"),
    ],
)
def test_the_choice(wanted: Provider, offered: list[str], gpu_layers: int, device: str) -> None:
    assert providers.choose(wanted, offered, gpu_layers) == device


def test_cuda_that_is_not_offered_is_refused() -> None:
    with pytest.raises(SetupError, match=r"install onnxruntime-gpu.* in place of onnxruntime"):
        providers.choose("cuda", WITHOUT, 99)


class Session:
    """ONNX Runtime's, whose CUDA starts or does not."""

    starts = True

    def __init__(self, path: Path, options: Any, *, providers: list[Any]) -> None:
        self.given = providers

    def get_providers(self) -> list[str]:
        return [CUDA, CPU] if len(self.given) == 2 and self.starts else [CPU]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime as with onnxruntime-gpu."""
    monkeypatch.setattr(Session, "starts", True)
    monkeypatch.setattr(ort, "get_available_providers", lambda: WITH)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(ort, "InferenceSession", Session)


def session(wanted: Provider, gpu_layers: int = 99) -> Any:
    return providers.session(Path("codec.onnx"), ort.SessionOptions(), wanted, gpu_layers)


@pytest.mark.usefixtures("offered")
def test_what_a_session_is_made_with() -> None:
    on_gpu = session("auto")
    (cuda, options), cpu = on_gpu.given
    assert (cuda, cpu) == (CUDA, CPU) and options == {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    assert providers.device(on_gpu) == "cuda"
    assert session("cpu").given == session("auto", gpu_layers=0).given == [CPU]


@pytest.mark.usefixtures("offered")
def test_cuda_that_does_not_start(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(Session, "starts", False)
    assert providers.device(session("auto")) == "cpu"
    assert "codec.onnx computes on the CPU" in caplog.text
    with pytest.raises(SetupError, match="CUDA does not start"):
        session("cuda")


def test_on_this_machine_the_codec_says_what_is_missing(tiny_model: Path) -> None:
    if CUDA in ort.get_available_providers():
        pytest.skip("onnxruntime-gpu is installed")
    with pytest.raises(SetupError, match="onnxruntime-gpu"):
        Codec(tiny_model / "codec.onnx", provider="cuda")
