"""What `timbre listen` prints, writes and plays."""

import wave
from collections.abc import Generator
from pathlib import Path

import pytest

from timbre import (
    AgentInfo,
    AudioDone,
    AudioStarted,
    Cancelled,
    CaptionEvent,
    Connected,
    Disconnected,
    DoneReason,
    Event,
)
from timbre.commands import sound
from timbre.commands.captions import Captions
from timbre.commands.sound import Speaker, WavFile
from timbre_common.errors import SetupError

AGENTS = (AgentInfo("lisa", "Lisa", "#27AE60", ["fr"]), AgentInfo("electra", "Electra", "#000001", ["fr"]))


def started(context: str, agent: str = "lisa") -> AudioStarted:
    return AudioStarted(context, agent, "default", "neutral", "s16le", 0, 0, 17.4)


def said(context: str, text: str) -> CaptionEvent:
    return CaptionEvent(context, text, 0, None, False)


def printed(events: list[Event], *, colours: bool = False, texts: bool = True) -> str:
    captions = Captions(colours=colours, texts=texts)
    return "".join(captions.write(event) for event in [Connected("s", AGENTS, (), "s16le", True, ""), *events])


END = AudioDone("a", 1, DoneReason.FINISHED, True)


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (
            [started("a"), said("a", "Bonjour "), said("a", "à tous"), END],
            "Lisa speaks in default, first sound after 17 ms  a\nLisa: Bonjour à tous\n",
        ),
        (
            [started("a"), said("a", "Bon"), Cancelled("a", 1500, "Bon", False)],
            "Lisa speaks in default, first sound after 17 ms  a\nLisa: Bon (cut short after 1.5 s)\n",
        ),
        (
            [started("a"), said("a", "un"), started("b", "electra"), said("b", "deux"), said("a", " trois"), END],
            "Lisa speaks in default, first sound after 17 ms  a\nLisa: un\n"
            "Electra speaks in default, first sound after 17 ms  b\nElectra: deux\nLisa: trois\n",
        ),
        ([AudioDone("z", 0, DoneReason.EMPTY, True)], ""),
        ([Disconnected("it was cut", 0.1)], "it was cut; trying again\n"),
    ],
)
def test_lines(events: list[Event], text: str) -> None:
    assert printed(events) == text


def test_without_captions_only_who_speaks() -> None:
    assert printed([started("a"), said("a", "Bonjour"), END], texts=False).count("\n") == 1


def test_names_have_the_agent_s_colour() -> None:
    assert "\x1b[1;38;2;39;174;96mLisa\x1b[0m: Bonjour" in printed([started("a"), said("a", "Bonjour")], colours=True)


def test_what_is_said_cannot_steer_the_terminal() -> None:
    text = printed([started("a"), said("a", "\x1b]0;owned\x07\x9b2J"), Disconnected("\x1b[2J", 1)])
    assert "\x1b" not in text and "\x07" not in text and "\x9b" not in text


def test_a_wav_file_is_complete_when_closed(tmp_path: Path) -> None:
    with WavFile(tmp_path / "a.wav") as file:
        file.write(b"\1\0\2\0")
        file.write(b"\3\0")
    with wave.open(str(tmp_path / "a.wav")) as read:
        assert read.readframes(9) == b"\1\0\2\0\3\0"
        assert (read.getframerate(), read.getnchannels(), read.getsampwidth()) == (24000, 1, 2)


class Device:
    """A sound device whose needle the test moves."""

    def start(self, pulling: Generator[bytes, int, None]) -> None:
        self.pull = pulling.send

    def close(self) -> None:
        """Nothing to close."""


def test_plays_in_order_with_silence_where_nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()
    monkeypatch.setattr(sound, "_open_device", lambda: device)
    with Speaker() as speaker:
        speaker.play(b"\1\0\2\0\3\0")
        speaker.play(b"\4\0")
        assert device.pull(2) == b"\1\0\2\0"
        assert device.pull(3) == b"\3\0\4\0\0\0"
        assert device.pull(1) == b"\0\0"
        assert speaker.waiting == 0


def test_sound_that_waits_for_the_speaker_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "_open_device", Device)
    speaker = Speaker()
    second = bytes(48_000)
    for _ in range(sound.BUFFER_SECONDS + 5):
        speaker.play(second)
    assert speaker.waiting == sound.BUFFER_SECONDS and speaker.skipped == 5 * 24_000


def test_no_sound_device_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Device:
        raise SetupError("not played aloud: this machine has no sound device")

    monkeypatch.setattr(sound, "_open_device", none)
    with pytest.raises(SetupError, match="no sound device"):
        Speaker()
