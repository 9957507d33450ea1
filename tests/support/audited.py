"""Which rights ServiceAccounts used, as an API server's audit log tells: pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

Right = tuple[str, str, str]
"""API group, resource (with its subresource: `pods/status`), verb."""

EVERYBODYS: Final[set[Right]] = {("authorization.k8s.io", "selfsubjectaccessreviews", "create")}
"""Rights that Kubernetes itself grants to every account, and no chart has to."""
_ACCOUNT: Final = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")


class Use(NamedTuple):
    """A right that an account used. namespace: the account's. refused: whether the answer was 403."""

    namespace: str
    account: str
    right: Right
    refused: bool


def uses(lines: Iterable[str], since: str = "") -> set[Use]:
    """What accounts did from a moment on (RFC 3339, UTC), beside what everybody may. lines: with their ends.

    Not what one did after its rights began to be taken away, with a RoleBinding or the namespace that it lives in.
    """
    first: dict[Use, str] = {}
    ended: dict[str, str] = {}
    for line in lines:
        if not line.endswith("\n"):  # it is being written
            continue
        request = json.loads(line)
        moment, about = request["requestReceivedTimestamp"], request.get("objectRef")
        if about is None or moment < since:
            continue
        if request["verb"] == "delete" and about["resource"] in ("rolebindings", "namespaces"):
            ended.setdefault(about["namespace"], moment)
        for use in _uses(request):
            first[use] = min(moment, first.get(use, moment))
    return {use for use, moment in first.items() if use.namespace not in ended or moment < ended[use.namespace]}


def _uses(request: dict[str, Any]) -> Iterator[Use]:
    match = _ACCOUNT.fullmatch(request["user"]["username"])
    if match is None:
        return
    about, code = request["objectRef"], request["responseStatus"]["code"]
    resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
    # A server-side apply of what is not there yet is a patch that wants the right to create too.
    verbs = [request["verb"], *(["create"] if (request["verb"], code) == ("patch", 201) else [])]
    for verb in verbs:
        right = (about.get("apiGroup", ""), resource, verb)
        if right not in EVERYBODYS:
            yield Use(match[1], match[2], right, code == 403)


def beyond(found: Iterable[Use], granted: Mapping[str, set[Right]]) -> list[str]:
    """The rights that an account of `granted` used and has not, a line each."""
    return sorted(
        {
            f"{use.account}: {_told(use.right)}{' (refused)' if use.refused else ''}"
            for use in found
            if use.account in granted and (use.refused or use.right not in granted[use.account])
        }
    )


def unused(found: Iterable[Use], granted: Mapping[str, set[Right]]) -> list[str]:
    """The rights that an account of `granted` has and never used, a line each."""
    used = {(use.account, use.right) for use in found if not use.refused}
    return [
        f"{account}: {_told(right)}"
        for account, all_of_it in granted.items()
        for right in sorted(all_of_it)
        if (account, right) not in used
    ]


def _told(right: Right) -> str:
    group, resource, verb = right
    return f"{verb} {resource}{f'.{group}' if group else ''}"
