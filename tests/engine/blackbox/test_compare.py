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
        (("--engine", f"http://127.0.0.1:{free_port()}", "--voices", "lisa"), "no engine answers at"),
        (("--engine", engine.url, "--voices", "lisa", "-o", tmp_path / "file" / "below"), "cannot be written"),
    ]:
        output = () if "-o" in arguments else ("-o", tmp_path / "out")
        code, told = await compare(*arguments, *output)
        assert code == 1 and why in told and told.count("\n") == 1, told
    assert not (tmp_path / "out").exists()
