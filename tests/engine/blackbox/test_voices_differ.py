"""The house's voices are told apart by ear, and so by numbers."""

import itertools

import pytest

from support.engine_process import EngineProcess
from support.engine_stream import engine_stream_of
from support.sound import samples
from timbre_common.engine_stream import Start
from timbre_loras.comparison import measures

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRENCH = "Bonjour à tous, c'est l'été. Comment allez-vous aujourd'hui ? Très bien, merci de votre visite."
ENGLISH = "Hello everybody, the summer is here. How are you doing today? Very well, thank you for your visit."


@pytest.mark.parametrize(("language", "text"), [("fr", FRENCH), ("en", ENGLISH)])
async def test_voices_differ_in_pitch_and_pace(engine: EngineProcess, language: str, text: str) -> None:
    async with engine_stream_of(engine.url) as stream:
        said = {
            voice: samples((await stream.say(Start(voice=voice, language=language), [text])).pcm) / 32768
            for voice in ("lisa", "electra", "renarde")
        }
    for one, two in itertools.combinations(said.values(), 2):
        pitches = [found.median for sound in (one, two) if (found := measures.pitch(sound))]
        assert abs(measures.semitones(*pitches)) > 2
    lasts = {voice: measures.speech_seconds(sound) for voice, sound in said.items()}
    assert lasts["electra"] < 0.9 * lasts["renarde"] < 0.9 * lasts["lisa"]
    assert all(500 < measures.brightness(sound) < 5000 for sound in said.values())


async def test_french_and_english_differ(engine: EngineProcess) -> None:
    async with engine_stream_of(engine.url) as stream:
        french = await stream.say(Start(voice="lisa", language="fr"), ["Installation impossible."])
        english = await stream.say(Start(voice="lisa", language="en"), ["Installation impossible."])
        default = await stream.say(Start(voice="lisa"), ["Installation impossible."])
    assert french.pcm == default.pcm
    assert french.pcm != english.pcm
