"""The product in three containers: what is published on Redis is heard, and no container may more than it needs."""

import urllib.error
import urllib.request

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from compose.project import SERVICES, Project
from support.hearing import hear


def test_make_up_says_where_the_page_is(project: Project) -> None:
    link = project.said.splitlines()[-1].rpartition(" ")[2]
    url, _, token = link.partition("/#token=")
    assert url == project.url
    request = urllib.request.Request(f"{url}/v1/utterances", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("agent", ["lisa", "electra", "renarde"])
async def test_a_message_on_redis_is_heard(project: Project, agent: str) -> None:
    heard = await hear(project.url, project.redis_url, project.token(), agent, "Bonjour à tous, il fait beau ce matin.")
    heard.check()


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_may_no_more_than_it_needs(project: Project, service: str) -> None:
    container = project.container(service)
    assert project.podman("exec", container, "id", "-u").strip() == "10001"
    status = project.podman("exec", container, "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapBnd"], 16) == int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    with pytest.raises(AssertionError, match="Read-only file system"):
        project.podman("exec", container, "touch", "/usr/probe")
    project.podman("exec", container, "touch", "/tmp/probe")


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_says_that_it_is_healthy(project: Project, service: str) -> None:
    project.podman("healthcheck", "run", project.container(service))


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_stands_in_an_argument(project: Project, service: str) -> None:
    argv = project.podman("exec", project.container(service), "cat", "/proc/1/cmdline")
    secrets = " ".join(path.read_text() for path in (project.directory / "compose" / "secrets").iterdir())
    words = {word for word in secrets.replace("=", " ").replace(":", " ").replace("@", " ").split() if len(word) > 40}
    assert len(words) == 3
    assert not [word for word in words if word in argv]


def test_who_has_no_password_and_no_token_is_refused(project: Project) -> None:
    stranger = Redis.from_url(project.redis_url.replace(project.redis_url.split(":")[2].split("@")[0], "guess"))
    with stranger, pytest.raises(AuthenticationError):
        stranger.ping()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{project.url}/v1/utterances", timeout=10)
