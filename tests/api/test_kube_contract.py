"""What the operator relies on of Kube holds for a real API server, and for the one in memory that other tests use."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.apiserver import ApiServer
from support.kube import MemoryKube
from support.namespace import Namespace
from timbre_common.errors import Conflict, NotFound
from timbre_operator import owned
from timbre_operator.kube import Kube, Object, connection
from timbre_operator.kube.client import connected
from timbre_operator.kube.resource import CONFIG_MAPS, SPEECH_ENGINES


@pytest.fixture(params=["memory", "real"])
async def kube(request: pytest.FixtureRequest, api: ApiServer) -> AsyncIterator[Kube]:
    if request.param == "memory":
        yield MemoryKube()
        return
    async with connected(await connection.configuration(api.kubeconfig), 30.0) as real:
        yield real


def config_map(here: Namespace, name: str = "c", labels: dict[str, str] | None = None, **data: str) -> Object:
    metadata = {"name": name, "namespace": here.name, "labels": labels or {"a": "b"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def test_what_is_applied_is_there_and_what_is_left_out_goes(kube: Kube, here: Namespace) -> None:
    assert await kube.get(CONFIG_MAPS, here.name, "c") is None
    await kube.apply(CONFIG_MAPS, config_map(here, one="1", two="2"))
    await kube.apply(CONFIG_MAPS, config_map(here, two="3"))
    found = await kube.get(CONFIG_MAPS, here.name, "c")
    assert found and found["data"] == {"two": "3"}


async def test_a_field_of_another_manager_stays_and_one_of_both_is_taken_over(kube: Kube, here: Namespace) -> None:
    await kube.apply(CONFIG_MAPS, config_map(here, one="1", both="1"))
    await kube.apply(CONFIG_MAPS, config_map(here, both="2", other="2"), manager="another")
    found = await kube.apply(CONFIG_MAPS, config_map(here, one="1", both="1"))
    assert found["data"] == {"one": "1", "both": "1", "other": "2"}


async def test_what_is_owned_is_known_again_until_somebody_takes_it(kube: Kube, here: Namespace) -> None:
    wanted = owned.stamped(config_map(here, one="1"))
    await kube.apply(CONFIG_MAPS, wanted)
    found = await kube.get(CONFIG_MAPS, here.name, "c")
    assert found and owned.unchanged(found, wanted)
    assert not owned.unchanged(found, owned.stamped(config_map(here, one="2")))
    assert owned.owners(found, "data", "one") == {"timbre-operator"}
    await kube.apply(CONFIG_MAPS, config_map(here, one="2"), manager="another")
    taken = await kube.get(CONFIG_MAPS, here.name, "c")
    if isinstance(kube, MemoryKube):  # takes nothing from other managers: only the real one moves ownership
        return
    assert taken and not owned.unchanged(taken, wanted)


async def test_a_version_is_a_precondition(kube: Kube, here: Namespace) -> None:
    first = await kube.apply(CONFIG_MAPS, config_map(here, one="1"))
    stale = config_map(here, one="3")
    stale["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
    await kube.apply(CONFIG_MAPS, config_map(here, one="2"))
    with pytest.raises(Conflict):
        await kube.apply(CONFIG_MAPS, stale)


async def test_the_object_itself_is_a_precondition(kube: Kube, here: Namespace) -> None:
    first = await kube.apply(CONFIG_MAPS, config_map(here, one="1"))
    wanted = config_map(here, one="2")
    wanted["metadata"]["uid"] = first["metadata"]["uid"]
    await kube.apply(CONFIG_MAPS, config_map(here, other="3"), manager="another")
    changed = await kube.apply(CONFIG_MAPS, wanted)
    assert changed["data"] == {"one": "2", "other": "3"}
    await kube.delete(CONFIG_MAPS, here.name, "c")
    with pytest.raises(Conflict):
        await kube.apply(CONFIG_MAPS, wanted)
    assert await kube.get(CONFIG_MAPS, here.name, "c") is None


async def test_what_is_there_cannot_be_created(kube: Kube, here: Namespace) -> None:
    await kube.create(CONFIG_MAPS, config_map(here))
    with pytest.raises(Conflict):
        await kube.create(CONFIG_MAPS, config_map(here))


async def test_lists_are_whole_and_by_label(kube: Kube, here: Namespace) -> None:
    for index in range(3):
        await kube.apply(CONFIG_MAPS, config_map(here, f"c{index}", {"kind": "even" if index % 2 == 0 else "odd"}))
    found = await kube.list(CONFIG_MAPS, here.name, labels="kind=even")
    assert sorted(each["metadata"]["name"] for each in found) == ["c0", "c2"]
    everywhere = await kube.list(CONFIG_MAPS, None, labels="kind=odd")
    assert [each["metadata"]["name"] for each in everywhere if each["metadata"]["namespace"] == here.name] == ["c1"]


async def test_deleting_is_of_one_object_and_of_none_is_fine(kube: Kube, here: Namespace) -> None:
    found = await kube.apply(CONFIG_MAPS, config_map(here))
    with pytest.raises(Conflict):
        await kube.delete(CONFIG_MAPS, here.name, "c", uid="00000000-0000-4000-8000-000000000000")
    await kube.delete(CONFIG_MAPS, here.name, "c", uid=found["metadata"]["uid"])
    await kube.delete(CONFIG_MAPS, here.name, "c")
    assert await kube.get(CONFIG_MAPS, here.name, "c") is None


async def test_a_status_is_written_by_parts_and_never_makes_an_object(kube: Kube, here: Namespace) -> None:
    with pytest.raises(NotFound):
        await kube.patch_status(SPEECH_ENGINES, here.name, "default", {"replicas": 1})
    engine = {
        "apiVersion": SPEECH_ENGINES.api_version,
        "kind": SPEECH_ENGINES.kind,
        "metadata": {"name": "default", "namespace": here.name},
        "spec": {"backend": "espeak"},
    }
    await kube.apply(SPEECH_ENGINES, engine)
    await kube.patch_status(SPEECH_ENGINES, here.name, "default", {"replicas": 1, "readyReplicas": 1})
    await kube.patch_status(SPEECH_ENGINES, here.name, "default", {"voices": "1/1"}, manager="another")
    found = await kube.patch_status(SPEECH_ENGINES, here.name, "default", {"replicas": 2})
    assert found["status"] == {"replicas": 2, "voices": "1/1"} and found["spec"]["backend"] == "espeak"


async def test_a_list_longer_than_a_page_is_whole(
    api: ApiServer, here: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timbre_operator.kube.client._PAGE", 2)
    async with connected(await connection.configuration(api.kubeconfig), 30.0) as kube:
        for index in range(5):
            await kube.apply(CONFIG_MAPS, config_map(here, f"c{index}"))
        found = await kube.list(CONFIG_MAPS, here.name, labels="a=b")
    assert [each["metadata"]["name"] for each in found] == [f"c{index}" for index in range(5)]


async def test_a_field_that_the_server_does_not_know_is_an_error(api: ApiServer, here: Namespace) -> None:
    wrong: Any = {**config_map(here), "imageVolume": "dropped without a word elsewhere"}
    async with connected(await connection.configuration(api.kubeconfig), 30.0) as kube:
        with pytest.raises(Exception, match="imageVolume"):
            await kube.apply(CONFIG_MAPS, wrong)
