"""From a document to its files, and from the engine's list and the files to what the operator is told."""

from typing import Any

import pytest

from timbre_common.documents import Voice, VoicesDocument, VoicesStatus, VoiceState, VoiceStatus
from timbre_common.errors import HostRefused, TimedOut
from timbre_common.sources import Http, Oci
from timbre_common.voiceprofile import Adapter, Reference
from timbre_engine.fetcher import wanted
from timbre_engine.fetcher.wanted import FileState, Progress, WantedFile

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
HTTP, OCI = Http(url="https://example.org/lisa.gguf"), Oci(reference="r.example/marie:1")
REMOTE = Voice(name="lisa", languages=["fr"], adapter=Adapter(http=HTTP, digest=A))
RECORDED = Voice(name="marie", languages=["fr"], reference=Reference(oci=OCI, digest=B))
LOCAL = Voice(name="electra", languages=["fr"], adapter=Adapter(path="electra.gguf"))
PUT_THERE = Voice(name="renarde", languages=["fr"], adapter=Adapter(path=f"sha256/{'c' * 64}.gguf"))
FILE = WantedFile(f"{'a' * 64}.gguf", A, HTTP)
DOCUMENT = VoicesDocument(generation=3, voices=[LOCAL, REMOTE])
DIGESTS = {voice.name: voice.digest for voice in DOCUMENT.voices}

READY, FAILED, LOADING = VoiceState.READY, VoiceState.FAILED, VoiceState.LOADING
MISSING = {"state": FAILED, "reason": "No such file", "code": "file_missing"}


def test_the_files_of_a_document() -> None:
    assert wanted.of_voice(REMOTE) == [FILE]
    assert wanted.of_voice(RECORDED) == [WantedFile(f"{'b' * 64}.safetensors", B, OCI)]
    assert [wanted.of_voice(voice) for voice in (LOCAL, PUT_THERE)] == [[], []]
    assert [file.kind for voice in (REMOTE, RECORDED) for file in wanted.of_voice(voice)] == ["http", "oci"]
    document = VoicesDocument(generation=1, voices=[LOCAL, PUT_THERE, RECORDED, REMOTE])
    assert wanted.named(document) == {f"{'a' * 64}.gguf", f"{'b' * 64}.safetensors", f"{'c' * 64}.gguf"}


def listed(generation: int = 3, /, **voices: dict[str, Any]) -> VoicesStatus:
    """What the engine lists: each voice's digest is the document's own unless it is said."""
    entries = {}
    for name, fields in voices.items():
        known: dict[str, Any] = {"digest": DIGESTS.get(name, ""), "generation": generation, "state": READY}
        entries[name] = VoiceStatus(**known | fields)
    return VoicesStatus(generation=generation, voices=entries)


@pytest.mark.parametrize(
    ("engine", "behind"),
    [
        (listed(3, electra={}, lisa={}), False),
        (listed(3, electra={}, lisa=MISSING), False),
        (listed(4), False),
        (listed(0), True),
        (listed(2, electra={}, lisa={}), True),
        (listed(3, electra={}), True),
        (listed(3, electra={}, lisa={"digest": "another"}), True),
        (listed(3, electra={}, lisa={}, vivian={}), True),
    ],
)
def test_when_the_engine_is_told(engine: VoicesStatus, behind: bool) -> None:
    assert wanted.behind(DOCUMENT, DIGESTS, engine) is behind


@pytest.mark.parametrize(
    ("engine", "settled"),
    [
        (None, False),
        (listed(2, electra={}, lisa={}), False),
        (listed(3, electra={}, lisa={"state": LOADING}), False),
        (listed(3, electra={}, lisa=MISSING), True),
        (listed(4), True),
    ],
)
def test_when_every_voice_was_tried(engine: VoicesStatus | None, settled: bool) -> None:
    assert wanted.settled(DOCUMENT, engine) is settled


REFUSED = FileState(Progress.FAILED, HostRefused("evil.example is not among them"), tried=True)
RETRIED = FileState(Progress.FETCHING, TimedOut("too long"), tried=True)
PRESENT = FileState(Progress.PRESENT, tried=True)


@pytest.mark.parametrize(
    ("engine", "file", "told"),
    [
        (listed(electra={}, lisa={}), PRESENT, (READY, "", "")),
        (listed(electra={}, lisa=MISSING), FileState(), (LOADING, "its file is being fetched", "fetching")),
        (
            listed(electra={}, lisa=MISSING),
            FileState(Progress.FETCHING),
            (LOADING, "its file is being fetched", "fetching"),
        ),
        (listed(electra={}, lisa=MISSING), REFUSED, (FAILED, "http: evil.example is not among them", "host_refused")),
        (listed(electra={}, lisa=MISSING), RETRIED, (FAILED, "http: too long", "timed_out")),
        (listed(electra={}, lisa=MISSING), PRESENT, (FAILED, "No such file", "file_missing")),
        (
            listed(electra={}, lisa={"reason": "not applied"}),
            REFUSED,
            (READY, "not applied; http: evil.example is not among them", "host_refused"),
        ),
        (listed(2, electra={}), PRESENT, (LOADING, "the engine is being told", "")),
        (listed(electra={}, lisa={"digest": "another"}), PRESENT, (LOADING, "the engine is being told", "")),
        (None, PRESENT, (LOADING, "the engine does not answer", "engine_unavailable")),
        (None, REFUSED, (FAILED, "http: evil.example is not among them", "host_refused")),
    ],
)
def test_what_the_operator_is_told(
    engine: VoicesStatus | None, file: FileState, told: tuple[VoiceState, str, str]
) -> None:
    status = wanted.overlay(DOCUMENT, DIGESTS, engine, {FILE: file})
    lisa = status.voices["lisa"]
    assert (lisa.state, lisa.reason, lisa.code) == told
    assert lisa.digest == REMOTE.digest
    assert status.generation == 3 and sorted(status.voices) == ["electra", "lisa"]


def test_without_a_document_or_with_an_older_one_the_engine_speaks_for_itself() -> None:
    newer = listed(4, vivian={})
    assert wanted.overlay(DOCUMENT, DIGESTS, newer, {}) == newer
    assert wanted.overlay(None, {}, newer, {}) == newer
    assert wanted.overlay(None, {}, None, {}) == VoicesStatus(generation=0, voices={})
