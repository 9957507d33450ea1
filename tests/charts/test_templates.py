"""What the chart makes of its values."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.helm import CHART, CRDS_CHART, EVERYTHING, Object, helm, one, template
from timbre_bridge.cli import app as bridge
from timbre_operator.cli import app as operator

BY_DEFAULT = {
    "Deployment/demo-timbre-bridge",
    "Deployment/demo-timbre-operator",
    "Deployment/demo-timbre-valkey",
    "NetworkPolicy/demo-timbre-bridge",
    "NetworkPolicy/demo-timbre-engines",
    "NetworkPolicy/demo-timbre-operator",
    "NetworkPolicy/demo-timbre-valkey",
    "Pod/demo-timbre-test",
    "Role/demo-timbre-bridge",
    "Role/demo-timbre-operator-own",
    "Role/voices-demo-timbre-operator",
    "RoleBinding/demo-timbre-bridge",
    "RoleBinding/demo-timbre-operator-own",
    "RoleBinding/voices-demo-timbre-operator",
    "Secret/demo-timbre-bridge-token",
    "Secret/demo-timbre-valkey",
    "Service/demo-timbre-bridge",
    "Service/demo-timbre-valkey",
    "ServiceAccount/demo-timbre-bridge",
    "ServiceAccount/demo-timbre-operator",
    "SpeechEngine/default",
}
OF_BRIDGE = {each for each in BY_DEFAULT if "timbre-bridge" in each or each == "Pod/demo-timbre-test"}
OF_VALKEY = {each for each in BY_DEFAULT if "timbre-valkey" in each}
POLICIES = {each for each in BY_DEFAULT if each.startswith("NetworkPolicy/")}
IN_NAMESPACE = {"Role/voices-demo-timbre-operator", "RoleBinding/voices-demo-timbre-operator"}


def names(objects: list[Object]) -> set[str]:
    found = [f"{each['kind']}/{each['metadata']['name']}" for each in objects]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize("chart", [CHART, CRDS_CHART], ids=lambda path: str(Path(path).name))
def test_lint(chart: Path) -> None:
    helm("lint", "--strict", str(chart), "--kube-version", "1.34.0")


@pytest.mark.parametrize(
    ("values", "more", "less"),
    [
        ({}, set(), set()),
        ({"bridge": {"enabled": False}}, set(), OF_BRIDGE),
        ({"engine": {"create": False}}, set(), {"SpeechEngine/default"}),
        ({"redis": {"existingSecret": "mine"}}, set(), OF_VALKEY),
        ({"bridge": {"token": {"existingSecret": "mine"}}}, set(), {"Secret/demo-timbre-bridge-token"}),
        ({"bridge": {"token": {"jwksConfigMap": "mine"}}}, set(), {"Secret/demo-timbre-bridge-token"}),
        ({"networkPolicy": {"enabled": False}}, set(), POLICIES),
        ({"operator": {"replicas": 2}}, {"PodDisruptionBudget/demo-timbre-operator"}, set()),
        ({"bridge": {"replicas": 2}}, {"PodDisruptionBudget/demo-timbre-bridge"}, set()),
        (
            {"operator": {"clusterWide": True}},
            {"ClusterRole/voices-demo-timbre-operator", "ClusterRoleBinding/voices-demo-timbre-operator"},
            IN_NAMESPACE,
        ),
        (
            {"bridge": {"ingress": {"enabled": True, "host": "a.example"}}},
            {"Ingress/demo-timbre-bridge"},
            set(),
        ),
        (
            {"bridge": {"httpRoute": {"enabled": True, "hostnames": ["a.example"], "parentRefs": [{"name": "g"}]}}},
            {"HTTPRoute/demo-timbre-bridge"},
            set(),
        ),
        (
            {"monitoring": {"serviceMonitors": {"enabled": True}}},
            {
                "ServiceMonitor/demo-timbre-bridge",
                "ServiceMonitor/demo-timbre-operator",
                "Service/demo-timbre-operator",
                "PodMonitor/demo-timbre-engines",
            },
            set(),
        ),
        ({"monitoring": {"rules": {"enabled": True}}}, {"PrometheusRule/demo-timbre"}, set()),
        ({"monitoring": {"dashboards": {"enabled": True}}}, {"ConfigMap/demo-timbre-dashboards"}, set()),
    ],
    ids=str,
)
def test_values_make_objects(values: Object, more: set[str], less: set[str]) -> None:
    assert names(template(values)) == (BY_DEFAULT | more) - less


@pytest.mark.parametrize(
    ("values", "spec"),
    [
        ({}, {"backend": "espeak"}),
        ({"engine": {"spec": {"replicas": 2, "slots": 8}}}, {"backend": "espeak", "replicas": 2, "slots": 8}),
        (
            {"model": {"pull": {"enabled": True}}},
            {
                "backend": "qwen3tts",
                "model": {
                    "persistentVolumeClaim": {
                        "claimName": "demo-timbre-model",
                        "path": "Qwen3-TTS-12Hz-0.6B-CustomVoice-main-Q4_K_M",
                    }
                },
            },
        ),
        (
            {"engine": {"spec": {"model": {"persistentVolumeClaim": {"claimName": "mine"}}}}},
            {"backend": "qwen3tts", "model": {"persistentVolumeClaim": {"claimName": "mine"}}},
        ),
        (
            {"imagePullSecrets": [{"name": "registry"}]},
            {"backend": "espeak", "imagePullSecrets": [{"name": "registry"}]},
        ),
        ({"engine": {"spec": {"image": "mine:1"}}}, {"backend": "espeak", "image": "mine:1"}),
    ],
    ids=str,
)
def test_the_engine_that_values_make(values: Object, spec: Object) -> None:
    image = {"image": "localhost/timbre-engine:0.1.0", "imagePullPolicy": "IfNotPresent"}
    assert one(template(values), "SpeechEngine")["spec"] == image | spec


def container(objects: list[Object], component: str) -> Object:
    pod = one(objects, "Deployment", f"demo-timbre-{component}")["spec"]["template"]["spec"]
    found: Object = pod["containers"][0]
    return found


def test_the_bridge_understands_its_arguments_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    made = container(template(EVERYTHING), "bridge")
    for variable in made["env"]:
        monkeypatch.setenv(variable["name"], variable.get("value", "redis://…"))
    _, bound, _ = bridge.parse_args(made["args"], exit_on_error=False, print_error=False)
    settings = bound.arguments["settings"]
    assert settings.host == "0.0.0.0"
    assert settings.tls_terminated
    assert (settings.floor, settings.max_listeners, settings.speak_to_agents) == ("mix", 200, True)
    assert settings.allow_origin == ("https://example.org",)
    assert {"demo-timbre-bridge", "voices.example.org", "speech.example.org"} < set(settings.allow_host)


WATCHED: list[tuple[Object, list[str]]] = [
    ({}, ["voices"]),
    ({"operator": {"namespaces": ["a", "voices"]}}, ["a", "voices"]),
    ({"operator": {"clusterWide": True}}, []),
]


@pytest.mark.parametrize(("values", "watched"), WATCHED, ids=str)
def test_engines_are_scraped_where_the_operator_watches(values: Object, watched: list[str]) -> None:
    monitor = one(template(values | {"monitoring": {"serviceMonitors": {"enabled": True}}}), "PodMonitor")
    assert monitor["spec"]["namespaceSelector"] == ({"matchNames": watched} if watched else {"any": True})


@pytest.mark.parametrize(("values", "watched"), WATCHED, ids=str)
def test_the_operator_may_where_it_watches(values: Object, watched: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    objects = template(values)
    for variable in container(objects, "operator")["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    _, bound, _ = operator.parse_args(["run"], exit_on_error=False, print_error=False)
    settings = bound.arguments["settings"]
    assert settings.namespace == watched
    assert (settings.host, settings.port, settings.lease_name) == ("0.0.0.0", 8780, "demo-timbre-operator")
    roles = [each for each in objects if each["metadata"]["name"] == "voices-demo-timbre-operator"]
    assert sorted(each["metadata"].get("namespace", "") for each in roles if each["kind"] == "Role") == watched
    assert {each["kind"] for each in roles} == (
        {"Role", "RoleBinding"} if watched else {"ClusterRole", "ClusterRoleBinding"}
    )


@pytest.mark.parametrize(
    ("authority", "volume"),
    [
        ({"caConfigMap": "my-ca"}, {"configMap": {"name": "my-ca"}}),
        ({"caSecret": "my-ca"}, {"secret": {"secretName": "my-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
    ],
    ids=str,
)
def test_secrets_that_are_there_are_used_and_none_is_in_a_spec(authority: Object, volume: Object) -> None:
    values: Object = {
        "redis": {"existingSecret": "my-redis", "key": "address", **authority},
        "bridge": {"token": {"existingSecret": "my-token", "key": "signing"}},
    }
    objects = template(values)
    assert not [each for each in objects if each["kind"] == "Secret"]
    made = container(objects, "bridge")
    variables = {each["name"]: each.get("value") or each["valueFrom"]["secretKeyRef"] for each in made["env"]}
    assert variables["REDIS_URL"] == {"name": "my-redis", "key": "address"}
    assert variables["SSL_CERT_FILE"] == "/etc/timbre/redis-ca/ca.crt"
    pods = [
        one(objects, "Deployment", "demo-timbre-bridge")["spec"]["template"],
        one(objects, "Pod", "demo-timbre-test"),
    ]
    for pod in pods:
        assert {"name": "redis-ca", **volume} in pod["spec"]["volumes"]
    token = next(each["secret"] for each in pods[0]["spec"]["volumes"] if each["name"] == "token")
    assert token == {"secretName": "my-token", "items": [{"key": "signing", "path": "secret"}]}


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({}, {}, True),
        ({}, {"model": {"pull": {"revision": "v2"}}}, False),
        ({}, {"engine": {"image": {"tag": "0.2.0"}}}, False),
        ({}, {"operator": {"image": {"tag": "0.2.0"}}}, True),
    ],
    ids=str,
)
def test_another_model_is_another_job(first: Object, second: Object, same: bool) -> None:
    def job(values: dict[str, Any]) -> str:
        pull = {"enabled": True} | values.get("model", {}).get("pull", {})
        name: str = one(template(values | {"model": {"pull": pull}}), "Job")["metadata"]["name"]
        return name

    assert (job(first) == job(second)) is same


def test_long_release_names_leave_room(tmp_path: Path) -> None:
    release = "a-release-with-a-name-that-is-fifty-three-letters-lon"
    long = [
        each["metadata"]["name"] for each in template(EVERYTHING, release=release) if each["kind"] != "SpeechEngine"
    ]
    assert max(len(name) for name in long) <= 63


@pytest.mark.parametrize(
    "path", sorted((CHART / "examples" / "values").iterdir()), ids=lambda path: str(Path(path).name)
)
def test_examples_of_values_are_taken(path: Path) -> None:
    made = names(template(yaml.safe_load(path.read_text())))
    assert {"Deployment/demo-timbre-bridge", "SpeechEngine/default"} < made
    assert ("Deployment/demo-timbre-valkey" in made) is (path.stem != "external-redis")
