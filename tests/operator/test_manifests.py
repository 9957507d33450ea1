"""A SpeechEngine's objects, as tables: what is said of it, and what follows."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from support.speech_engine import UID, speech_engine
from timbre_common import shards
from timbre_common.settings import refuse_unknown_environment
from timbre_engine import settings as engine_settings
from timbre_engine.fetcher import settings as fetcher_settings
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.manifests import Platform, Scaler, wanted
from timbre_operator.manifests.deployment import chosen_image

IMAGE = "registry.example/timbre-engine:1"
CPU, KEDA = Platform(IMAGE), Platform(IMAGE, Scaler.KEDA, "http://prometheus:9090")
GPU = {"limits": {"nvidia.com/gpu": "1"}}
CLAIM = {"persistentVolumeClaim": {"claimName": "weights", "path": "0.6b"}}
HUB = {"huggingFace": {"repository": "who/voice", "revision": "v2"}}
BETWEEN: Any = {"minReplicas": 2, "maxReplicas": 5, "targetWaiting": 3, "cpuUtilization": 70}


def kinds(platform: Platform = CPU, **spec: Any) -> list[str]:
    return [each.obj["kind"] for each in wanted(speech_engine(**spec), platform)]


def one(kind: str, platform: Platform = CPU, name: str = "default-speech", **spec: Any) -> Object:
    """The one object of that kind and name."""
    [found] = [
        each.obj
        for each in wanted(speech_engine(**spec), platform)
        if (each.obj["kind"], each.obj["metadata"]["name"]) == (kind, name)
    ]
    return found


def pod(platform: Platform = CPU, **spec: Any) -> Object:
    found: Object = one("Deployment", platform, **spec)["spec"]["template"]["spec"]
    return found


def containers(**spec: Any) -> dict[str, Object]:
    made = pod(**spec)
    return {each["name"]: each for each in [*made["initContainers"], *made["containers"]]}


def variables(container: Object) -> dict[str, str]:
    return {each["name"]: each.get("value") for each in container["env"]}


def test_what_there_is() -> None:
    always = ["ServiceAccount", "Service", "Service", "Deployment"]
    assert kinds() == kinds(replicas=0) == kinds(replicas=1) == always
    assert kinds(replicas=2) == [*always, "PodDisruptionBudget"]
    assert kinds(autoscaling={"maxReplicas": 1}) == [*always, "HorizontalPodAutoscaler"]
    assert kinds(autoscaling=BETWEEN) == [*always, "PodDisruptionBudget", "HorizontalPodAutoscaler"]
    assert kinds(KEDA, autoscaling=BETWEEN) == [*always, "PodDisruptionBudget", "ScaledObject"]
    assert kinds(KEDA, replicas=1) == always


def test_every_object_belongs_to_its_speech_engine_and_can_be_found_by_label() -> None:
    for platform, autoscaling in itertools.product((CPU, KEDA), ({}, {"autoscaling": BETWEEN})):
        for resource, obj in wanted(speech_engine(**autoscaling), platform):
            assert (obj["apiVersion"], obj["kind"]) == (resource.api_version, resource.kind)
            assert obj["metadata"]["namespace"] == "agents"
            assert obj["metadata"]["labels"] == {
                "app.kubernetes.io/name": "timbre-engine",
                "app.kubernetes.io/instance": "default",
                "app.kubernetes.io/managed-by": "timbre-operator",
                "app.kubernetes.io/part-of": "timbre",
                "timbre.dev/engine": "default",
            }
            [owner] = obj["metadata"]["ownerReferences"]
            assert owner["uid"] == UID and owner["controller"] and "blockOwnerDeletion" not in owner
            assert "finalizers" not in obj["metadata"]


def test_names_of_the_longest_engine_fit() -> None:
    longest = "e" * 40
    for each in wanted(speech_engine(longest, autoscaling=BETWEEN), CPU):
        assert len(each.obj["metadata"]["name"]) <= 63
    assert len(names.voices_part(longest, shards.MOST - 1)) <= 63


@pytest.mark.parametrize(
    ("spec", "platform", "surge", "unavailable"),
    [
        ({}, CPU, 1, 0),
        ({"replicas": 3}, CPU, 1, 0),
        ({"resources": GPU}, CPU, 0, 1),
        ({"resources": {"limits": {"gpu.intel.com/i915": 1}}, "replicas": 2}, CPU, 0, 1),
        ({"resources": {"limits": {"cpu": "2"}}}, CPU, 1, 0),
        ({}, Platform(IMAGE, single_pod_volume=True), 0, 1),
    ],
)
def test_a_new_pod_comes_first_but_on_the_only_gpu_or_volume(
    spec: dict[str, Any], platform: Platform, surge: int, unavailable: int
) -> None:
    strategy = one("Deployment", platform, **spec)["spec"]["strategy"]
    assert strategy == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }


@pytest.mark.parametrize(
    ("spec", "replicas"), [({}, 1), ({"replicas": 0}, 0), ({"replicas": 7}, 7), ({"autoscaling": BETWEEN}, None)]
)
def test_replicas_are_left_to_what_scales(spec: dict[str, Any], replicas: int | None) -> None:
    assert one("Deployment", **spec)["spec"].get("replicas") == replicas


def test_a_budget_never_forbids_draining_a_node() -> None:
    budget = one("PodDisruptionBudget", replicas=2)["spec"]
    assert budget["maxUnavailable"] == 1 and "minAvailable" not in budget
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["selector"]["matchLabels"] == one("Deployment")["spec"]["selector"]["matchLabels"]


def test_autoscalers_target_the_deployment_within_the_bounds() -> None:
    between = {**BETWEEN, "scaleDownStabilizationSeconds": 60}
    by_cpu = one("HorizontalPodAutoscaler", autoscaling=between)["spec"]
    assert by_cpu["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "default-speech"}
    assert (by_cpu["minReplicas"], by_cpu["maxReplicas"]) == (2, 5)
    [metric] = by_cpu["metrics"]
    assert metric["containerResource"]["container"] == "engine"
    assert metric["containerResource"]["target"]["averageUtilization"] == 70

    by_waiting = one("ScaledObject", KEDA, autoscaling=between, slots=6)["spec"]
    assert (by_waiting["minReplicaCount"], by_waiting["maxReplicaCount"]) == (2, 5)
    triggers = [each["metadata"] for each in by_waiting["triggers"]]
    assert {each["serverAddress"] for each in triggers} == {"http://prometheus:9090"}
    waiting, running = triggers
    assert 'timbre_engine_requests_waiting{namespace="agents"' in waiting["query"] and waiting["threshold"] == "3"
    assert 'timbre_engine_requests_running{namespace="agents"' in running["query"] and running["threshold"] == "6"

    behaviors = by_cpu["behavior"], by_waiting["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert [each["scaleDown"]["stabilizationWindowSeconds"] for each in behaviors] == [60, 60]


def test_pods_are_restricted() -> None:
    made = pod(model=HUB, backend="qwen3tts")
    assert made["automountServiceAccountToken"] is False and made["enableServiceLinks"] is False
    assert made["securityContext"]["runAsNonRoot"] and made["securityContext"]["runAsUser"] == 10001
    assert made["securityContext"]["fsGroup"] == 10001
    assert made["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert set(containers(model=HUB, backend="qwen3tts")) == {"model", "fetcher", "engine"}
    for container in [*made["initContainers"], *made["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert not any("hostPath" in volume for volume in made["volumes"])


def test_a_long_load_lives_and_a_busy_engine_too() -> None:
    engine, fetcher = containers()["engine"], containers()["fetcher"]
    for probe in (engine["startupProbe"], engine["livenessProbe"], fetcher["livenessProbe"]):
        assert probe["httpGet"]["path"] == "/livez", "only a process that hangs is killed, not one that loads"
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 60 and probe["timeoutSeconds"] >= 5
    assert engine["readinessProbe"]["httpGet"] == {"path": "/health", "port": "speech"}
    assert fetcher["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "admin"}
    assert fetcher["restartPolicy"] == "Always", "a native sidecar"
    assert "startupProbe" not in fetcher, "the engine starts after the fetcher, which may wait for it"


@pytest.mark.parametrize("drain", [0, 30, 600])
def test_an_engine_leaves_the_services_before_it_drains(drain: int) -> None:
    made, engine = pod(terminationDrainSeconds=drain), containers(terminationDrainSeconds=drain)["engine"]
    assert engine["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
    assert variables(engine)["TIMBRE_ENGINE_DRAIN_TIMEOUT"] == str(drain)
    assert made["terminationGracePeriodSeconds"] > 5 + drain


def test_the_administration_listens_on_loopback_and_is_on_no_service() -> None:
    engine = containers()["engine"]
    assert variables(engine)["TIMBRE_ENGINE_ADMIN_HOST"] == "127.0.0.1"
    assert [port["containerPort"] for port in engine["ports"]] == [8770]
    for name in ("default-speech", "default-speech-pods"):
        assert [port["port"] for port in one("Service", name=name)["spec"]["ports"]] == [8770]
    headless = one("Service", name="default-speech-pods")["spec"]
    assert headless["clusterIP"] == "None" and "publishNotReadyAddresses" not in headless


def test_secrets_are_files_and_credentials_are_the_fetchers_alone() -> None:
    spec: dict[str, Any] = {
        "sources": {"allowedHosts": ["models.example", "registry.example:5000"]},
        "sourceCredentials": [
            {"host": "models.example", "secretRef": {"name": "models"}},
            {"host": "registry.example:5000", "secretRef": {"name": "registry"}},
        ],
    }
    found = containers(backend="qwen3tts", model=HUB, **spec)
    mounted = {name: {each["name"] for each in each_["volumeMounts"]} for name, each_ in found.items()}
    assert {"credentials-0", "credentials-1"} <= mounted["fetcher"]
    assert not {"credentials-0", "credentials-1", "voices"} & (mounted["engine"] | mounted["model"])
    assert "admin" not in mounted["model"]
    paths = {each["name"]: each["mountPath"] for each in found["fetcher"]["volumeMounts"]}
    assert paths["credentials-0"] == "/etc/timbre/credentials/models.example"
    assert paths["credentials-1"] == "/etc/timbre/credentials/registry.example_5000", "without the colon"
    volumes = {each["name"]: each for each in pod(**spec)["volumes"]}
    assert volumes["credentials-0"]["secret"] == {"secretName": "models", "optional": True}
    assert variables(found["fetcher"])["TIMBRE_FETCHER_ALLOWED_HOSTS"] == "models.example,registry.example:5000"
    assert not any("TOKEN" in key and not key.endswith("FILE") for each in found.values() for key in variables(each))


def test_only_the_fetcher_writes_to_the_adapters_and_folders_are_mounted_whole() -> None:
    found = containers(backend="qwen3tts", model=CLAIM)
    read_only = {
        name: {m["mountPath"]: m.get("readOnly") for m in each["volumeMounts"]} for name, each in found.items()
    }
    assert read_only["engine"]["/adapters"] is True and read_only["fetcher"]["/adapters"] is None
    assert read_only["engine"]["/models"] is True and "/models" not in read_only["fetcher"]
    assert not any("subPath" in mount for each in found.values() for mount in each["volumeMounts"])


@pytest.mark.parametrize(
    ("volume", "becomes"),
    [
        (None, {"emptyDir": {"sizeLimit": "1Gi"}}),
        ({"emptyDir": {"sizeLimit": "5Gi"}}, {"emptyDir": {"sizeLimit": "5Gi"}}),
        ({"persistentVolumeClaim": {"claimName": "shared"}}, {"persistentVolumeClaim": {"claimName": "shared"}}),
    ],
)
def test_where_adapters_lie(volume: Any, becomes: Object) -> None:
    spec: dict[str, Any] = {"adaptersVolume": volume} if volume else {}
    [adapters] = [each for each in pod(**spec)["volumes"] if each["name"] == "adapters"]
    assert adapters == {"name": "adapters", **becomes}


@pytest.mark.parametrize(
    ("limit", "bytes_"),
    [("1Gi", 966367641), ("1.5Gi", 1449551462), ("1000M", 900000000), ("2000000", 1800000), ("500000000m", 450000)],
)
def test_fetched_files_stay_below_the_limit_that_would_evict_the_pod(limit: str, bytes_: int) -> None:
    found = containers(adaptersVolume={"emptyDir": {"sizeLimit": limit}})
    assert variables(found["fetcher"])["TIMBRE_FETCHER_VOLUME_BYTES"] == str(bytes_)
    claimed = containers(adaptersVolume={"persistentVolumeClaim": {"claimName": "shared"}})
    assert "TIMBRE_FETCHER_VOLUME_BYTES" not in variables(claimed["fetcher"])


def test_a_model_comes_from_a_claim_or_from_the_hub() -> None:
    of_claim, of_hub = containers(backend="qwen3tts", model=CLAIM), containers(backend="qwen3tts", model=HUB)
    assert "model" not in of_claim and variables(of_claim["engine"])["TIMBRE_ENGINE_MODEL"] == "/models/0.6b"
    assert of_hub["model"]["args"] == ["pull", "who/voice@v2", "/models"]
    assert variables(of_hub["engine"])["TIMBRE_ENGINE_MODEL"] == "/models"
    assert next(iter(of_hub)) == "model", "before the fetcher, which never ends"
    assert "TIMBRE_ENGINE_MODEL" not in variables(containers()["engine"])
    [volume] = [each for each in pod(backend="qwen3tts", model=CLAIM)["volumes"] if each["name"] == "model"]
    assert volume["persistentVolumeClaim"] == {"claimName": "weights", "readOnly": True}


def test_pod_overrides_arrive_and_labels_of_the_operator_stay() -> None:
    spec: dict[str, Any] = {
        "env": [{"name": "TIMBRE_ENGINE_THREADS", "value": "3"}, {"name": "TIMBRE_ENGINE_SLOTS", "value": "9"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        "priorityClassName": "high",
        "runtimeClassName": "nvidia",
        "imagePullSecrets": [{"name": "pull"}],
        "imagePullPolicy": "Never",
        "podLabels": {"team": "speech", "timbre.dev/engine": "another"},
        "podAnnotations": {"note": "x"},
        "resources": {"requests": {"cpu": "1"}},
        "fetcherResources": {"limits": {"memory": "1Gi"}},
    }
    made = pod(**spec)
    for key in ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName"):
        assert made[key] == spec[key]
    assert made["runtimeClassName"] == "nvidia" and made["imagePullSecrets"] == [{"name": "pull"}]
    metadata = one("Deployment", **spec)["spec"]["template"]["metadata"]
    assert metadata["labels"]["team"] == "speech" and metadata["labels"]["timbre.dev/engine"] == "default"
    assert metadata["annotations"] == {"note": "x"}
    found = containers(**spec)
    assert variables(found["engine"])["TIMBRE_ENGINE_THREADS"] == "3"
    assert [each["value"] for each in found["engine"]["env"] if each["name"] == "TIMBRE_ENGINE_SLOTS"] == ["9"]
    assert found["engine"]["resources"] == {"requests": {"cpu": "1"}}
    assert found["fetcher"]["resources"] == {"limits": {"memory": "1Gi"}}
    assert {each["imagePullPolicy"] for each in found.values()} == {"Never"}


def test_the_account_has_no_token_and_the_annotations_that_clouds_want() -> None:
    account = one("ServiceAccount", serviceAccountAnnotations={"eks.amazonaws.com/role-arn": "arn"})
    assert account["automountServiceAccountToken"] is False
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": "arn"}


def test_the_template_is_the_same_bytes_as_ever() -> None:
    """Whatever changes it restarts every engine when the operator is upgraded: where that is meant, say so."""
    golden = Path(__file__).with_name("data") / "template.json"
    made = {
        "espeak": one("Deployment")["spec"]["template"],
        "claim": one("Deployment", backend="qwen3tts", model=CLAIM)["spec"]["template"],
        "hub": one("Deployment", backend="qwen3tts", model=HUB)["spec"]["template"],
    }
    assert json.dumps(made, indent=1) + "\n" == golden.read_text(encoding="utf-8")


def test_the_template_knows_no_voice_no_status_and_no_operator() -> None:
    plain = json.dumps(one("Deployment")["spec"]["template"])
    assert plain == json.dumps(one("Deployment", KEDA, adminTokenRotationDays=1, replicas=9)["spec"]["template"])
    sources = next(each for each in pod()["volumes"] if each["name"] == "voices")["projected"]["sources"]
    assert [each["configMap"]["name"] for each in sources] == [f"default-speech-voices-{i}" for i in range(8)]
    assert all(each["configMap"]["optional"] for each in sources)


@pytest.mark.parametrize(
    ("image", "live", "chosen"),
    [
        ("mine:1", None, "mine:1"),
        ("mine:1", {"metadata": {"annotations": {"timbre.dev/default-image": "old:1"}}}, "mine:1"),
        (None, None, "new:2"),
        (None, {"metadata": {}}, "new:2"),
        (None, {"metadata": {"annotations": {"timbre.dev/default-image": "old:1"}}}, "old:1"),
    ],
)
def test_an_image_changes_by_choice_and_not_with_the_operator(image: str | None, live: Any, chosen: str) -> None:
    spec: dict[str, Any] = {"image": image} if image else {}
    assert chosen_image(speech_engine(**spec), live, "new:2") == chosen


def test_a_models_digest_is_on_the_pod_and_told_to_the_engine() -> None:
    digest = f"sha256:{'1' * 64}"
    spec: dict[str, Any] = {"backend": "qwen3tts", "podAnnotations": {"a": "b", names.MODEL_DIGEST: "another"}}
    named = one("Deployment", model={**CLAIM, "digest": digest}, **spec)["spec"]["template"]
    assert named["metadata"]["annotations"] == {"a": "b", names.MODEL_DIGEST: digest}
    assert variables(named["spec"]["containers"][0])["TIMBRE_ENGINE_MODEL_DIGEST"] == digest
    assert "TIMBRE_ENGINE_MODEL_DIGEST" not in variables(containers(backend="qwen3tts", model=CLAIM)["engine"])


def test_every_variable_is_a_setting_of_the_command_that_reads_it() -> None:
    spec: dict[str, Any] = {
        "backend": "qwen3tts",
        "model": {**HUB, "digest": f"sha256:{'1' * 64}"},
        "sources": {"allowedHosts": ["a"], "allowPrivate": True},
    }
    found = containers(**spec)
    for name, prefix, settings in (
        ("engine", "TIMBRE_ENGINE_", engine_settings.Settings),
        ("fetcher", "TIMBRE_FETCHER_", fetcher_settings.Settings),
    ):
        told = variables(found[name])
        assert all(key.startswith(prefix) for key in told)
        refuse_unknown_environment(told, prefix, settings)
