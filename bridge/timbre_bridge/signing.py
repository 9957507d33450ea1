"""Links that expire, for media players that cannot send a token: a path, until when it is good, and a signature."""

import hashlib
import hmac
from typing import Final
from urllib.parse import quote, urlencode

LIFETIME: Final = 3_600
"""Seconds that a link is good."""


class Signer:
    """Signs and checks paths with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"timbre links\n" + key).digest()

    def link(self, path: str, now: float, until: float | None = None) -> str:
        """`path` (not quoted) as a link that is good for LIFETIME from Unix time `now` on, or only `until` then."""
        expires = int(min(now + LIFETIME, now + LIFETIME if until is None else until))
        return f"{quote(path)}?{urlencode({'expires': expires, 'signature': self._sign(path, expires)})}"

    def allows(self, path: str, expires: str | None, signature: str | None, now: float) -> bool:
        """Whether the signature is for this path and the link is still good."""
        if expires is None or signature is None or not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            return False
        good = hmac.compare_digest(self._sign(path, int(expires)).encode(), signature.encode())
        return good and now < int(expires)

    def _sign(self, path: str, expires: int) -> str:
        return hmac.new(self._key, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()
