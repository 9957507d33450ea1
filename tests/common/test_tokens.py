"""Listener tokens."""

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from timbre_common import tokens
from timbre_common.errors import InvalidInput, Unauthorized
from timbre_common.tokens import Grant, HmacVerifier, KeySetVerifier

SECRET = b"s" * 32


def test_a_token_says_what_was_granted() -> None:
    grant = Grant(frozenset({"lisa"}), frozenset({"hall"}), may_speak=True, expires_at=int(time.time()) + 60)
    assert HmacVerifier(SECRET).verify(tokens.sign(grant, SECRET)) == grant
    assert HmacVerifier(SECRET).verify(tokens.sign(Grant(), SECRET)) == Grant()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x.y.z",
        tokens.sign(Grant(), b"t" * 32),
        tokens.sign(Grant(expires_at=time.time() - 1), SECRET),
        jwt.encode({"speak": True}, SECRET, algorithm="HS256"),
        jwt.encode({"aud": "timbre", "agents": "lisa"}, SECRET, algorithm="HS256"),
        jwt.encode({"aud": "timbre"}, "", algorithm="none"),
    ],
    ids=["empty", "junk", "forged", "expired", "other audience", "agents not a list", "unsigned"],
)
def test_a_bad_token_is_unauthorized(token: str) -> None:
    with pytest.raises(Unauthorized):
        HmacVerifier(SECRET).verify(token)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(InvalidInput):
        HmacVerifier(b"short")


def key_set(private: ec.EllipticCurvePrivateKey, key_id: str) -> dict[str, Any]:
    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key()))
    return {"keys": [{**key, "kid": key_id, "alg": "ES256", "use": "sig"}]}


def test_a_key_set_verifies_by_key_id() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    verifier = KeySetVerifier(key_set(private, "a"))
    claims = {"aud": "timbre", "rooms": ["hall"], "speak": True}
    good = jwt.encode(claims, private, algorithm="ES256", headers={"kid": "a"})
    assert verifier.verify(good) == Grant(rooms=frozenset({"hall"}), may_speak=True)
    with pytest.raises(Unauthorized):
        verifier.verify(jwt.encode(claims, private, algorithm="ES256", headers={"kid": "b"}))
    with pytest.raises(Unauthorized):
        verifier.verify(jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": "a"}))
