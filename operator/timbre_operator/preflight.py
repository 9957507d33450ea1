"""What the operator needs of the cluster before it begins: its rights, and resources of its own version."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from timbre_operator import rbac, schema
from timbre_operator.kube import Kube, Object
from timbre_operator.kube.resource import ACCESS_REVIEWS
from timbre_operator.rbac import Rule

_AT_ONCE: Final = 8


class Need(NamedTuple):
    """One verb on one resource; namespace None: in all of them."""

    rule: Rule
    verb: str
    namespace: str | None


def needs(namespaces: Sequence[str], lease_namespace: str, *, keda: bool) -> list[Need]:
    """Every right, by the namespaces that are looked after (none: all of them)."""
    rules = [*rbac.SERVED, *(rbac.KEDA if keda else ())]
    served = [Need(rule, verb, where) for where in namespaces or (None,) for rule in rules for verb in rule.verbs]
    return served + [Need(rule, verb, lease_namespace) for rule in rbac.OWN for verb in rule.verbs]


def review(need: Need) -> Object:
    """The question whether oneself may do this."""
    resource, _, subresource = need.rule.resource.partition("/")
    attributes = {
        "group": need.rule.group,
        "resource": resource,
        "subresource": subresource,
        "verb": need.verb,
        "namespace": need.namespace or "",
    }
    return {
        "apiVersion": ACCESS_REVIEWS.api_version,
        "kind": ACCESS_REVIEWS.kind,
        "metadata": {},
        "spec": {"resourceAttributes": attributes},
    }


def lines(missing: Iterable[Need]) -> list[str]:
    """One line for each resource and namespace, with the verbs that are missing."""
    verbs: dict[tuple[str, str | None], list[str]] = {}
    for need in missing:
        group = f".{need.rule.group}" if need.rule.group else ""
        verbs.setdefault((need.rule.resource + group, need.namespace), []).append(need.verb)
    return [
        f"may not {', '.join(which)} {resource} in {f'namespace {where}' if where else 'all namespaces'}"
        for (resource, where), which in verbs.items()
    ]


async def problems(kube: Kube, namespaces: Sequence[str], lease_namespace: str, *, keda: bool) -> list[str]:
    """What is missing, a line each; none where the operator can work. Raises ClusterUnavailable."""
    found = await schema.problems(kube)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def allowed(need: Need) -> bool:
        async with gate:
            answer = await kube.create(ACCESS_REVIEWS, review(need))
        return bool(answer["status"]["allowed"])

    wanted = needs(namespaces, lease_namespace, keda=keda)
    answers = await asyncio.gather(*(allowed(need) for need in wanted))
    return found + lines(need for need, granted in zip(wanted, answers, strict=True) if not granted)
