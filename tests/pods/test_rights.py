"""What pods of the chart asked of the cluster's API server is within what they are granted, and no other pod asked.

That every right is used is shown before API servers alone: tests/api/test_rights.py.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from support import cluster
from support.accounts import GRANTED, OPERATOR
from support.audited import beyond, uses

ENV_AUDIT_LOG: Final = "TIMBRE_TEST_AUDIT_LOG"
"""The cluster's audit log, of JSON lines; the level Metadata is enough."""
BEGAN: Final = datetime.now(UTC).isoformat(timespec="microseconds")
"""When tests were collected: before the first of them ran."""


@pytest.mark.last
def test_no_pod_asked_for_what_it_is_not_granted() -> None:
    cluster.kubeconfig()
    path = os.environ.get(ENV_AUDIT_LOG)
    if not path:
        pytest.skip(f"{ENV_AUDIT_LOG} names no audit log of the cluster: what pods asked of it is not looked at")
    with Path(path).open() as lines:
        found = uses(lines, since=BEGAN)
    releases = {use.namespace for use in found if use.account == OPERATOR}
    if not releases:
        pytest.skip(f"no {OPERATOR} asked for anything, as {path} tells: no release ran")
    assert {use.account for use in found if use.namespace in releases} <= GRANTED.keys()
    assert not beyond(found, GRANTED)
