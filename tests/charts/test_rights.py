"""The chart grants what its accounts use (tests/api/test_rights.py), and no more; and finds what the operator makes."""

import re

from support import accounts
from support.accounts import rights
from support.helm import one, template
from timbre_common.names import ROUTES_CONFIGMAP
from timbre_operator import names as operator_names


def test_in_watched_namespaces() -> None:
    role = one(template(), "Role", "voices-demo-timbre-operator")
    assert rights(role["rules"]) == rights(accounts.SERVED_RULES)
    cluster = one(template({"operator": {"clusterWide": True}}), "ClusterRole")
    assert rights(cluster["rules"]) == rights(role["rules"])


def test_in_its_own() -> None:
    assert rights(one(template(), "Role", "demo-timbre-operator-own")["rules"]) == rights(accounts.OWN_RULES)


def test_of_the_bridge() -> None:
    assert one(template(), "Role", "demo-timbre-bridge")["rules"] == accounts.BRIDGE_RULES


def test_ports_labels_and_names_are_those_of_the_code() -> None:
    objects = template({"monitoring": {"serviceMonitors": {"enabled": True}}})
    ports = {operator_names.SPEECH, operator_names.ADMIN}
    monitor, policy = one(objects, "PodMonitor")["spec"], one(objects, "NetworkPolicy", "demo-timbre-engines")["spec"]
    assert {each["port"] for each in monitor["podMetricsEndpoints"]} == ports
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == ports
    labels = operator_names.labels("default")
    assert monitor["selector"]["matchLabels"] == policy["podSelector"]["matchLabels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    label = monitor["podMetricsEndpoints"][0]["relabelings"][0]["sourceLabels"][0]
    assert label.removeprefix("__meta_kubernetes_pod_label_") in {re.sub(r"\W", "_", each) for each in labels}
    bridge = one(objects, "Deployment", "demo-timbre-bridge")["spec"]["template"]["spec"]["containers"][0]
    assert f"--routes-configmap={ROUTES_CONFIGMAP}" in bridge["args"]
