"""How the bridge may be reached, from the settings: beyond loopback only with a token, and TLS or the word for it."""

import json
import secrets
import ssl

from timbre_bridge.settings import Settings
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.hosts import is_loopback
from timbre_common.tokens import HmacVerifier, KeySetVerifier, Verifier


def verifier(settings: Settings) -> Verifier | None:
    """Who verifies tokens; None where none are demanded. Raises SetupError."""
    try:
        if settings.jwks is not None:
            return KeySetVerifier(json.loads(settings.jwks.read_text()))
        if settings.token_secret_file is not None:
            return HmacVerifier(settings.token_secret_file.read_bytes().strip())
    except OSError as error:
        raise SetupError(f"{error.filename}: cannot be read ({error.strerror})") from error
    except (InvalidInput, ValueError) as error:
        raise SetupError(f"tokens cannot be verified: {error}") from error
    if not is_loopback(settings.host):
        raise SetupError(
            f"--host {settings.host} is beyond loopback: give --token-secret-file or --jwks, "
            "so that only those with a token listen"
        )
    return None


def link_key(settings: Settings) -> bytes:
    """The key that signs links: the same on every replica where there is a token secret, else one for this process."""
    if settings.token_secret_file is not None:
        return settings.token_secret_file.read_bytes().strip()
    return secrets.token_bytes(32)


def tls(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context; None for plain HTTP. Raises SetupError."""
    if settings.cert is None or settings.key is None:
        if (settings.cert is None) != (settings.key is None):
            raise SetupError("--cert and --key go together")
        if not is_loopback(settings.host) and not settings.tls_terminated:
            raise SetupError(
                f"--host {settings.host} is beyond loopback: give --cert and --key, "
                "or --tls-terminated where something before the bridge ends TLS"
            )
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.cert, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"--cert, --key: {error}") from error
    return context
