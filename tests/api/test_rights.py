"""What the accounts of operator and bridge asked of all API servers of this session is what they are granted.

The servers refuse what is not granted, so the operator's Roles are told apart by them. The requests of pods on a
cluster are looked at in tests/pods/test_rights.py; they add none to those that this folder's tests cause.
"""

from collections.abc import Callable

import pytest

from support import apiserver
from support.accounts import GRANTED
from support.audited import Use, beyond, unused, uses


@pytest.fixture(scope="module")
def found() -> set[Use]:
    if not apiserver.audit_logs:
        pytest.skip("no API server ran: what was asked of it is not looked at")
    return {use for path in apiserver.audit_logs for use in uses(path.read_text().splitlines(keepends=True))}


@pytest.mark.last
def test_nothing_was_asked_for_that_is_not_granted(found: set[Use]) -> None:
    assert not beyond(found, GRANTED)


@pytest.mark.last
def test_every_right_that_is_granted_was_used(found: set[Use], partly: Callable[[str], str]) -> None:
    why = partly("api")
    if why:
        pytest.skip(f"whether every right was used is not looked at: {why}")
    assert not unused(found, GRANTED)
