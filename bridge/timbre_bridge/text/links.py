"""What stands between angle brackets or after a link's label: recognised whole, once it is complete."""

import re
from html import unescape
from html.entities import html5

from markdown_it.common.html_re import HTML_TAG_RE
from markdown_it.rules_inline.autolink import AUTOLINK_RE, EMAIL_RE

from timbre_bridge.text.marks import BREAK

HOLD_LIMIT = 500
"""Characters. What could be a tag or a link's title is held back no longer than that."""

_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?(?://)?(?:[^/?#@]*@)?(?:www\.)?([^/?#:]*)", re.IGNORECASE)
_BLOCK_TAG = re.compile(r"</?(?:br|p|div|li|ul|ol|tr|h[1-6]|hr|table|blockquote|section|article)[\s/>]", re.IGNORECASE)
_UNREAD_TAG = re.compile(r"<(script|style|think|thinking)[\s>]", re.IGNORECASE)

_BARE = r"(?:[^\s()<>\\]|\\.|\((?:[^\s()\\]|\\.)*\))*"
_TITLE = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\([^()]*\)"
_DESTINATION = re.compile(rf"\(\s*(?:<[^<>\n]*>|{_BARE})(?:\s+(?:{_TITLE}))?\s*\)", re.DOTALL)
_BARE_PARTIAL = r"(?:[^\s()<>\\]|\\.|\((?:[^\s()\\]|\\.)*\))*(?:\((?:[^\s()\\]|\\.)*)?\\?"
_DESTINATION_PARTIAL = re.compile(
    rf"\(\s*(?:<[^<>\n]*|{_BARE_PARTIAL}|"
    rf"(?:<[^<>\n]*>|{_BARE})(?:\s+(?:\"(?:[^\"\\]|\\.)*\\?|'(?:[^'\\]|\\.)*\\?|\([^()]*|(?:{_TITLE})\s*)?)?)\Z",
    re.DOTALL,
)
_ENDLESS = re.compile(rf"\({_BARE_PARTIAL}\Z", re.DOTALL)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ENTITY_PARTIAL = re.compile(r"&(?:#(?:[0-9]{0,7}|[xX][0-9a-fA-F]{0,6})|[A-Za-z][A-Za-z0-9]{0,31})?\Z")


def host(url: str) -> str:
    """The spoken short form of an address: the host's name, without scheme, www, port and path."""
    match = _HOST.match(url)
    return match[1].lower() if match else ""


def read_angle(content: str) -> tuple[str, str] | None:
    """What `<…>` stands for: (the text to read, the element whose content is not read); None: it is no markup."""
    inner = content[1:-1]
    if EMAIL_RE.match(inner):
        return inner, ""
    if AUTOLINK_RE.match(inner):
        return inner[7:] if inner[:7].lower() == "mailto:" else host(inner), ""
    if not HTML_TAG_RE.match(content):
        return None
    unread = _UNREAD_TAG.match(content)
    return BREAK if _BLOCK_TAG.match(content) else "", unread[1].lower() if unread else ""


def read_destination(text: str, at: int, *, final: bool) -> int | None:
    """Where a link's `(destination "title")` ends; `at` where there is none; None: not certain yet."""
    part = text[at : at + HOLD_LIMIT]
    match = _DESTINATION.match(part)
    if match:
        return at + match.end()
    if final or len(part) == HOLD_LIMIT or not _DESTINATION_PARTIAL.match(part):
        return at
    return None


def is_endless(text: str, at: int) -> bool:
    """Whether the destination at `at` fills the limit without a space: an embedded picture's data."""
    part = text[at : at + HOLD_LIMIT]
    return len(part) == HOLD_LIMIT and bool(_ENDLESS.match(part))


def read_entity(text: str, at: int, *, final: bool) -> tuple[str, int] | None:
    """The characters an entity stands for and where it ends (`&` and the next position if it is none)."""
    match = _ENTITY.match(text, at)
    if match and (match[0][1] == "#" or match[0][1:] in html5):
        return unescape(match[0]).replace("\n", " "), match.end()
    if not final and not match and _ENTITY_PARTIAL.match(text, at):
        return None
    return "&", at + 1
