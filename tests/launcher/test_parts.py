"""The launcher's smaller parts: restarts, loading, network, certificates, state, doctor's lines, tokens."""

import socket
import ssl
import stat
from pathlib import Path
from random import Random

import pytest

from timbre.commands import doctor, token
from timbre.commands.doctor import Finding
from timbre.launcher import certificates, network, state
from timbre.launcher.loading import Loading
from timbre.launcher.supervision import Deaths
from timbre_common.backoff import Backoff
from timbre_common.documents import Voice, VoicesDocument, VoicesStatus, VoiceState, VoiceStatus
from timbre_common.errors import EngineUnavailable, InvalidInput, SetupError
from timbre_common.tokens import HmacVerifier


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "timbre"


def deaths() -> Deaths:
    return Deaths(Backoff(first=0.2, cap=5.0, floor=0.1, random=Random(1)))


def test_five_ends_a_minute_are_mended_the_sixth_is_not() -> None:
    one = deaths()
    assert [one.died(now) for now in (0, 1, 2, 3, 4)] == [True] * 5
    assert not one.died(5)


def test_ends_that_are_rare_are_always_mended() -> None:
    one = deaths()
    assert all(one.died(now * 20.0) for now in range(50))


def test_a_restart_is_due_once_after_its_backoff() -> None:
    one = deaths()
    assert not one.due(0)
    one.died(10)
    assert one.restart_at is not None and 10.1 <= one.restart_at <= 10.2
    assert not one.due(10)
    assert one.due(10.2) and not one.due(10.3)


class Engine:
    """An administration port that answers what it is given."""

    def __init__(self, *answers: VoicesStatus | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[str] = []

    def put(self, document: VoicesDocument) -> VoicesStatus:
        return self._answer(f"put {document.generation}")

    def get(self) -> VoicesStatus:
        return self._answer("get")

    def _answer(self, call: str) -> VoicesStatus:
        self.calls.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def status(state: VoiceState, reason: str = "") -> VoicesStatus:
    return VoicesStatus(generation=1, voices={"lisa": VoiceStatus(digest="", generation=1, state=state, reason=reason)})


DOCUMENT = VoicesDocument(generation=1, voices=[Voice(name="lisa", languages=["fr"])])


def test_voices_are_pushed_until_taken_and_watched_until_settled() -> None:
    engine = Engine(EngineUnavailable("away"), status(VoiceState.LOADING), status(VoiceState.READY))
    loading = Loading(engine)
    assert loading.step() == [] and not loading.settled
    loading.want(DOCUMENT)
    assert [loading.step(), loading.step(), loading.step(), loading.step()] == [[], [], [], []]
    assert engine.calls == ["put 1", "put 1", "get"] and loading.settled


def test_an_engine_that_began_anew_is_told_again() -> None:
    engine = Engine(status(VoiceState.READY), status(VoiceState.READY))
    loading = Loading(engine)
    loading.want(DOCUMENT)
    loading.step()
    loading.restart()
    loading.step()
    assert engine.calls == ["put 1", "put 1"]


def test_a_voice_that_fails_is_told_once() -> None:
    engine = Engine(*[status(VoiceState.FAILED, "no such variant")] * 2)
    loading = Loading(engine)
    loading.want(DOCUMENT)
    assert loading.step() == ["the engine cannot speak as lisa: no such variant"]
    loading.restart()
    assert loading.step() == []


def test_a_document_that_is_refused_is_told_and_not_pushed_for_ever() -> None:
    loading = Loading(Engine(InvalidInput("the engine refuses the voices (HTTP 400)")))
    loading.want(DOCUMENT)
    assert loading.step() == ["the engine refuses the voices (HTTP 400)"]
    assert loading.step() == []


def test_a_taken_port_is_named_with_its_option() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=rf"port {port} \(bridge\) is in use: .* by --port"):
            network.require_free("127.0.0.1", port, "bridge", "--port")
    network.require_free("127.0.0.1", port, "bridge", "--port")


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 0), ("127.0.0.1", 70_000), ("192.0.2.1", 8760), ("no.invalid", 80)]
)
def test_a_port_that_cannot_be_is_one_line(host: str, port: int) -> None:
    with pytest.raises(SetupError) as failure:
        network.require_free(host, port, "bridge", "--port")
    assert "\n" not in str(failure.value)


def test_addresses_of_linux_s_table() -> None:
    table = (
        "fe80000000000000020000fffe000001 02 40 20 80     eth0\n"
        "fd000000000000000000000000000007 02 40 00 80     eth0\n"
        "00000000000000000000000000000001 01 80 10 80       lo\n"
    )
    assert network.ipv6_addresses(table) == {"fd00::7", "::1"}
    assert {"127.0.0.1", "::1"} <= set(network.addresses())


def test_the_authority_stays_and_its_key_is_private(own_state: Path, tmp_path: Path) -> None:
    first = certificates.issue(tmp_path / "one", ("timbre.lan",))
    authority = first.authority
    assert authority is not None
    before = authority.read_bytes()
    second = certificates.issue(tmp_path / "two", ())
    assert authority == second.authority and authority.read_bytes() == before
    assert first.cert.read_bytes() != second.cert.read_bytes()
    for path in (own_state / "ca-key.pem", first.key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_state.stat().st_mode) == 0o700
    client = ssl.create_default_context(cafile=authority)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(first.cert, first.key)
    for name in ("localhost", "127.0.0.1", "timbre.lan"):
        shake_hands(client, server, name)


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Raises SSLError where the client does not trust the server as `name`."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for end in ends * 4:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue


def test_the_secret_is_made_once_and_is_private() -> None:
    path = state.secret()
    secret = path.read_bytes()
    assert state.secret().read_bytes() == secret and len(secret) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604800)])
def test_times(text: str, seconds: int) -> None:
    assert token.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "12", "0h", "-1h", "1w", "1.5h"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="12h"):
        token.seconds(text)


def test_a_token_says_what_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    secret = state.secret()
    token.create(agents="Lisa, electra", rooms="salon", speak=True, expires="1h")
    grant = HmacVerifier(secret.read_bytes()).verify(capsys.readouterr().out.strip())
    assert grant.agents == frozenset({"lisa", "electra"}) and grant.rooms == frozenset({"salon"}) and grant.may_speak


def test_a_token_needs_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIMBRE_TOKEN_SECRET", raising=False)
    with pytest.raises(SetupError, match="--secret-file"):
        token.create()


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (doctor.python((3, 10, 2)), "✗ Python: 3.10.2; 3.11 or newer is needed"),
        (
            doctor.extra("run", ("a", "b"), lambda name: name == "a"),
            "✗ extra run: lacks b; pip install 'timbre-voices[run]'",
        ),
        (doctor.extra("run", ("a",), lambda _: True), "✓ extra run: installed"),
        (doctor.processors(1), "– processors: 1; two are better"),
        (doctor.memory(1 << 29), "✗ memory: 0.5 GiB available; 1 GiB is needed"),
        (doctor.memory(None), "– memory: unknown"),
        (doctor.part("bridge", 8760, True, "--port"), "✓ port 8760: the bridge answers"),
    ],
)
def test_the_doctor_says_what_to_do(finding: Finding, line: str) -> None:
    assert str(finding) == line
