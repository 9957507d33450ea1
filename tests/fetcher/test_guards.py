"""Who may be asked, and what an answer means: the pure parts, as tables."""

import pytest

from timbre_common.errors import FetchFailed, HostRefused, InvalidInput, SourceMissing, TooLarge, Unauthorized
from timbre_engine.fetcher import answers
from timbre_engine.fetcher.addresses import is_public
from timbre_engine.fetcher.rules import Rules, patterns

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "localhost",
    "",
    "8.8.8.8.8",
]


@pytest.mark.parametrize(("address", "public"), [(each, True) for each in PUBLIC] + [(each, False) for each in PRIVATE])
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


RULES = Rules(
    allowed=patterns(
        "example.org, files.example.org:8443, *.cdn.example, 8.8.8.8, 10.0.0.1, [::1], plain.example:80", ""
    ),
    insecure=patterns("plain.example:80", ""),
)


@pytest.mark.parametrize(
    ("url", "asks"),
    [
        ("https://example.org/a", "example.org"),
        ("https://EXAMPLE.org:443/a?b=c", "example.org"),
        ("https://example.org./a", "example.org"),
        ("https://files.example.org:8443/", "files.example.org:8443"),
        ("https://x.y.cdn.example/", "x.y.cdn.example"),
        ("https://8.8.8.8/", "8.8.8.8"),
        ("http://plain.example/", "plain.example"),
    ],
)
def test_who_may_be_asked(url: str, asks: str) -> None:
    assert str(RULES.check(url)) == asks


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/", "https only"),
        ("https://example.org:8443/", "not among"),
        ("https://files.example.org/", "not among"),
        ("https://evil.example/", "not among"),
        ("https://cdn.example/", "not among"),
        ("https://evilcdn.example/", "not among"),
        ("https://example.org.evil.example/", "not among"),
        ("https://plain.example/", "not among"),
        ("https://10.0.0.1/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://user:secret@example.org/", "credentials"),
        ("https://example.org@evil.example/", "credentials"),
        ("https://example.org\\@evil.example/", "plain characters"),
        ("https://exämple.org/", "plain characters"),
        ("https://example.org/a b", "plain characters"),
        ("https://example.org/\r\nX: y", "plain characters"),
        ("https://example.org:0/", "https and a host"),
        ("https://example.org:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://[fe80::1%25eth0]/", "https and a host"),
        ("https:///a", "https and a host"),
        ("ftp://example.org/", "https and a host"),
        ("file:///etc/passwd", "https and a host"),
        ("", "https and a host"),
        (f"https://example.org/{'a' * 9000}", "plain characters"),
    ],
)
def test_who_may_not_be_asked(url: str, why: str) -> None:
    with pytest.raises(HostRefused, match=why) as refused:
        RULES.check(url)
    assert "secret" not in str(refused.value)


def test_an_address_of_a_private_network_may_be_asked_where_that_is_allowed() -> None:
    rules = Rules(allowed=patterns("10.0.0.1", ""), allow_private=True)
    assert str(rules.check("https://10.0.0.1/")) == "10.0.0.1"
    with pytest.raises(HostRefused, match="not among"):
        rules.check("https://10.0.0.2/")


@pytest.mark.parametrize(
    ("before", "location", "after"),
    [
        ("https://example.org/a/b", "c", "https://example.org/a/c"),
        ("https://example.org/a", "//evil.example/", "https://evil.example/"),
        ("https://example.org/a", "https://x.cdn.example/f?sig=1", "https://x.cdn.example/f?sig=1"),
        ("http://plain.example/a", "https://example.org/", "https://example.org/"),
        ("https://example.org/a", "http://plain.example/", None),
        ("https://example.org/a", "file:///etc/passwd", None),
        ("https://example.org/a", "https://[", None),
    ],
)
def test_where_a_redirect_leads(before: str, location: str, after: str | None) -> None:
    origin = RULES.check(before)
    if after is not None:
        assert RULES.redirected(origin, before, location) == after
        return
    with pytest.raises(HostRefused):
        RULES.redirected(origin, before, location)


@pytest.mark.parametrize(
    "text", ["a b", "https://example.org", "example.org/x", "*", "*.", "a:0", "a:99999", "-a", "a_"]
)
def test_what_is_no_list_of_hosts(text: str) -> None:
    with pytest.raises(InvalidInput, match="--allowed-hosts"):
        patterns(f"example.org,{text}", "--allowed-hosts")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Unauthorized),
        (403, Unauthorized),
        (404, SourceMissing),
        (410, SourceMissing),
        (301, FetchFailed),
        (400, FetchFailed),
        (408, FetchFailed),
        (429, FetchFailed),
        (500, FetchFailed),
        (503, FetchFailed),
    ],
)
def test_what_a_status_means(status: int, kind: type[Exception]) -> None:
    assert type(answers.refusal(status, "example.org", {})) is kind


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("0", 0),
        ("1000000", 3600),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_how_long_a_source_asks_to_wait(value: str | None, seconds: float | None) -> None:
    assert answers.retry_after(value, now=40.0) == seconds
    error = answers.refusal(503, "example.org", {} if value is None else {"Retry-After": value}, now=40.0)
    assert isinstance(error, FetchFailed) and error.retry_after == seconds


def test_an_announced_length_is_bounded() -> None:
    assert answers.length({}, "example.org", 10) is None
    assert answers.length({"Content-Length": "10"}, "example.org", 10) == 10
    with pytest.raises(TooLarge, match="at most 10"):
        answers.length({"Content-Length": "11"}, "example.org", 10)
    with pytest.raises(FetchFailed):
        answers.length({"Content-Length": "-1"}, "example.org", 10)
