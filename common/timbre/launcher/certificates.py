"""HTTPS for other devices: a certificate by an authority of this machine's own, which stays the same between runs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import trustme

from timbre.launcher import network, state

_VALID: Final = timedelta(days=90)
"""Phones refuse certificates that are valid for much longer; each run makes a new one."""


@dataclass(frozen=True)
class Certificate:
    """PEM files. `authority`: what clients are told to trust; None where the certificate was given."""

    cert: Path
    key: Path
    authority: Path | None = None


def issue(directory: Path, names: tuple[str, ...]) -> Certificate:
    """A new certificate in `directory` for this machine's names and addresses, and `names`. Raises SetupError."""
    authority, authority_path = _authority()
    identities = dict.fromkeys(["localhost", *network.names(), *network.addresses(), *names])
    now = datetime.now(UTC)
    leaf = authority.issue_cert(*identities, not_before=now - timedelta(days=1), not_after=now + _VALID)
    certificate = Certificate(directory / "cert.pem", directory / "key.pem", authority_path)
    state.write_private(certificate.cert, b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    state.write_private(certificate.key, leaf.private_key_pem.bytes())
    return certificate


def _authority() -> tuple[trustme.CA, Path]:
    cert, key = state.directory() / "ca.pem", state.directory() / "ca-key.pem"
    if cert.exists() and key.exists():
        return trustme.CA.from_pem(cert.read_bytes(), key.read_bytes()), cert
    made = trustme.CA(organization_name="Timbre on this machine")
    # The key first: a certificate without its key would be trusted for nothing.
    state.write_private(key, made.private_key_pem.bytes())
    state.write_private(cert, made.cert_pem.bytes())
    return made, cert
