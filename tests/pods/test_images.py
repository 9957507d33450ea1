"""The images in plain pods under Pod Security's level `restricted`: what they may do, and that they speak."""

import json
import secrets
import time
import urllib.request
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from pods.speech import say
from support.cluster import Namespace
from support.engine_process import house_voices
from support.hearing import hear
from support.house import PROFILES
from support.pod_manifests import config_map, environment, pod, secret, service
from timbre_common import documents, tokens
from timbre_common.documents import Engine
from timbre_common.tokens import Grant

SIGNING = secrets.token_urlsafe(48)
PASSWORD = secrets.token_urlsafe(32)


@pytest.fixture(scope="module")
def house(namespace: Namespace) -> Namespace:
    """Redis, an engine with espeak and the three voices, and a bridge."""
    routes = documents.routes(PROFILES, [Engine("default", "http://engine:8770")])
    secret_values = {
        "admin": secrets.token_urlsafe(32),
        "redis.conf": f"bind * -::*\nrequirepass {PASSWORD}\nsave ''\ndir /tmp\n",
        "redis-url": f"redis://:{PASSWORD}@redis:6379/0",
        "signing": SIGNING,
    }
    mounted = {"/etc/timbre": {"configMap": {"name": "documents"}}, "/etc/secrets": {"secret": {"secretName": "s"}}}
    namespace.apply(
        secret("s", secret_values),
        config_map(
            "documents",
            {
                "voices.json": msgspec.json.encode(house_voices()).decode(),
                "routes.json": msgspec.json.encode(routes).decode(),
            },
        ),
        service("redis", 6379),
        service("engine", 8770),
        pod(
            "redis",
            "test-redis",
            volumes={"/etc/secrets": mounted["/etc/secrets"]},
            container={"command": ["redis-server", "/etc/secrets/redis.conf"]},
        ),
        pod(
            "engine",
            "engine",
            ["serve", "--voices=/etc/timbre/voices.json", "--admin-token-file=/etc/secrets/admin"],
            volumes=mounted,
        ),
        pod(
            "bridge",
            "bridge",
            [
                "serve",
                "--routes=/etc/timbre/routes.json",
                "--token-secret-file=/etc/secrets/signing",
                "--tls-terminated",
            ],
            volumes=mounted,
            container=environment(REDIS_URL=("s", "redis-url")),
        ),
    )
    for name in ("redis", "engine", "bridge"):
        namespace.wait(f"pod/{name}", "condition=Ready")
    return namespace


@pytest.fixture(scope="module")
def addresses(house: Namespace) -> Iterator[tuple[str, str]]:
    """(bridge, Redis) as reached from here."""
    with house.forwarded("pod/bridge", 8760) as bridge, house.forwarded("pod/redis", 6379) as redis:
        house.until(lambda: _health(bridge) == "ok", "the bridge's /healthz says ok")
        yield f"http://{bridge}", f"redis://:{PASSWORD}@{redis}/0"


def _health(bridge: str) -> str:
    with urllib.request.urlopen(f"http://{bridge}/healthz", timeout=10) as answer:
        return str(json.load(answer)["status"])


@pytest.mark.parametrize("name", ["engine", "bridge"])
def test_it_runs_as_nobody_of_importance_on_a_root_that_it_cannot_write(house: Namespace, name: str) -> None:
    assert house.run(name, "id", "-u").strip() == "10001"
    with pytest.raises(AssertionError, match="Read-only file system"):
        house.run(name, "touch", "/opt/timbre/probe")
    assert not house.get(f"pod/{name}")["status"]["containerStatuses"][0]["restartCount"]


def test_the_engine_speaks(house: Namespace) -> None:
    with house.forwarded("pod/engine", 8770) as address:
        samples = np.frombuffer(say(address, "lisa", "Bonjour à tous."), "<i2").astype(float)
    assert len(samples) > 12_000
    assert np.abs(samples).max() > 500


@pytest.mark.parametrize("agent", ["lisa", "electra", "renarde"])
async def test_what_an_agent_publishes_is_heard_through_the_bridge(addresses: tuple[str, str], agent: str) -> None:
    url, redis_url = addresses
    token = tokens.sign(Grant(expires_at=time.time() + 3600), SIGNING.encode())
    (await hear(url, redis_url, token, agent, "Bonjour à tous, il fait beau ce matin.")).check()
