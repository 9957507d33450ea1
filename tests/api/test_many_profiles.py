"""Many VoiceProfiles on one engine: they speak, and at rest and on a new start the operator writes nothing.

The short form of tests/bench/bench_operator.py, which measures.
"""

import asyncio
import os
from pathlib import Path

import pytest

from support.apiserver import ApiServer
from support.many_profiles import place, profile
from support.operator_process import changes, lines, requests

PROFILES = int(os.environ.get("SOAK_PROFILES", "100"))
IDLE_S = float(os.environ.get("SOAK_IDLE_SECONDS", "20"))
"""`make soak` has 1,000 profiles, and five minutes of rest."""
WITHIN_S = 240

pytestmark = pytest.mark.timeout(4 * WITHIN_S + IDLE_S)


async def test_many_profiles_are_ready_and_an_operator_at_rest_writes_nothing(api: ApiServer, tmp_path: Path) -> None:
    async with place(api, tmp_path, PROFILES) as there:
        wanted = await there.apply(profile(there.namespace, index) for index in range(PROFILES))
        await there.readiness.when(wanted, WITHIN_S)
        since = await there.at_rest(WITHIN_S)
        await asyncio.sleep(IDLE_S)
        idle = requests(api, there.user, since)
        assert not changes(idle)
        assert any(each["verb"] == "patch" and each["objectRef"]["resource"] == "leases" for each in idle)

        since = lines(api)
        changed = await there.apply([profile(there.namespace, 0, pitch=3.0)])
        await there.readiness.when(changed, WITHIN_S)
        await there.at_rest(WITHIN_S)
        told = [each["objectRef"] for each in requests(api, there.user, since) if each["verb"] == "patch"]
        assert {each["name"] for each in told if each["resource"] == "voiceprofiles"} == set(changed)

        await there.stop()
        since = lines(api)
        await there.start()
        await there.passed(WITHIN_S)
        assert not changes(requests(api, there.user, since))
