"""`make voices` from recordings to voices that the engine speaks with: every command is the real one, in small."""

import itertools
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from parity.asking import PYTHON, ROOT
from support import sound
from support.engine_process import EngineProcess
from support.engine_stream import engine_stream_of
from support.process import run
from timbre_common import documents, names, voiceprofile
from timbre_common.engine_stream import Done, Start
from timbre_common.voiceprofile import Sampling, VoiceProfile
from timbre_loras import character
from train import recorded

RATE = 24_000
PITCHES = {"lisa": 110, "electra": 90, "renarde": 150}
"""Of their recordings, in Hz."""

TRAINER = """#!{python}
import sys
sys.path[:0] = {path}
import torch_side
from timbre_loras.cli import main
torch_side.torch.set_num_threads(1)
main()
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What `make voices` made, and of what."""

    base: Path
    trainer: Path
    """timbre-loras of the environment that trains."""
    output: Path

    @property
    def model(self) -> Path:
        return self.output / "model"

    def profile(self, agent: str) -> VoiceProfile:
        return voiceprofile.parse((self.output / agent / "voiceprofile.yaml").read_text())


@pytest.fixture(scope="module")
def made(torch_side: None, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The three characters' voices."""
    folder = tmp_path_factory.mktemp("chain")
    found = Made(recorded.write_base(folder / "base"), folder / "trainer", folder / "out")
    recorded.ask(folder, ("make_encoders", {"base": found.base}))
    for agent, pitch in PITCHES.items():
        _record(agent, pitch, folder / "recordings" / agent)
        _write_character(agent, folder / "characters" / agent)
    path = [str(ROOT / part) for part in ("common", "loras", "tests/train")]
    found.trainer.write_text(TRAINER.format(python=PYTHON, path=path))
    found.trainer.chmod(0o755)
    given = {"BASE": found.base, "RECORDINGS": folder / "recordings", "OUTPUT": found.output, "TRAINER": found.trainer}
    variables = [f"{name}={value}" for name, value in given.items()]
    command = ["make", "--no-print-directory", "-o", ".venv/.convert-stamp", "voices", *variables]
    options = f"OPTIONS=--characters '{folder / 'characters'}'"
    told = subprocess.run([*command, options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)
    assert told.returncode == 0, told.stdout + told.stderr
    return found


def _record(agent: str, pitch: float, folder: Path) -> None:
    """Three of the script's lines, each higher than the one before."""
    folder.mkdir(parents=True)
    fitting = [
        line.id for line in character.read_script(ROOT / "loras" / agent).lines if 15 < len(line.transcript) < 60
    ]
    for number, line in enumerate(fitting[:3]):
        (folder / f"{line}.wav").write_bytes(sound.wav(recorded.tones(2, pitch + 10 * number, RATE), RATE))


def _write_character(agent: str, folder: Path) -> None:
    """It as it is, trained briefly; enough that `verify` hears it above the rounding of the quantised base."""
    shutil.copytree(ROOT / "loras" / agent, folder)
    path = folder / "training.yaml"
    training = yaml.safe_load(path.read_text())
    training |= {"rank": 2, "options": {"steps": 4, "batch": 2, "warmup": 1, "learning-rate": 0.05}}
    path.write_text(yaml.safe_dump(training))


def test_each_profile_names_its_published_file(made: Made) -> None:
    adapters = [made.profile(agent).spec.adapter for agent in PITCHES]
    assert all(made.profile(agent).spec.speaker is None for agent in PITCHES)
    named = {adapter.path for adapter in adapters if adapter is not None}
    assert {path.name for path in (made.model / "adapters").iterdir()} == named and len(named) == 3


@pytest.mark.asyncio
async def test_the_engine_speaks_with_all_three_and_each_is_another(made: Made) -> None:
    document = documents.voices_document(map(made.profile, PITCHES), names.DEFAULT_ENGINE, 1)
    trained = [msgspec.structs.replace(voice, sampling=Sampling(temperature=0)) for voice in document.voices]
    lisa = next(voice for voice in trained if voice.name == "lisa")
    assert lisa.adapter is not None
    untrained = msgspec.structs.replace(lisa, name="untrained", adapter=msgspec.structs.replace(lisa.adapter, scale=0))
    voices = msgspec.structs.replace(document, voices=[*trained, untrained])
    codes: dict[str, list[list[int]]] = {}
    async with EngineProcess(f"--model={made.model}", "--exact", "--slots=1", voices=voices) as engine:
        for voice in voices.voices:
            async with engine_stream_of(engine.url) as stream:
                heard = await stream.say(Start(voice=voice.name, return_codes=True), ["Oui."])
            assert isinstance(heard.end, Done), heard.end
            assert np.abs(sound.samples(heard.pcm)).max() > 0
            codes[voice.name] = heard.codes
    assert all(one != other for one, other in itertools.combinations(codes.values(), 2))


def test_they_are_compared_over_the_model_and_by_the_speaker_encoder(made: Made, tmp_path: Path) -> None:
    model = ("--model", made.model, "--profiles", made.output, "--voices", ",".join(PITCHES), "--text", "Oui.")
    encoder = ("--encoder", made.base, "--trainer", made.trainer)
    told = run("timbre-loras", "compare", *model, *encoder, "-o", tmp_path)
    assert told.returncode == 0, told.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["engine"] == str(made.model)
    assert report["speaker_embedding"].startswith("cosine distance of mean x-vectors by the speaker encoder of")
    for pair in report["distances"]:
        assert 0 < pair["embedding"] < 2
        assert f"{pair['embedding']:.3f} apart" in (tmp_path / "index.html").read_text()
    assert [voice["embedding_spread"] for voice in report["voices"]] == [0, 0, 0]  # of one line each
