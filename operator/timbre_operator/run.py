"""The operator's process: waits for what it needs, campaigns for the Lease, and works while it leads."""

import asyncio
import logging
import secrets
import signal
import socket
from typing import Final

from kubernetes.aio.client import Configuration

from timbre_common.errors import SetupError, TimbreError
from timbre_operator import pods, preflight
from timbre_operator.capabilities import Discovery
from timbre_operator.engines.reconcile import EngineReconcile
from timbre_operator.events import Events
from timbre_operator.health import Health, serving
from timbre_operator.kube import Kube, Resource, connection
from timbre_operator.kube.client import connected
from timbre_operator.kube.resource import SCALED_OBJECTS
from timbre_operator.leader import Leader
from timbre_operator.metrics import Metrics
from timbre_operator.pods import Pods
from timbre_operator.queue import Kind, Reconcile
from timbre_operator.settings import Settings
from timbre_operator.voices.reconcile import VoicesReconcile
from timbre_operator.watch import kopf_watch
from timbre_operator.work import Work

_log = logging.getLogger(__name__)

_WAIT_S: Final = 10.0
"""Between two looks at whether what is missing has come."""
_IDLE_S: Final = 120.0
"""Without a pass of who leads, or a look at the Lease of who waits, after which it counts as hung, at the least."""


async def run(settings: Settings) -> None:
    """Look after SpeechEngines and VoiceProfiles until SIGTERM or SIGINT. Raises SetupError."""
    kopf_watch.quieten()
    configuration = await connection.configuration(settings.kubeconfig)
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with connected(configuration, settings.request_timeout) as kube:
        working = asyncio.create_task(_serve(settings, kube, configuration))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (working, stopping):
            task.cancel()
        await asyncio.wait({working, stopping})
        if not working.cancelled():
            working.result()


async def check(settings: Settings) -> list[str]:
    """What the operator lacks of rights and resources, a line each. Raises SetupError."""
    configuration = await connection.configuration(settings.kubeconfig)
    async with connected(configuration, settings.request_timeout) as kube:
        try:
            return await _lacking(settings, kube, Discovery(kube))
        except TimbreError as error:
            raise SetupError(str(error)) from error


async def _serve(settings: Settings, kube: Kube, configuration: Configuration) -> None:
    health = Health(within=max(3 * settings.resync_seconds, _IDLE_S))
    metrics, discovery = Metrics(), Discovery(kube)

    async def work() -> None:
        async with pods.opened() as administration:
            await Work(
                kube=kube,
                metrics=metrics,
                passes=_passes(settings, kube, administration, metrics, discovery),
                login=lambda: connection.for_kopf(configuration),
                namespaces=settings.namespace,
                watched=lambda: _watched(discovery),
                workers=settings.workers,
                resync=settings.resync_seconds,
                alive=health.alive,
            ).run()

    async with serving(health, metrics, settings.host, settings.port):
        await _prepared(settings, kube, discovery, health)
        health.ready = True
        leader = Leader(
            kube, _identity(), _lease_namespace(settings), settings.lease_name, settings.lease_seconds, health.alive
        )
        await leader.run(work)


def _passes(
    settings: Settings, kube: Kube, administration: Pods, metrics: Metrics, discovery: Discovery
) -> dict[Kind, Reconcile]:
    events = Events(kube)
    return {
        Kind.ENGINE: EngineReconcile(
            kube=kube,
            events=events,
            metrics=metrics,
            capabilities=discovery,
            image=settings.engine_image,
            prometheus=settings.prometheus,
        ),
        Kind.VOICES: VoicesReconcile(kube=kube, pods=administration, events=events, metrics=metrics),
    }


async def _watched(discovery: Discovery) -> list[Resource]:
    for own in kopf_watch.OWN:
        if not await discovery.has(own):
            return []
    return [*kopf_watch.OWN, *kopf_watch.CHILDREN, *([SCALED_OBJECTS] if await discovery.keda() else [])]


async def _prepared(settings: Settings, kube: Kube, discovery: Discovery, health: Health) -> None:
    """Wait for rights and resources, and say once what is missing."""
    said: list[str] = []
    while True:
        try:
            found = await _lacking(settings, kube, discovery)
        except TimbreError as error:
            found = [str(error)]
        health.alive()
        if not found:
            return
        for line in found if found != said else []:
            _log.error("%s", line)
        said = found
        await asyncio.sleep(_WAIT_S)


async def _lacking(settings: Settings, kube: Kube, discovery: Discovery) -> list[str]:
    keda = await discovery.keda()
    return await preflight.problems(kube, settings.namespace, _lease_namespace(settings), keda=keda)


def _lease_namespace(settings: Settings) -> str:
    return settings.lease_namespace or connection.own_namespace()


def _identity() -> str:
    """The pod's name, and what tells one start of it from another."""
    return f"{socket.gethostname()}_{secrets.token_hex(4)}"
