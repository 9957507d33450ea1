"""The chart's Job brings weights into a claim, an engine speaks with them, and fetches the files of its voices."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pods.release import Release
from pods.speech import say
from support import golden
from support.cluster import Manifest, Namespace
from support.hub import Hub, Repo
from support.pod_manifests import secret
from support.process import free_port
from support.source_server import SourceServer
from timbre_common.names import ENGINE_PORT

REPOSITORY = "golden/tiny"
DIRECTORY = "/models/tiny-main-F32"
"""Of the model in the engine's container."""


@pytest.fixture(scope="module")
def source(namespace: Namespace) -> SourceServer:
    """Where files are fetched from; it does not run."""
    return SourceServer(namespace.machine(), free_port())


@pytest.fixture(scope="module")
def release(namespace: Namespace, source: SourceServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """An engine whose model is pulled from a Hub on this machine, and which may fetch from the source."""
    folder = tmp_path_factory.mktemp("model")
    namespace.volume("weights", folder / "weights")
    namespace.apply(secret("source", {"ca.crt": source.authority.cert_pem.bytes().decode()}))
    made = Release(namespace)
    with Hub(namespace.machine()) as hub:
        hub.repos[REPOSITORY] = Repo.of(golden.make_checkpoint(folder / "checkpoint"))
        made.install(
            {
                "bridge.enabled": False,
                "redis.existingSecret": "none",
                "model.claim.existing": "weights",
                "model.pull.enabled": True,
                "model.pull.repository": REPOSITORY,
                "model.pull.quantisation": "F32",
                "model.pull.endpoint": hub.url,
                "model.pull.resources.requests": {"cpu": "100m", "memory": "256Mi"},
                "engine.spec.env": [],
                "engine.spec.sources": {"allowedHosts": [source.hosts()], "allowPrivate": True},
                "engine.spec.sourceCredentials": [{"host": source.hosts(), "secretRef": {"name": "source"}}],
            }
        )
        namespace.apply(profile("plain"))
        made.ready("speechengine", "default")
        made.ready("voiceprofile", "plain")
        yield made


def profile(name: str, **spec: Any) -> Manifest:
    """A voice that leaves nothing to chance."""
    spec = {"agentID": name, "languages": ["fr"], "speaker": "vivian", "sampling": {"temperature": 0}} | spec
    return {"apiVersion": "timbre.dev/v1alpha1", "kind": "VoiceProfile", "metadata": {"name": name}, "spec": spec}


def adapted(name: str, url: str, digest: str) -> Manifest:
    """One whose adapter is fetched."""
    return profile(name, adapter={"http": {"url": url}, "digest": digest})


def test_a_model_is_pulled_and_converted_into_a_claim_and_speaks(release: Release) -> None:
    namespace = release.namespace
    [job] = namespace.get("jobs")["items"]
    namespace.wait(f"job/{job['metadata']['name']}", "condition=Complete")
    with namespace.forwarded("service/default-speech", ENGINE_PORT) as address:
        assert len(say(address, "plain")) > 2_000


async def test_a_refused_source_says_why_and_heals_once_it_is_mended(
    release: Release, source: SourceServer, tmp_path: Path
) -> None:
    adapter = await asyncio.to_thread(adapter_of_the_engines_model, release.namespace, tmp_path)
    source.answers["/voice.gguf"] = adapter
    async with source:
        await asyncio.to_thread(refused_and_mended, release, source.url("/voice.gguf"), adapter)


def adapter_of_the_engines_model(namespace: Namespace, folder: Path) -> bytes:
    """A GGUF that fits the model in the claim."""
    [pod] = namespace.pods("timbre.dev/engine=default")
    card = namespace.run(pod["metadata"]["name"], "cat", f"{DIRECTORY}/model.json", container="engine")
    (folder / "model.json").write_text(card)
    return golden.export_adapter(golden.make_adapter(folder / "peft"), folder, "voice.gguf").read_bytes()


def refused_and_mended(release: Release, url: str, adapter: bytes) -> None:
    """Two voices are refused, each for its reason, beside one that speaks; mended they speak, with their adapter."""
    namespace = release.namespace
    digest = f"sha256:{hashlib.sha256(adapter).hexdigest()}"
    namespace.apply(
        adapted("elsewhere", "https://files.example.org/voice.gguf", digest),
        adapted("another", url, f"sha256:{'0' * 64}"),
    )
    for condition in ("SourceResolved", "Ready"):
        release.says("elsewhere", condition, "HostRefused")
        release.says("another", condition, "DigestMismatch")
    before = release.engine_pods("default")
    with namespace.forwarded("service/default-speech", ENGINE_PORT) as address:
        plain = say(address, "plain")
        namespace.apply(adapted("elsewhere", url, digest), adapted("another", url, digest))
        release.ready("voiceprofile", "elsewhere", "another")
        assert say(address, "elsewhere") == say(address, "another") != plain == say(address, "plain")
    assert release.engine_pods("default") == before
