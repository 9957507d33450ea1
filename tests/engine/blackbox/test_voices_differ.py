"""The house's voices are told apart by ear, and so by numbers."""

import itertools

import pytest

from support.engine_process import EngineProcess
from support.engine_stream import engine_stream_of
from support.voice_measure import brightness, median_pitch, seconds
from timbre_common.engine_stream import Start

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRENCH = "Bonjour à tous, c'est l'été. Comment allez-vous aujourd'hui ? Très bien, merci de votre visite."
ENGLISH = "Hello everybody, the summer is here. How are you doing today? Very well, thank you for your visit."


@pytest.mark.parametrize(("language", "text"), [("fr", FRENCH), ("en", ENGLISH)])
async def test_voices_differ_in_pitch_and_pace(engine: EngineProcess, language: str, text: str) -> None:
    async with engine_stream_of(engine.url) as stream:
        said = {
            voice: (await stream.say(Start(voice=voice, language=language), [text])).pcm
            for voice in ("lisa", "electra", "renarde")
        }
    for one, two in itertools.combinations(said.values(), 2):
        pitches = sorted((median_pitch(one), median_pitch(two)))
        assert pitches[1] / pitches[0] > 1.12  # two semitones
    assert seconds(said["electra"]) < 0.9 * seconds(said["renarde"]) < 0.9 * seconds(said["lisa"])
    assert all(500 < brightness(pcm) < 5000 for pcm in said.values())


async def test_french_and_english_differ(engine: EngineProcess) -> None:
    async with engine_stream_of(engine.url) as stream:
        french = await stream.say(Start(voice="lisa", language="fr"), ["Installation impossible."])
        english = await stream.say(Start(voice="lisa", language="en"), ["Installation impossible."])
        default = await stream.say(Start(voice="lisa"), ["Installation impossible."])
    assert french.pcm == default.pcm
    assert french.pcm != english.pcm
