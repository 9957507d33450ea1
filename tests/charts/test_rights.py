"""The chart grants what the operator uses, and nothing else."""

from typing import Any

from support.helm import one, template
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
