"""Listener tokens: signed JWTs that say which agents and rooms, whether one may speak, and until when."""

import time
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jwt

from timbre_common.errors import InvalidInput, Unauthorized

MIN_SECRET_BYTES: Final = 32
AUDIENCE: Final = "timbre"
ASYMMETRIC: Final = ("RS256", "ES256", "EdDSA", "PS256")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a listener may do. None for agents or rooms: all of them."""

    agents: frozenset[str] | None = None
    rooms: frozenset[str] | None = None
    may_speak: bool = False
    expires_at: float | None = None
    """Unix time, seconds; None: never."""

    def allows_agent(self, agent_id: str) -> bool:
        """Whether this agent may be heard."""
        return self.agents is None or agent_id in self.agents

    def allows_room(self, room: str) -> bool:
        """Whether this room may be joined."""
        return self.rooms is None or room in self.rooms

    def expired(self, now: float | None = None) -> bool:
        """Whether the grant has run out at Unix time `now` (default: the clock's)."""
        return self.expires_at is not None and self.expires_at <= (time.time() if now is None else now)


OPEN: Final = Grant(may_speak=True)
"""What everybody may do where no token is demanded: on loopback."""


class Verifier(Protocol):
    """Turns a token into a grant."""

    def verify(self, token: str) -> Grant:
        """Raises Unauthorized for a token that is malformed, forged or expired."""


def check_secret(secret: bytes) -> bytes:
    """The secret itself. Raises InvalidInput where it is too short to sign with."""
    if len(secret) < MIN_SECRET_BYTES:
        raise InvalidInput(f"at least {MIN_SECRET_BYTES} bytes are right, not {len(secret)}", "token secret")
    return secret


def sign(grant: Grant, secret: bytes) -> str:
    """An HS256 token for `grant`."""
    claims: dict[str, Any] = {"aud": AUDIENCE, "iat": int(time.time()), "speak": grant.may_speak}
    if grant.agents is not None:
        claims["agents"] = sorted(grant.agents)
    if grant.rooms is not None:
        claims["rooms"] = sorted(grant.rooms)
    if grant.expires_at is not None:
        claims["exp"] = int(grant.expires_at)
    return jwt.encode(claims, check_secret(secret), algorithm="HS256")


class HmacVerifier:
    """Verifies HS256 tokens made with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = check_secret(secret)

    def verify(self, token: str) -> Grant:
        """See Verifier."""
        return _grant(token, self._secret, ("HS256",))


class KeySetVerifier:
    """Verifies tokens against a key set (JWKS, RFC 7517), each by its `kid`."""

    def __init__(self, key_set: dict[str, Any]) -> None:
        try:
            self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(key_set).keys}
        except jwt.PyJWTError as error:
            raise InvalidInput(f"not a usable key set: {error}", "jwks") from error

    def verify(self, token: str) -> Grant:
        """See Verifier."""
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError as error:
            raise Unauthorized("the token is not a JWT") from error
        if key_id not in self._keys:
            raise Unauthorized("the token's key is not in the key set")
        return _grant(token, self._keys[key_id], ASYMMETRIC)


def _grant(token: str, key: Any, algorithms: tuple[str, ...]) -> Grant:
    try:
        claims = jwt.decode(token, key, algorithms=list(algorithms), audience=AUDIENCE)
    except jwt.ExpiredSignatureError as error:
        raise Unauthorized("the token has expired") from error
    except jwt.PyJWTError as error:
        raise Unauthorized("the token is not valid") from error
    return Grant(
        agents=_names(claims, "agents"),
        rooms=_names(claims, "rooms"),
        may_speak=claims.get("speak") is True,
        expires_at=claims.get("exp"),
    )


def _names(claims: dict[str, Any], key: str) -> frozenset[str] | None:
    names = claims.get(key)
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unauthorized(f"the token's {key} is not a list of names")
    return frozenset(names)
