"""The golden checkpoint in a pod: converted there by the engine's image, spoken with three adapters by another one."""

import json
import secrets
import urllib.request
from collections.abc import Iterator

import msgspec
import pytest

from pods.speech import say
from support import pod_model
from support.cluster import Namespace
from support.pod_manifests import config_map, pod, secret
from timbre_common.documents import Voice, VoicesDocument
from timbre_common.voiceprofile import Adapter, Sampling


def voice(name: str, adapter: str | None = None) -> Voice:
    """A voice that leaves nothing to chance."""
    chosen = None if adapter is None else Adapter(path=adapter)
    return Voice(name=name, languages=["fr"], speaker="vivian", adapter=chosen, sampling=Sampling(temperature=0))


@pytest.fixture(scope="module")
def engine(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where it is reached from here."""
    pod_model.make(namespace, tmp_path_factory.mktemp("volumes"))
    voices = [voice("vivian"), *(voice(agent, f"{agent}.gguf") for agent in pod_model.SEEDS)]
    document = VoicesDocument(generation=1, voices=voices)
    namespace.apply(
        secret("admin", {"token": secrets.token_urlsafe(32)}),
        config_map("documents", {"voices.json": msgspec.json.encode(document).decode()}),
        pod(
            "engine",
            "engine",
            [
                "serve",
                "--model=/models/tiny",
                "--adapters=/adapters",
                "--voices=/etc/timbre/voices.json",
                "--admin-token-file=/etc/admin/token",
            ],
            volumes={
                "/etc/timbre": {"configMap": {"name": "documents"}},
                "/etc/admin": {"secret": {"secretName": "admin"}},
                "/models": {"persistentVolumeClaim": {"claimName": "model", "readOnly": True}},
                "/adapters": {"persistentVolumeClaim": {"claimName": "adapters", "readOnly": True}},
            },
            container={"readinessProbe": {"httpGet": {"path": "/health", "port": 8770}, "periodSeconds": 1}},
        ),
    )
    namespace.wait("pod/engine", "condition=Ready")
    with namespace.forwarded("pod/engine", 8770) as address:
        namespace.until(lambda: len(listed(address)) == len(voices), "every voice is listed")
        yield address


def listed(address: str) -> list[str]:
    with urllib.request.urlopen(f"http://{address}/v1/audio/voices", timeout=10) as answer:
        return [each["id"] for each in json.load(answer)["voices"]]


def test_each_adapter_is_a_voice_of_its_own_and_says_the_same_again(engine: str) -> None:
    voices = ["vivian", *pod_model.SEEDS]
    said = {voice: say(engine, voice) for voice in voices}
    assert min(map(len, said.values())) > 2_000
    assert len(set(said.values())) == len(voices)
    assert {voice: say(engine, voice) for voice in voices} == said
