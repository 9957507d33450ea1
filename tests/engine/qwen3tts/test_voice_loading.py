"""Whatever a look at a voice's files meets, somebody answers for the voice."""

import queue
from types import SimpleNamespace
from typing import Any, cast

import pytest

from timbre_common.documents import Voice
from timbre_common.errors import FileMissing
from timbre_engine.qwen3tts.messages import FromWorker, Load, Refused, Unload
from timbre_engine.qwen3tts.voice_loading import Checked, VoiceLoading

LISA = Voice(name="lisa", languages=["fr"])


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (FileMissing("there is no lisa.gguf", "adapter.path"), "adapter.path: there is no lisa.gguf"),
        (MemoryError(), "internal error: MemoryError"),
        (OSError(5, "Input/output error"), "internal error: OSError"),
    ],
)
def test_a_look_that_fails_is_a_refusal(error: Exception, answer: str) -> None:
    def check(_: Voice) -> None:
        raise error

    inbox: queue.Queue[Checked | Unload] = queue.Queue()
    sent: list[FromWorker] = []
    machine: Any = SimpleNamespace(files=SimpleNamespace(check=check))
    loading = VoiceLoading(machine, cast(Any, None), lambda _: None, sent.append, inbox.put)
    loading.begin(Load(7, LISA))
    checked = inbox.get(timeout=30)
    assert isinstance(checked, Checked)
    loading.load(checked)
    [refused] = sent
    assert isinstance(refused, Refused)
    assert (refused.request, refused.reason) == (7, answer)
