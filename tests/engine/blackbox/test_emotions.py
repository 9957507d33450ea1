"""What an emotion does to a voice, measured: rate and loudness, and pitch where the backend has a say in it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from support.engine_process import EngineProcess, house_voices
from support.engine_stream import engine_stream_of
from support.sound import samples
from timbre_common.documents import Voice, VoicesDocument
from timbre_common.engine_stream import Start
from timbre_common.voiceprofile import Prosody, Sampling, Style
from timbre_loras.comparison import measures

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Bonjour à tous, c'est l'été. Comment allez-vous aujourd'hui ? Très bien, merci de votre visite."
VOICES = {voice.name: voice for voice in house_voices().voices}


async def sound(engine: EngineProcess, voice: str, emotion: str) -> NDArray[np.float64]:
    async with engine_stream_of(engine.url) as stream:
        heard = await stream.say(Start(voice=voice, language="fr", emotion=emotion, seed=1), [TEXT])
    return samples(heard.pcm) / 32768


def semitones(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    before, after = measures.pitch(one), measures.pitch(other)
    assert before is not None and after is not None
    return measures.semitones(before.median, after.median)


@pytest.mark.parametrize("name", VOICES)
async def test_each_emotion_sounds_as_its_style_says(engine: EngineProcess, name: str) -> None:
    neutral = await sound(engine, name, "neutral")
    for emotion, style in VOICES[name].prosody.styles.items():
        spoken = await sound(engine, name, emotion)
        # espeak-ng's own steps are coarse, and a pitch changes how loud it is.
        faster = measures.speech_seconds(neutral) / measures.speech_seconds(spoken)
        assert faster == pytest.approx(style.speed, rel=0.1), emotion
        louder = measures.level(spoken) - measures.level(neutral)
        assert louder == pytest.approx(style.gain, abs=2), emotion
        higher = semitones(neutral, spoken)
        if style.pitch:
            assert 0.4 < higher / style.pitch < 1.7, emotion
        else:
            assert higher == pytest.approx(0, abs=0.3), emotion


async def test_a_model_takes_speed_and_gain_of_a_style_and_keeps_its_pitch(qwen3tts: EngineProcess) -> None:
    styles = {name: VOICES["renarde"].prosody.styles[name] for name in ("sad", "emergency", "shy")}
    styled = Voice(
        name="styled",
        languages=["fr"],
        speaker="vivian",
        sampling=Sampling(temperature=0),
        prosody=Prosody(gain=-12, styles={**styles, "high": Style(pitch=4)}),
    )
    await qwen3tts.put_voices(VoicesDocument(generation=2, voices=[styled]))
    neutral = await sound(qwen3tts, "styled", "neutral")
    np.testing.assert_array_equal(await sound(qwen3tts, "styled", "high"), neutral)
    assert np.abs(neutral).max() < 10 ** (-3 / 20)  # nothing is clipped below
    for emotion, style in styles.items():
        spoken = await sound(qwen3tts, "styled", emotion)
        assert len(neutral) / len(spoken) == pytest.approx(style.speed, rel=0.03), emotion
        louder = measures.level(spoken) - measures.level(neutral)
        assert louder == pytest.approx(style.gain, abs=1), emotion
