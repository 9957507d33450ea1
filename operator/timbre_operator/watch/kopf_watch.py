"""kopf's watches, in a thread and event loop of their own: kopf cancels every other task of its loop when it ends."""

import asyncio
import functools
import itertools
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

import kopf

from timbre_common.backoff import Backoff
from timbre_common.errors import TimbreError
from timbre_common.names import GROUP
from timbre_operator import names
from timbre_operator.kube import Object, Resource
from timbre_operator.kube.resource import (
    AUTOSCALERS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    PODS,
    SCALED_OBJECTS,
    SERVICE_ACCOUNTS,
    SERVICES,
    SPEECH_ENGINES,
    VOICE_PROFILES,
)

_log = logging.getLogger(__name__)

OWN: Final = (SPEECH_ENGINES, VOICE_PROFILES)
CHILDREN: Final = (
    PODS,
    CONFIG_MAPS,
    SERVICES,
    SERVICE_ACCOUNTS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    AUTOSCALERS,
)
"""Kinds that are watched where they carry the operator's label, and nothing else of them is read or held.

Not Secrets: the right to watch them is that to read all of them, whatever their label.
"""

OnEvent = Callable[[Resource, str | None, Object], None]
Login = Callable[[], Awaitable[kopf.ConnectionInfo]]
Watched = Callable[[], Awaitable[Sequence[Resource]]]
"""Which kinds are to be watched, by what the server has at this moment; none while it lacks Timbre's own."""

_LOOK_S: Final = 10.0
"""Seconds between two looks at which kinds there are: kopf sees those alone that are there when it begins."""


class _EndlessBackoffs:
    """kopf's own end after 54 seconds, and the operator with them."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((1.0, 1.0, 2.0, 3.0, 5.0), itertools.repeat(8.0))


def settings() -> kopf.OperatorSettings:
    """kopf's settings: nothing is written to any object, and nothing is shared with other operators made with kopf."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.scanning.disabled = True  # else it watches all CRDs and namespaces
    made.peering.standalone = True  # a Lease says who leads
    made.networking.error_backoffs = _EndlessBackoffs()
    made.execution.default_backoff = 5.0  # between logins that fail
    made.process.ultimate_exiting_timeout = None  # else it kills the process
    made.persistence.finalizer = f"{GROUP}/operator"
    made.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=f"progress.{GROUP}")
    made.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=f"seen.{GROUP}")
    for resource in (*CHILDREN, SCALED_OBJECTS):
        made.watching.label_selectors[resource.group, resource.plural] = (
            f"app.kubernetes.io/managed-by={names.MANAGED_BY}"
        )
    return made


def registry(on_event: OnEvent, login: Login, resources: Sequence[Resource]) -> kopf.OperatorRegistry:
    """Handlers that only pass on: `on.event` wants no finalizer and writes nothing, and what it returns is None."""
    made = kopf.OperatorRegistry()

    @kopf.on.login(registry=made)
    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return await login()

    for resource in resources:
        version = resource.api_version.rpartition("/")[2]
        kopf.on.event(resource.group, version, resource.plural, registry=made, id=resource.plural)(
            _handler(resource, on_event)
        )
    return made


def _handler(resource: Resource, on_event: OnEvent) -> Callable[..., Awaitable[None]]:
    async def pass_on(event: kopf.RawEvent, **_: Any) -> None:
        on_event(resource, event["type"], dict(event["object"]))

    return pass_on


async def watch(on_event: OnEvent, login: Login, namespaces: Sequence[str], watched: Watched) -> None:
    """Watch until cancelled; `on_event` is called in the caller's loop.

    Watches that break off begin anew, and so they do where a kind comes or goes, such as Timbre's own.
    """
    loop, backoff = asyncio.get_running_loop(), Backoff(first=1.0, cap=10.0, floor=1.0)

    def pass_on(resource: Resource, type_: str | None, obj: Object) -> None:
        loop.call_soon_threadsafe(on_event, resource, type_, obj)

    while True:
        resources = await _look(watched) or ()
        if resources:
            stop, ended = threading.Event(), asyncio.Event()
            made = registry(pass_on, login, resources)
            done = functools.partial(loop.call_soon_threadsafe, ended.set)
            thread = threading.Thread(target=_run, args=(made, namespaces, stop, done), name="watch")
            thread.start()
            try:
                await _until_other(ended, watched, resources)
            finally:
                stop.set()
                await asyncio.shield(asyncio.to_thread(thread.join))
        wait = backoff.next()
        _log.warning("the watches begin anew in %.0f s", wait)
        await asyncio.sleep(wait)


async def _until_other(ended: asyncio.Event, watched: Watched, resources: Sequence[Resource]) -> None:
    """Until the watches ended, or others are wanted."""
    while not ended.is_set():
        try:
            async with asyncio.timeout(_LOOK_S):
                await ended.wait()
        except TimeoutError:
            now = await _look(watched)
            if now is not None and now != resources:
                return


async def _look(watched: Watched) -> Sequence[Resource] | None:
    """The kinds to watch; None where the server cannot be asked."""
    try:
        return await watched()
    except TimbreError as error:
        _log.warning("which kinds there are cannot be asked: %s", error)
        return None


def quieten() -> None:
    """kopf's log where it is of use: a line for every event is not, nor that it handles no signals in a thread."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("kopf._core.reactor.running").addFilter(lambda record: "OS signals" not in record.getMessage())


def _run(
    made: kopf.OperatorRegistry, namespaces: Sequence[str], stop: threading.Event, ended: Callable[[], object]
) -> None:
    async def until_the_end() -> None:
        try:
            await kopf.operator(
                registry=made,
                settings=settings(),
                namespaces=namespaces,
                clusterwide=not namespaces,
                standalone=True,
                stop_flag=stop,
            )
        finally:
            ended()  # before the loop closes: it waits for kopf's wait for `stop`, which is set when this is heard

    try:
        asyncio.run(until_the_end())
    except Exception:
        _log.exception("the watches failed")
