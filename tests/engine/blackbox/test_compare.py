"""`timbre-loras compare` on a running engine."""

import asyncio
import io
import json
import re
import wave
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from support.engine_process import EngineProcess
from support.process import BIN, free_port
from timbre_common.names import API_VERSION
from timbre_common.voiceprofile import KIND

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def compare(*arguments: str | Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        BIN / "timbre-loras", "compare", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


class Page(HTMLParser):
    """What an HTML page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


async def test_three_voices_side_by_side(engine: EngineProcess, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "lines.txt").write_text("Bonjour à tous.\n\nComment <allez>-vous ?\n")
    voices = ("lisa", "electra", "renarde")
    arguments = ("--engine", engine.url, "--voices", ",".join(voices), "--lines", tmp_path / "lines.txt", "-o", out)
    code, output = await compare(*arguments)
    assert code == 0, output
    report = json.loads((out / "report.json").read_text())
    assert report["lines"] == ["Bonjour à tous.", "Comment <allez>-vous ?"]
    lisa, electra, renarde = report["voices"]
    assert electra["pitch_hz"] < lisa["pitch_hz"] < renarde["pitch_hz"]
    assert lisa["letters_per_second"] < renarde["letters_per_second"] < electra["letters_per_second"]
    assert all(abs(pair["pitch_semitones"]) > 2 and pair["timbre_db"] > 2 for pair in report["distances"])
    assert report["speaker_embedding"].startswith("not measured")

    text = (out / "index.html").read_text()
    page = Page(text)
    assert "Comment &lt;allez&gt;-vous ?" in text
    sounds, pictures = page.all("audio"), page.all("img")
    assert [sound["aria-label"] for sound in sounds] == [f"{name}, line {n}" for n in (1, 2) for name in voices]
    assert all(picture["alt"] for picture in pictures) and len(pictures) == 6
    for tag, kind, files in (("audio", "audio/wav", "wav"), ("img", "image/png", "png")):
        inside = [each["src"] or "" for each in page.all(tag)]
        assert all(source.startswith(f"data:{kind};base64,") for source in inside)
        written = {path.read_bytes() for path in out.glob(f"*/*.{files}")}
        assert {b64decode(source.partition(",")[2]) for source in inside} == written and len(written) == 6
    assert not page.all("script") and not page.all("link") and not re.search(r"https?://", text)
    with wave.open(io.BytesIO((out / "01-lisa" / "001.wav").read_bytes())) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (24_000, 1, 2)
        assert wav.getnframes() > 12_000


async def test_a_model_directory_speaks_without_an_engine(tiny_model: Path, adapters: Path, tmp_path: Path) -> None:
    (tmp_path / "profiles" / "vivian").mkdir(parents=True)
    spec = {"agentID": "vivian", "languages": ["fr"], "speaker": "vivian"}
    profile = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "vivian"}, "spec": spec}
    (tmp_path / "profiles" / "vivian" / "voiceprofile.yaml").write_text(json.dumps(profile))
    own = ("--profiles", tmp_path / "profiles", "--lora", f"lisa={adapters / 'lisa.gguf'}")
    arguments = ("--model", tiny_model, *own, "--text", "Oui.")
    code, output = await compare(*arguments, "--voices", "vivian,lisa", "-o", tmp_path / "out")
    assert code == 0, output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["engine"] == str(tiny_model)
    assert len({path.read_bytes() for path in (tmp_path / "out").glob("*/001.wav")}) == 2
    (tmp_path / "torn.gguf").write_bytes((adapters / "lisa.gguf").read_bytes()[:2000])
    torn = ("--lora", f"torn={tmp_path / 'torn.gguf'}", "--voices", "torn")
    code, output = await compare("--model", tiny_model, *torn, "-o", tmp_path / "none")
    assert code == 1 and output.count("\n") == 1
    assert "voice 'torn' is not loaded (voice torn is not loaded: " in output and "the file breaks off" in output
    assert not (tmp_path / "none").exists()


async def test_without_the_encoder_it_says_so(engine: EngineProcess, tmp_path: Path) -> None:
    arguments = ("--engine", engine.url, "--voices", "lisa,electra", "--text", "Oui.", "--encoder", tmp_path)
    code, output = await compare(*arguments, "-o", tmp_path / "out")
    told = json.loads((tmp_path / "out" / "report.json").read_text())["speaker_embedding"]
    assert code == 0 and f"speaker embedding: {told}\n" in output
    assert told.startswith("not measured: ") and "timbre-voices[train]" in told


async def test_what_cannot_be_compared_is_one_line(engine: EngineProcess, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "file").touch()
    for arguments, why in [
        (("--engine", engine.url, "--voices", "lisa,nobody"), "'nobody' is not loaded"),
        (("--engine", engine.url, "--voices", "lisa,lisa"), "--voices: 1 to 16 different names"),
        (("--engine", engine.url, "--voices", "lisa", "--language", "tlh"), "answers 400: language"),
        (("--engine", engine.url, "--voices", "lisa", "--lines", tmp_path / "empty.txt"), "not 0"),
        (("--engine", engine.url, "--voices", "lisa", "--lines", tmp_path / "none.txt"), "cannot be read"),
        (("--engine", "127.0.0.1:8770", "--voices", "lisa"), "--engine: an address such as"),
        (("--engine", engine.url, "--model", tmp_path, "--voices", "lisa"), "one of the two is right"),
        (("--engine", engine.url, "--profiles", tmp_path, "--voices", "lisa"), "they belong to --model"),
        (("--model", tmp_path, "--voices", "lisa"), "does not begin to speak: timbre-engine: "),
        (("--model", tmp_path, "--profiles", tmp_path, "--voices", "lisa"), "has no */voiceprofile.yaml"),
        (("--engine", f"http://127.0.0.1:{free_port()}", "--voices", "lisa"), "no engine answers at"),
        (("--engine", engine.url, "--voices", "lisa", "-o", tmp_path / "file" / "below"), "cannot be written"),
    ]:
        output = () if "-o" in arguments else ("-o", tmp_path / "out")
        code, told = await compare(*arguments, *output)
        assert code == 1 and why in told and told.count("\n") == 1, told
    assert not (tmp_path / "out").exists()
