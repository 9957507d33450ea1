"""KEDA scales an engine on its waiting requests, from one pod to three and back, and no stream is cut."""

import asyncio
import urllib.request
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.error import HTTPError

import pytest

from pods.release import Release
from pods.speech import say
from support.cluster import Namespace
from support.engine_stream import Heard, engine_stream_of
from support.prometheus import Prometheus, Target
from timbre_common.engine_stream import Done, End, Start, Text
from timbre_common.names import ENGINE_PORT

SLOTS = 3
SENTENCE = "Il fait beau ce matin, et nous parlons de la pluie. "
_FADE_BYTES = 10 * 48
"""10 ms."""
DEPLOYMENT, ENGINE_PODS = "deployment/default-speech", "timbre.dev/engine=default"


class Stream:
    """Speaks to one engine sentence after sentence, each when the one before was heard, until it is `enough`."""

    def __init__(self, tasks: asyncio.TaskGroup, address: str) -> None:
        self.address = address
        self.sounds = asyncio.Event()
        self.enough = asyncio.Event()
        self.heard = Heard()
        self.task = tasks.create_task(self._speak())

    async def _speak(self) -> None:
        text, heard, ended = SENTENCE, self.heard, False
        async with engine_stream_of(f"http://{self.address}") as stream:
            await stream.send(Start(voice="lisa"), Text(text=SENTENCE))
            while heard.end is None:
                await stream.hear(heard)
                if heard.pcm:
                    self.sounds.set()
                if ended or heard.text != text or _milliseconds(heard) < heard.marks[-1].end_ms - 500:
                    continue
                if ended := self.enough.is_set():
                    await stream.send(End())
                else:
                    text += SENTENCE
                    await stream.send(Text(text=SENTENCE))
        assert heard.text == text

    def check(self) -> None:
        """It was heard whole: what the engine counted came, and lasts as long as its marks say."""
        assert self.heard.end == Done(samples=len(self.heard.pcm) // 2, reason="finished")
        assert abs(_milliseconds(self.heard) - self.heard.marks[-1].end_ms) < 500


def _milliseconds(heard: Heard) -> float:
    return len(heard.pcm) / 2 / 24


def engines(namespace: Namespace) -> set[str]:
    """Addresses of the engine's pods that are not going away."""
    return {f"{pod['status']['podIP']}:{ENGINE_PORT}" for pod in namespace.pods(ENGINE_PODS)}


async def follow(namespace: Namespace, prometheus: Prometheus) -> None:
    """Scrape the engine's pods as they come and go, labelled as the chart's PodMonitor does it."""
    while True:
        pods = (await asyncio.to_thread(namespace.get, "pods", f"--selector={ENGINE_PODS}"))["items"]
        prometheus.scrape(
            Target(
                "engine",
                f"http://{pod['status']['podIP']}:{ENGINE_PORT}",
                {"namespace": namespace.name, "pod": pod["metadata"]["name"], "engine": "default"},
            )
            for pod in pods
            if "podIP" in pod["status"]
        )
        await asyncio.sleep(1)


def is_stopping(address: str) -> bool:
    """Whether an engine has been told to stop: it speaks on, and takes no new request."""
    try:
        with urllib.request.urlopen(f"http://{address}/health", timeout=10):
            return False
    except HTTPError as error:
        return error.code == 503


def require_keda(namespace: Namespace) -> None:
    crd = namespace.kubectl("get", "crd", "scaledobjects.keda.sh", "--ignore-not-found")
    available = '--output=jsonpath={.status.conditions[?(@.type=="Available")].status}'
    metrics = ("apiservice", "v1beta1.external.metrics.k8s.io", "--ignore-not-found", available)
    if not crd or namespace.kubectl("get", *metrics) != "True":
        pytest.skip("no KEDA runs in the cluster")


async def test_waiting_requests_bring_pods_and_streams_outlast_those_that_go(
    namespace: Namespace, tmp_path: Path
) -> None:
    require_keda(namespace)
    prometheus = Prometheus(tmp_path, host=namespace.machine())
    release = Release(namespace)
    values = {
        "bridge.enabled": False,
        "redis.existingSecret": "none",
        "operator.prometheus": prometheus.url,
        "engine.spec.slots": SLOTS,
        "engine.spec.terminationDrainSeconds": 120,
        "engine.spec.autoscaling": {"maxReplicas": 3, "targetWaiting": 2, "scaleDownStabilizationSeconds": 10},
    }
    await asyncio.to_thread(release.install, values)
    namespace.apply(release.profile("lisa"))
    await asyncio.to_thread(release.ready, "voiceprofile", "lisa")
    service = f"{namespace.get('service/default-speech')['spec']['clusterIP']}:{ENGINE_PORT}"
    async with prometheus, asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow(namespace, prometheus))
        [first] = engines(namespace)
        streams = [Stream(tasks, first) for _ in range(SLOTS)]
        await asyncio.gather(*(stream.sounds.wait() for stream in streams))
        waiting = [tasks.create_task(asyncio.to_thread(say, service, "lisa")) for _ in range(2 * SLOTS)]
        await asyncio.to_thread(namespace.wait, DEPLOYMENT, "jsonpath={.status.readyReplicas}=3")

        # A stream plays on each pod, so on each that will go, and what waits gets slots.
        streams += [Stream(tasks, address) for address in engines(namespace) - {first}]
        await asyncio.gather(*(stream.sounds.wait() for stream in streams))
        for stream in streams[1:SLOTS]:
            stream.enough.set()
        said = set(await asyncio.gather(*waiting))

        await asyncio.to_thread(namespace.until, lambda: len(engines(namespace)) == 1, "one pod is wanted")
        staying = engines(namespace)
        going = [stream for stream in streams if not stream.task.done() and stream.address not in staying]
        assert len({stream.address for stream in going}) == 2
        for stream in going:
            stopping = partial(is_stopping, stream.address)
            await asyncio.to_thread(namespace.until, stopping, "a pod that goes is told to stop")
        assert not any(stream.task.done() for stream in going)
        for stream in streams:
            stream.enough.set()
        await asyncio.gather(*(stream.task for stream in streams))
        following.cancel()
    for stream in streams:
        stream.check()
    # All say the same, however long: what one heard is how the longer one began, but for how a sound fades at its end.
    by_length = sorted((stream.heard.pcm for stream in streams), key=len)
    assert all(longer.startswith(shorter[:-_FADE_BYTES]) for shorter, longer in pairwise(by_length))
    assert said == {say(service, "lisa")}
