"""The chart grants what the operator uses, and nothing else; and it finds what the operator makes."""

import re
from typing import Any

from support.helm import one, template
from timbre_common.names import ROUTES_CONFIGMAP
from timbre_operator import names as operator_names
from timbre_operator import rbac

Rights = set[tuple[str, str, str]]


def granted(role: dict[str, Any]) -> Rights:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(*rules: rbac.Rule) -> Rights:
    return {(rule.group, rule.resource, verb) for rule in rules for verb in rule.verbs}


def test_in_watched_namespaces() -> None:
    role = one(template(), "Role", "voices-demo-timbre-operator")
    assert granted(role) == used(*rbac.SERVED, *rbac.KEDA)
    cluster = one(template({"operator": {"clusterWide": True}}), "ClusterRole")
    assert granted(cluster) == granted(role)


def test_in_its_own() -> None:
    assert granted(one(template(), "Role", "demo-timbre-operator-own")) == used(*rbac.OWN)


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
    assert one(objects, "Role", "demo-timbre-bridge")["rules"][0]["resourceNames"] == [ROUTES_CONFIGMAP]
