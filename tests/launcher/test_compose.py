"""What `timbre compose` leaves for docker-compose.yml."""

import stat
from pathlib import Path

import pytest

from support.engine_process import LORAS
from timbre.commands.compose import compose
from timbre_common import documents
from timbre_common.errors import SetupError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_documents_are_renewed_and_secrets_stay(tmp_path: Path) -> None:
    compose(tmp_path, voices=LORAS)
    secrets = {path: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    first = documents.parse_voices((tmp_path / "documents" / "voices.json").read_bytes())
    compose(tmp_path, voices=LORAS)
    second = documents.parse_voices((tmp_path / "documents" / "voices.json").read_bytes())
    assert [voice.name for voice in second.voices] == ["electra", "lisa", "renarde"]
    assert second.generation > first.generation
    assert {path: path.read_text() for path in (tmp_path / "secrets").iterdir()} == secrets
    routes = documents.parse_routes((tmp_path / "documents" / "routes.json").read_bytes())
    assert [engine.url for engine in routes.engines] == ["http://tts-engine:8770"]


def test_containers_read_the_files_and_other_users_no_secret(tmp_path: Path) -> None:
    compose(tmp_path, voices=LORAS)
    assert (mode(tmp_path / "documents"), mode(tmp_path / "secrets")) == (0o755, 0o700)
    assert {mode(path) for path in tmp_path.glob("*/*")} == {0o444}


def test_redis_and_its_address_have_one_password_even_where_one_was_lost(tmp_path: Path) -> None:
    compose(tmp_path, voices=LORAS)
    folder = tmp_path / "secrets"
    lost = (folder / "redis.conf").read_text()
    (folder / "redis.conf").unlink()
    compose(tmp_path, voices=LORAS)
    password = (folder / "redis.conf").read_text().split("requirepass ")[1].split()[0]
    assert password not in lost
    assert all(f"redis://:{password}@" in (folder / name).read_text() for name in ("bridge.env", "host.env"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="file/documents"):
        compose(tmp_path / "file", voices=LORAS)
