"""What would be run, as data."""

from dataclasses import replace
from pathlib import Path

import pytest

from timbre.launcher import plan
from timbre.launcher.banner import invitation, ready
from timbre.launcher.certificates import Certificate
from timbre.launcher.plan import Programs, Run
from timbre.launcher.settings import Settings
from timbre_common import voiceprofile
from timbre_common.errors import SetupError

SECRET = "not-to-be-seen"
RUN = Run(
    settings=Settings(),
    directory=Path("/run/timbre"),
    admin_token=SECRET,
    redis_url=f"redis://:{SECRET}@redis:6379",
    programs=Programs(engine=("timbre-engine",), bridge=("timbre-bridge",)),
)
PUBLIC = replace(
    RUN,
    settings=Settings(host="0.0.0.0", port=8443, allow_host=("timbre.lan",), allow_origin=("https://a.example",)),
    secret_file=Path("/state/token-secret"),
    certificate=Certificate(Path("/run/timbre/cert.pem"), Path("/run/timbre/key.pem"), Path("/state/ca.pem")),
    reachable_as=("192.0.2.7", "house.local"),
)
LISA = voiceprofile.parse((Path(__file__).parents[2] / "loras/lisa/voiceprofile.yaml").read_text())


def test_the_engine() -> None:
    process = plan.engine(replace(RUN, settings=Settings(pace="rtf=0.9", engine_port=1, engine_admin_port=2)))
    assert process.command == (
        *("timbre-engine", "serve", "--backend", "espeak", "--host", "127.0.0.1", "--port", "1"),
        *("--admin-port", "2", "--log-level", "warning", "--pace", "rtf=0.9"),
    )
    assert process.environment == {"TIMBRE_ENGINE_ADMIN_TOKEN": SECRET}


def test_the_engine_with_a_model() -> None:
    settings = Settings(model="Qwen/Qwen3-TTS", voices=Path("agents"))
    command = plan.engine(replace(RUN, settings=settings, model=Path("/cache/model"))).command
    assert command[:4] == ("timbre-engine", "serve", "--backend", "qwen3tts")
    assert command[-4:] == ("--model", "/cache/model", "--adapters", "agents")
    own = replace(RUN, settings=replace(settings, adapters=Path("loras")), model=Path("/cache/model"))
    assert plan.engine(own).command[-2:] == ("--adapters", "loras")


def test_what_prepares_a_model() -> None:
    assert plan.pull(RUN.programs, "a/b@v1", Path("/c")).command == ("timbre-engine", "pull", "a/b@v1", "/c")
    command = plan.convert(RUN.programs, Path("/c"), Path("/m"), "F32").command
    assert command == ("timbre-engine", "convert", "/c", "/m", "--quant", "F32")


def test_the_bridge_on_loopback() -> None:
    process = plan.bridge(RUN)
    assert process.command == (
        *("timbre-bridge", "serve", "--host", "127.0.0.1", "--port", "8760", "--routes", "/run/timbre/routes.json"),
        *("--channel", "broadcast", "--log-level", "warning"),
    )
    assert process.environment == {"REDIS_URL": RUN.redis_url}


def test_the_bridge_for_other_devices() -> None:
    process = plan.bridge(PUBLIC)
    assert process.command[12:] == (
        *("--token-secret-file", "/state/token-secret"),
        *("--cert", "/run/timbre/cert.pem", "--key", "/run/timbre/key.pem"),
        *("--allow-origin", "https://a.example"),
        *("--allow-host", "192.0.2.7", "--allow-host", "house.local", "--allow-host", "timbre.lan"),
    )
    assert PUBLIC.local_url == "https://127.0.0.1:8443"


@pytest.mark.parametrize("process", [plan.engine(RUN), plan.bridge(RUN), plan.valkey(RUN, Path("valkey-server"))])
def test_no_secret_is_in_a_command_line_or_a_representation(process: plan.Process) -> None:
    assert SECRET not in " ".join(process.command)
    assert SECRET not in repr(process) and SECRET not in repr(RUN)


def test_an_embedded_valkey_where_no_redis_is_named() -> None:
    own = replace(RUN, redis_url=None, settings=Settings(redis_port=7000))
    assert own.bus_url == "redis://127.0.0.1:7000"
    command = plan.valkey(own, Path("valkey-server")).command
    assert command[:5] == ("valkey-server", "--bind", "127.0.0.1", "--port", "7000")


@pytest.mark.parametrize(
    ("embedded", "options"),
    [
        (
            True,
            [
                "--port (make run PORT=…)",
                "--engine-port",
                "--engine-admin-port",
                "--redis-port, or name a Redis by REDIS_URL",
            ],
        ),
        (False, ["--port (make run PORT=…)", "--engine-port", "--engine-admin-port"]),
    ],
)
def test_ports_that_have_to_be_free(embedded: bool, options: list[str]) -> None:
    assert [option for *_, option in plan.ports(Settings(), embedded_redis=embedded)] == options


@pytest.mark.parametrize(
    "settings",
    [
        Settings(cert=Path("c")),
        Settings(key=Path("k")),
        Settings(cert=Path("c"), key=Path("k"), tls_terminated=True),
        Settings(backend="qwen3tts"),
        Settings(backend="espeak", model="Qwen/Qwen3-TTS"),
    ],
)
def test_settings_that_do_not_go_together(settings: Settings) -> None:
    with pytest.raises(SetupError):
        plan.check(settings)


def test_the_greeting_names_address_agents_and_lines_to_try() -> None:
    text = ready(replace(RUN, redis_url=None), [LISA], ".venv/bin/timbre", {})
    assert text.splitlines() == [
        "Timbre is up at http://127.0.0.1:8760 (Ctrl-C stops it)",
        "  agents  Lisa",
        "  listen  .venv/bin/timbre listen --agent lisa --wav lisa.wav",
        '  say     .venv/bin/timbre say lisa "Bonjour à tous"',
    ]


def test_lines_to_try_name_what_is_not_the_default() -> None:
    own = replace(PUBLIC, redis_url=None, settings=replace(PUBLIC.settings, redis_port=7000))
    listen, say = ready(own, [LISA], "timbre", {}).splitlines()[2:]
    assert listen == (
        "  listen  TIMBRE_URL=https://127.0.0.1:8443 TIMBRE_CA=/state/ca.pem "
        'TIMBRE_TOKEN="$(timbre token create)" timbre listen --agent lisa --wav lisa.wav'
    )
    assert say == '  say     REDIS_URL=redis://127.0.0.1:7000 timbre say lisa "Bonjour à tous"'


def test_the_greeting_shows_no_password() -> None:
    assert SECRET not in ready(RUN, [LISA], "timbre", {})


def test_the_invitation_holds_link_code_and_authority() -> None:
    text = invitation(PUBLIC, "192.0.2.7", "abc.def")
    assert "https://192.0.2.7:8443/#token=abc.def" in text
    assert "█" in text and "/state/ca.pem" in text
