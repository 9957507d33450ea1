"""`make voices` from recordings to a voice that the engine speaks with: every command is the real one, in small."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from support import sound
from support.engine_process import EngineProcess
from support.engine_stream import engine_stream_of
from timbre_common import documents, names, voiceprofile
from timbre_common.engine_stream import Done, Start
from timbre_common.voiceprofile import Sampling, VoiceProfile
from train import recorded
from train.recorded import PYTHON, ROOT

RATE = 24_000
LINES = {"lisa-005": 110, "lisa-013": 130, "lisa-019": 120}
"""Recordings by the script's ids, and their pitch in Hz."""

TRAINER = """#!{python}
import sys
sys.path[:0] = {path}
import torch_side
from timbre_loras.cli import main
torch_side.torch.set_num_threads(1)
main()
"""


@pytest.fixture(scope="module")
def published(torch_side: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make voices` made for Lisa."""
    folder = tmp_path_factory.mktemp("chain")
    base = recorded.write_base(folder / "base")
    recorded.ask(folder, ("make_encoders", {"base": base}))
    _record(folder / "recordings" / "lisa")
    _write_character(folder / "characters" / "lisa")
    trainer = folder / "trainer"
    path = [str(ROOT / part) for part in ("common", "loras", "tests/train")]
    trainer.write_text(TRAINER.format(python=PYTHON, path=path))
    trainer.chmod(0o755)
    given = {"BASE": base, "RECORDINGS": folder / "recordings", "OUTPUT": folder / "out", "TRAINER": trainer}
    variables = [f"{name}={value}" for name, value in given.items()]
    command = ["make", "--no-print-directory", "-o", ".venv/.convert-stamp", "voices", *variables]
    options = f"OPTIONS=--characters '{folder / 'characters'}'"
    made = subprocess.run([*command, options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / "out"


def _record(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, pitch in LINES.items():
        (folder / f"{name}.wav").write_bytes(sound.wav(recorded.tones(2, pitch, RATE), RATE))


def _write_character(folder: Path) -> None:
    """Lisa as she is, trained briefly; enough that `verify` hears it above the rounding of the quantised base."""
    shutil.copytree(ROOT / "loras" / "lisa", folder)
    path = folder / "training.yaml"
    training = yaml.safe_load(path.read_text())
    training |= {"rank": 2, "options": {"steps": 4, "batch": 2, "warmup": 1, "learning-rate": 0.05}}
    path.write_text(yaml.safe_dump(training))


def _profile(published: Path) -> VoiceProfile:
    return voiceprofile.parse((published / "lisa" / "voiceprofile.yaml").read_text())


def test_the_profile_names_the_published_file(published: Path) -> None:
    spec = _profile(published).spec
    assert spec.speaker is None and spec.adapter is not None
    assert [path.name for path in (published / "model" / "adapters").iterdir()] == [spec.adapter.path]


@pytest.mark.asyncio
async def test_the_engine_speaks_with_it(published: Path) -> None:
    document = documents.voices_document([_profile(published)], names.DEFAULT_ENGINE, 1)
    lisa = msgspec.structs.replace(document.voices[0], sampling=Sampling(temperature=0))
    assert lisa.adapter is not None
    untrained = msgspec.structs.replace(lisa, name="untrained", adapter=msgspec.structs.replace(lisa.adapter, scale=0))
    voices = msgspec.structs.replace(document, voices=[lisa, untrained])
    said = []
    async with EngineProcess(f"--model={published / 'model'}", "--exact", "--slots=1", voices=voices) as engine:
        for voice in voices.voices:
            async with engine_stream_of(engine.url) as stream:
                heard = await stream.say(Start(voice=voice.name), ["Oui."])
            assert isinstance(heard.end, Done), heard.end
            assert np.abs(sound.samples(heard.pcm)).max() > 0
            said.append(heard.pcm)
    assert said[0] != said[1]
