"""What a user does: helm install, kubectl apply of three voices, and each is heard; then things break and roll."""

import json
import re
from functools import partial

import pytest

from pods.release import NAME, Release
from support import containers, pod_model
from support.cluster import Namespace

AGENTS = ["electra", "lisa", "renarde"]
LONG = "Bonjour à tous. Il fait beau ce matin, et nous parlons longuement de la pluie, du soleil et de tout le reste."


@pytest.fixture(scope="module")
def release(namespace: Namespace) -> Release:
    made = Release(namespace)
    made.install()
    made.ready("speechengine", "default")
    return made


@pytest.fixture(scope="module")
def voices(release: Release) -> Release:
    """The three agents' voices as their folders hold them, applied and Ready."""
    release.namespace.apply(*(release.profile(agent) for agent in AGENTS))
    release.ready("voiceprofile", *AGENTS)
    return release


def test_every_pod_runs_under_restricted(release: Release) -> None:
    labels = release.namespace.get(f"namespace/{release.namespace.name}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = release.namespace.get("pods")["items"]
    names = {each["metadata"]["labels"]["app.kubernetes.io/name"] for each in pods}
    assert len(pods) >= 4 and "timbre-engine" in names
    for pod in pods:
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            assert container["securityContext"]["readOnlyRootFilesystem"], container["name"]


@pytest.mark.parametrize("agent", AGENTS)
async def test_an_agents_message_is_heard(voices: Release, agent: str) -> None:
    with voices.reached() as reached:
        await reached.hear(agent, "Bonjour à tous.")


def test_the_charts_own_test_makes_the_first_agent_speak(voices: Release) -> None:
    voices.test()
    with voices.reached() as reached:
        newest = reached.said()[0]
    assert (newest["agent_id"], newest["reason"]) == (AGENTS[0], "finished")


def test_a_changed_voice_is_ready_without_a_restart(voices: Release) -> None:
    before = voices.engine_pods("default")
    digest = voices.namespace.get("voiceprofile/lisa")["status"]["loadedDigest"]
    voices.namespace.apply(voices.profile("lisa", prosody={"variant": "f3", "speed": 1.1}))
    voices.ready("voiceprofile", "lisa")
    status = voices.namespace.get("voiceprofile/lisa")["status"]
    assert status["loadedDigest"] != digest and status["loaded"] == "1/1"
    assert voices.engine_pods("default") == before


async def test_a_bad_voice_says_why_and_the_others_speak(voices: Release) -> None:
    other = voices.profile("lisa", engineRef={"name": "absent"}, agentID="zoe")
    other["metadata"]["name"] = "zoe"
    voices.namespace.apply(other)
    voices.says("zoe", "Accepted", "EngineNotFound")
    voices.namespace.delete("voiceprofile/zoe")
    with voices.reached() as reached:
        await reached.hear("electra", "Je parle.")


async def test_a_stream_goes_on_while_the_operator_is_killed_and_a_new_one_makes_voices_ready(voices: Release) -> None:
    killed = voices.namespace.pods("app.kubernetes.io/name=timbre-operator")[0]["metadata"]["name"]
    with voices.reached() as reached:
        kill = partial(voices.namespace.delete, f"pod/{killed}", "--grace-period=0", "--force")
        await reached.hear_while("renarde", LONG, kill)
    voices.namespace.apply(voices.profile("electra", prosody={"variant": "f4", "speed": 1.2}))
    voices.ready("voiceprofile", "electra")


async def test_a_stream_goes_on_while_the_release_is_upgraded_and_no_engine_restarts(voices: Release) -> None:
    before = voices.engine_pods("default")
    values = {"operator.logLevel": "debug", "operator.podAnnotations": {"timbre.dev/test": "upgraded"}}
    upgrade = partial(voices.upgrade, values)
    with voices.reached() as reached:
        await reached.hear_while("renarde", LONG, upgrade)
    assert voices.engine_pods("default") == before


async def test_a_deleted_pod_is_replaced_with_its_voices(voices: Release) -> None:
    before = voices.engine_pods("default")
    name = voices.namespace.pods("timbre.dev/engine=default")[0]["metadata"]["name"]
    voices.namespace.delete(f"pod/{name}")
    voices.namespace.until(
        lambda: bool(after := voices.engine_pods("default")) and not after.keys() & before.keys(),
        "another pod is there",
    )
    voices.ready("speechengine", "default")
    voices.ready("voiceprofile", *AGENTS)
    with voices.reached() as reached:
        await reached.hear("lisa", "Me revoilà.")


@pytest.fixture(scope="module")
def golden(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A second engine, which speaks with the golden checkpoint, and a voice with an adapter for each agent."""
    namespace = release.namespace
    pod_model.make(namespace, tmp_path_factory.mktemp("volumes"))
    spec = {
        "backend": "qwen3tts",
        "image": containers.image("engine"),
        "imagePullPolicy": "IfNotPresent",
        "model": {"persistentVolumeClaim": {"claimName": "model", "path": "tiny"}},
        "adaptersVolume": {"persistentVolumeClaim": {"claimName": "adapters"}},
    }
    engine = {
        "apiVersion": "timbre.dev/v1alpha1",
        "kind": "SpeechEngine",
        "metadata": {"name": "golden"},
        "spec": spec,
    }
    profiles = []
    for agent in AGENTS:
        profile = release.profile(
            agent,
            agentID=f"golden-{agent}",
            engineRef={"name": "golden"},
            speaker="vivian",
            adapter={"path": f"{agent}.gguf"},
            sampling={"temperature": 0},
            prosody={},
        )
        profile["metadata"]["name"] = f"golden-{agent}"
        profiles.append(profile)
    namespace.apply(engine, *profiles)
    release.ready("speechengine", "golden")
    release.ready("voiceprofile", *(f"golden-{agent}" for agent in AGENTS))
    return release


async def test_the_model_speaks_with_each_agents_adapter(golden: Release) -> None:
    with golden.reached() as reached:
        said = [(await reached.hear(f"golden-{agent}", "Oui.")).pcm for agent in AGENTS]
    assert len(set(said)) == len(AGENTS)


async def test_another_model_than_the_named_one_is_said_and_heals(golden: Release) -> None:
    namespace = golden.namespace

    def named(digest: str) -> None:
        spec = {"model": {**namespace.get("speechengine/golden")["spec"]["model"], "digest": digest}}
        namespace.kubectl("patch", "speechengine/golden", "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def degraded() -> tuple[str, str]:
        conditions = namespace.get("speechengine/golden")["status"]["conditions"]
        return next((each["reason"], each["message"]) for each in conditions if each["type"] == "Degraded")

    wanted = f"sha256:{'0' * 64}"
    named(wanted)
    namespace.until(lambda: degraded()[0] == "ModelMismatch", "golden says ModelMismatch")
    told = degraded()[1]
    found = re.search(r"the model in /models/tiny is (sha256:\w{64}), and " + wanted, told)
    assert found, told
    assert namespace.get("speechengine/golden")["status"]["readyReplicas"] == 0, "the old pod has another digest"
    named(found[1])
    golden.ready("speechengine", "golden")
    golden.ready("voiceprofile", *(f"golden-{agent}" for agent in AGENTS))
    with golden.reached() as reached:
        await reached.hear("golden-lisa", "Oui.")


def test_what_is_uninstalled_leaves_no_pod(voices: Release, golden: Release) -> None:
    namespace = voices.namespace
    namespace.delete("voiceprofiles,speechengines", "--all")
    voices.uninstall()
    everything = f"app.kubernetes.io/instance={NAME}"
    namespace.until(
        lambda: (
            not namespace.get("pods", "--selector=timbre.dev/engine")["items"]
            and not namespace.get("pods,deployments", f"--selector={everything}")["items"]
        ),
        "nothing of the release is left",
    )
    assert not namespace.get("voiceprofiles,speechengines")["items"]
