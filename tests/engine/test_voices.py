import asyncio
from typing import Any

import pytest

from timbre_common.documents import Voice, VoicesDocument
from timbre_common.errors import InvalidInput, UnknownVoice
from timbre_common.voiceprofile import Adapter, Prosody, Reference
from timbre_engine.listed import OPENAI_NAMES
from timbre_engine.voices import Voices


class Loader:
    """Loads at once, unless a voice is told to wait or to fail."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.bad: set[str] = set()
        self.slow: dict[str, asyncio.Event] = {}

    async def load(self, voice: Voice) -> str:
        self.calls.append(f"load {voice.name}")
        if voice.name in self.slow:
            await self.slow[voice.name].wait()
        if voice.name in self.bad:
            raise InvalidInput("it is broken", "adapter")
        return "a note"

    async def unload(self, voice: Voice) -> None:
        self.calls.append(f"unload {voice.name} {voice.prosody.pitch:g}")


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def voices(loader: Loader) -> Voices:
    return Voices(loader)


def document(generation: int, *names: str, pitch: float = 0.0) -> VoicesDocument:
    prosody = Prosody(pitch=pitch)
    return VoicesDocument(
        generation=generation, voices=[Voice(name=name, languages=["fr"], prosody=prosody) for name in names]
    )


async def apply(voices: Voices, *documents: VoicesDocument) -> dict[str, tuple[int, str]]:
    for each in documents:
        voices.apply(each)
        await voices.settled(5)
        await asyncio.sleep(0)
    return {name: (status.generation, str(status.state)) for name, status in voices.status().voices.items()}


async def test_the_newest_document_is_followed(voices: Voices, loader: Loader) -> None:
    assert await apply(voices, document(2, "a", "b")) == {"a": (2, "ready"), "b": (2, "ready")}
    assert await apply(voices, document(3, "b", "c")) == {"b": (3, "ready"), "c": (3, "ready")}
    assert loader.calls == ["load a", "load b", "unload a 0", "load c"]
    assert voices.status().voices["b"].reason == "a note"


@pytest.mark.parametrize("generation", [0, 1, 2])
async def test_a_stale_or_repeated_document_changes_nothing(voices: Voices, loader: Loader, generation: int) -> None:
    before = await apply(voices, document(2, "a"))
    assert await apply(voices, document(generation, "b")) == before
    assert loader.calls == ["load a"]


async def test_the_same_generation_retries_what_failed(voices: Voices, loader: Loader) -> None:
    loader.bad = {"a"}
    assert await apply(voices, document(1, "a", "b")) == {"a": (1, "failed"), "b": (1, "ready")}
    assert "it is broken" in voices.status().voices["a"].reason
    assert [voices.status().voices[name].code for name in ("a", "b")] == ["invalid", ""]
    with pytest.raises(UnknownVoice):
        voices.find("a")
    loader.bad = set()
    assert await apply(voices, document(1, "a", "b")) == {"a": (1, "ready"), "b": (1, "ready")}
    assert loader.calls == ["load a", "load b", "load a"]


async def test_what_it_begins_with_gives_way_to_any_document(voices: Voices, loader: Loader) -> None:
    voices.begin(document(0, "a", "b").voices)
    await voices.settled(5)
    assert [voice.name for voice in voices.speakable()] == ["a", "b"]
    assert await apply(voices, document(0, "b", "c")) == {"b": (0, "ready"), "c": (0, "ready")}
    assert loader.calls == ["load a", "load b", "unload a 0", "load c"]


async def test_a_scale_holds_until_the_document_comes_again(voices: Voices) -> None:
    adapted = Voice(name="a", languages=["fr"], adapter=Adapter(path="a.gguf"))
    listed = VoicesDocument(generation=1, voices=[adapted])
    await apply(voices, listed)
    voices.scale("a", 0.5)
    await voices.settled(5)
    assert voices.find("a").adapter == Adapter(path="a.gguf", scale=0.5)
    await apply(voices, listed)
    assert voices.find("a") == adapted


async def test_one_slow_voice_holds_up_no_other(voices: Voices, loader: Loader) -> None:
    loader.slow["a"] = asyncio.Event()
    voices.apply(document(1, "a", "b"))
    await voices.settled(0.01)
    assert {name: str(each.state) for name, each in voices.status().voices.items()} == {"a": "loading", "b": "ready"}
    assert [voice.name for voice in voices.speakable()] == ["b"]
    loader.slow["a"].set()
    await voices.settled(5)
    assert [voice.name for voice in voices.speakable()] == ["a", "b"]


async def test_a_removed_voice_is_unloaded_after_its_last_stream(voices: Voices, loader: Loader) -> None:
    await apply(voices, document(1, "a"))
    async with voices.using("a"):
        async with voices.using("a"):
            assert await apply(voices, document(2)) == {}
            with pytest.raises(UnknownVoice):
                voices.find("a")
        await asyncio.sleep(0)
        assert loader.calls == ["load a"]
    await asyncio.sleep(0)
    assert loader.calls == ["load a", "unload a 0"]


async def test_a_changed_voice_is_loaded_beside_the_old_one(voices: Voices, loader: Loader) -> None:
    await apply(voices, document(1, "a"))
    loader.slow["a"] = asyncio.Event()
    async with voices.using("a") as old:
        voices.apply(document(2, "a", pitch=3))
        await voices.settled(0.01)
        assert voices.find("a") is old.voice
        loader.slow["a"].set()
        await voices.settled(5)
        assert voices.find("a").prosody.pitch == 3
        assert loader.calls == ["load a", "load a"]
    await asyncio.sleep(0)
    assert loader.calls == ["load a", "load a", "unload a 0"]


async def test_where_the_change_fails_the_old_one_speaks_on(voices: Voices, loader: Loader) -> None:
    await apply(voices, document(1, "a"))
    loader.bad = {"a"}
    assert await apply(voices, document(2, "a", pitch=3)) == {"a": (2, "failed")}
    assert voices.find("a").prosody.pitch == 0


async def test_openai_names_stand_for_loaded_voices(voices: Voices) -> None:
    with pytest.raises(UnknownVoice):
        voices.find("alloy")
    await apply(voices, document(1, "lisa", "nova"))
    assert {voices.find(name).name for name in OPENAI_NAMES} == {"lisa", "nova"}
    assert voices.find("nova").name == "nova"
    with pytest.raises(UnknownVoice):
        voices.find("bob")


def blend(name: str, of: str) -> Voice:
    return Voice(name=name, languages=["fr"], blend=of)


async def test_a_blend_in_a_request_is_of_loaded_voices(voices: Voices) -> None:
    await apply(voices, document(1, "a", "b"))
    async with voices.using("a(0.3)+b(0.7)") as chosen:
        assert chosen.name == "a(0.3)+b(0.7)"
        assert chosen.voice.name == "b"
        assert [(part.voice.name, part.weight) for part in chosen.blend] == [("a", 0.3), ("b", 0.7)]
    async with voices.using("a(0.5)+b(0.5)") as chosen:
        assert chosen.voice.name == "a"
    async with voices.using("b") as chosen:
        assert (chosen.name, chosen.voice.name, chosen.blend) == ("b", "b", ())


async def test_a_blend_keeps_all_its_voices_loaded(voices: Voices, loader: Loader) -> None:
    await apply(voices, document(1, "a", "b", "c"))
    async with voices.using("a(0.5)+b(0.5)"):
        await apply(voices, document(2))
        assert loader.calls[3:] == ["unload c 0"]
    await asyncio.sleep(0)
    assert loader.calls[4:] == ["unload a 0", "unload b 0"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a(0.5)+z(0.5)", "'z' of the blend is not loaded"),
        ("a(0.5)+both(0.5)", "'both' is a blend itself"),
        ("a(0.5)+alloy(0.5)", "'alloy' of the blend is not loaded"),
        ("a(9)", "above 0 and up to 4"),
    ],
)
async def test_a_blend_that_cannot_be_is_refused_by_name(voices: Voices, name: str, why: str) -> None:
    listed = VoicesDocument(generation=1, voices=[*document(1, "a", "b").voices, blend("both", "a(1)+b(1)")])
    await apply(voices, listed)
    with pytest.raises(InvalidInput, match=why) as refused:
        async with voices.using(name):
            pass
    assert refused.value.field == "voice"


async def test_a_listed_blend_speaks_while_its_voices_do(voices: Voices, loader: Loader) -> None:
    both = blend("both", "a(1)+b(2)")
    loader.slow["b"] = asyncio.Event()
    voices.apply(VoicesDocument(generation=1, voices=[both, *document(1, "a", "b").voices]))
    await voices.settled(0.01)
    assert str(voices.status().voices["both"].state) == "loading"
    loader.slow["b"].set()
    await voices.settled(5)
    assert (await apply(voices))["both"] == (1, "ready")
    async with voices.using("both") as chosen:
        assert chosen.voice == both
        assert [part.voice.name for part in chosen.blend] == ["a", "b"]
        status = await apply(voices, VoicesDocument(generation=2, voices=[both, *document(1, "a").voices]))
        assert status == {"a": (2, "ready"), "both": (2, "failed")}
        assert "'b' of the blend is not loaded" in voices.status().voices["both"].reason
        assert [voice.name for voice in voices.speakable()] == ["a"]
        with pytest.raises(UnknownVoice):
            voices.find("both")
        assert "unload b 0" not in loader.calls
    await asyncio.sleep(0)
    assert loader.calls[-1] == "unload b 0"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"blend": "a(5)"}, "blend: a weight"),
        ({"blend": "a(1)", "speaker": "vivian"}, "speaker: a blend has those of its voices"),
        ({"blend": "a(1)", "adapter": Adapter(path="a.gguf")}, "adapter: a blend has"),
        ({"blend": "a(1)", "reference": Reference(path="a.safetensors")}, "reference: a blend has"),
        ({"blend": "me(1)"}, "blend: 'me' is a blend itself"),
    ],
)
async def test_a_listed_blend_that_is_wrong_fails_alone(voices: Voices, fields: dict[str, Any], why: str) -> None:
    bad = Voice(name="me", languages=["fr"], **fields)
    listed = VoicesDocument(generation=1, voices=[*document(1, "a").voices, bad])
    assert await apply(voices, listed) == {"a": (1, "ready"), "me": (1, "failed")}
    assert why in voices.status().voices["me"].reason
