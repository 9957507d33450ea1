"""Who may connect."""

from pathlib import Path
from typing import Any

import pytest

from timbre_bridge.server import access
from timbre_bridge.server.guard import Guard
from timbre_bridge.settings import Settings
from timbre_common.errors import SetupError

OPEN_GUARD = Guard("127.0.0.1", ["Voices.Example"], ["https://page.example/"])


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost:8760", True),
        ("127.0.0.1", True),
        ("[::1]:8760", True),
        ("LOCALHOST", True),
        ("voices.example:443", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("localhost@evil.example", False),
        ("localhost/x", False),
        ("localhost:99999999", False),
        ("[::1", False),
        ("", False),
        (None, False),
    ],
)
def test_host(host: str | None, allowed: bool) -> None:
    assert OPEN_GUARD.allows_host(host) is allowed


def test_the_address_it_listens_on_is_allowed_but_not_the_wildcard() -> None:
    assert Guard("192.0.2.7", [], []).allows_host("192.0.2.7:8760")
    assert not Guard("0.0.0.0", [], []).allows_host("0.0.0.0:8760")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:8760", True),
        ("https://localhost:8760", True),
        ("https://page.example", True),
        ("http://localhost:1234", False),
        ("http://page.example", False),
        ("https://evil.example", False),
        ("null", False),
        ("file://localhost:8760", False),
        ("http://[", False),
    ],
)
def test_origin(origin: str | None, allowed: bool) -> None:
    assert OPEN_GUARD.allows_origin(origin, "localhost:8760") is allowed


def made(tmp_path: Path, **fields: Any) -> Settings:
    (tmp_path / "secret").write_text("s" * 40 + "\n")
    (tmp_path / "short").write_text("s")
    (tmp_path / "jwks.json").write_text("{}")
    paths = {
        key: tmp_path / value for key, value in fields.items() if key in {"token_secret_file", "jwks", "cert", "key"}
    }
    return Settings(routes=tmp_path / "routes.json", **{**fields, **paths})


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "0.0.0.0"},
        {"host": "0.0.0.0", "tls_terminated": True},
        {"token_secret_file": "short"},
        {"token_secret_file": "absent"},
        {"jwks": "jwks.json"},
    ],
)
def test_no_usable_token_no_binding(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        access.verifier(made(tmp_path, **fields))


@pytest.mark.parametrize("fields", [{"host": "0.0.0.0"}, {"cert": "c.pem"}, {"cert": "absent", "key": "absent"}])
def test_no_tls_no_binding_beyond_loopback(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        access.tls(made(tmp_path, **fields))


def test_what_is_allowed(tmp_path: Path) -> None:
    assert access.verifier(made(tmp_path)) is None
    assert access.tls(made(tmp_path)) is None
    behind = made(tmp_path, host="0.0.0.0", tls_terminated=True, token_secret_file="secret")
    assert access.verifier(behind) is not None
    assert access.tls(behind) is None
