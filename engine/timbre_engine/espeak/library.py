"""espeak-ng's C library by ctypes: loading, voices, parameters, synthesis. One utterance a loaded library."""

import _ctypes
import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, Structure, Union, c_char, c_char_p, c_int, c_short, c_ubyte, c_uint, c_void_p
from typing import Any, Final

import espeakng_loader

from timbre_common.errors import SetupError

RATE: Final = 22_050
"""Samples a second that espeak-ng makes."""

_SYNCHRONOUS: Final = 2
_BUFFER_MS: Final = 20
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 1
_END_PAUSE: Final = 0x1000
_WORD: Final = 1
_PARAMETER_RATE: Final = 1
_PARAMETER_PITCH: Final = 3
_OK: Final = 0


class _Id(Union):
    _fields_ = (("number", c_int), ("name", c_char_p), ("string", c_char * 8))


class _Event(Structure):
    _fields_ = (
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", _Id),
    )


class _Voice(Structure):
    _fields_ = (
        ("name", c_char_p),
        ("languages", c_void_p),
        ("identifier", c_char_p),
        ("gender", c_ubyte),
        ("age", c_ubyte),
        ("variant", c_ubyte),
        ("reserved", c_ubyte),
        ("score", c_int),
        ("spare", c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))

Heard = Callable[[bytes, list[tuple[int, int]]], bool]
"""Takes s16le samples at 22,050 Hz and the words [(index in the text, sample of this synthesis)]; True goes on."""


class LibraryError(Exception):
    """espeak-ng answered with an error code."""


class Library:
    """The loaded library. All of its state is global to the process."""

    def __init__(self, handle: Any) -> None:
        self._lib = handle

    def version(self) -> str:
        """espeak-ng's version."""
        self._lib.espeak_Info.restype = c_char_p
        text: bytes = self._lib.espeak_Info(None)
        return text.decode(errors="replace").split(" ")[0]

    def languages(self) -> dict[str, str]:
        """BCP 47 tags in lower case -> the voice that espeak-ng itself prefers for them."""
        best: dict[str, tuple[int, str]] = {}
        for voice in self._voices(None):
            identifier = voice.identifier.decode()
            if identifier.startswith("mb/"):
                continue  # needs the mbrola library
            for priority, tag in _languages(voice.languages):
                best[tag] = min(best.get(tag, (256, "")), (priority, identifier))
        return {tag: identifier for tag, (_, identifier) in sorted(best.items())}

    def variants(self) -> list[str]:
        """Names of the variants that a voice can be given."""
        wanted = ctypes.create_string_buffer(b"variant")
        specification = _Voice(languages=ctypes.cast(wanted, c_void_p))
        return sorted(voice.identifier.decode().removeprefix("!v/") for voice in self._voices(specification))

    def select(self, voice: str, rate: int, pitch: int) -> None:
        """Speak with this voice from now on. Raises LibraryError."""
        self._check("SetVoiceByName", self._lib.espeak_SetVoiceByName(voice.encode()))
        self._check("SetParameter rate", self._lib.espeak_SetParameter(_PARAMETER_RATE, rate, 0))
        self._check("SetParameter pitch", self._lib.espeak_SetParameter(_PARAMETER_PITCH, pitch, 0))

    def synthesize(self, text: str, heard: Heard) -> None:
        """Speak `text`, handing over samples and words as they are made, until `heard` says stop.

        Raises LibraryError, and whatever `heard` raised.
        """
        raised: list[BaseException] = []

        def callback(samples: Any, count: int, events: Any) -> int:
            try:
                pcm = ctypes.string_at(samples, 2 * count) if samples and count > 0 else b""
                return 0 if heard(pcm, list(_words(events))) else 1
            except BaseException as error:  # ctypes would swallow it
                raised.append(error)
                return 1

        data = text.encode()
        keep = _Callback(callback)
        self._lib.espeak_SetSynthCallback(keep)
        code = self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8 | _END_PAUSE, None, None)
        if raised:
            raise raised[0]
        self._check("Synth", code)

    def _voices(self, specification: _Voice | None) -> Iterator[_Voice]:
        listing = self._lib.espeak_ListVoices
        listing.restype = POINTER(POINTER(_Voice))
        found = listing(ctypes.byref(specification) if specification is not None else None)
        index = 0
        while found[index]:
            yield found[index].contents
            index += 1

    @staticmethod
    def _check(call: str, code: int) -> None:
        if code != _OK:
            raise LibraryError(f"espeak-ng's {call} answered {code}")


@contextmanager
def loaded(seed: int = 1) -> Iterator[Library]:
    """The library, freshly loaded and unloaded afterwards.

    espeak-ng keeps phases and noise from one utterance to the next, and nothing short of loading it anew resets them
    (about a millisecond): so the same text gives the same samples, whatever was spoken before. `seed` is its noise's.
    """
    try:
        handle = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
    except (OSError, RuntimeError) as error:
        raise SetupError(f"espeak-ng cannot be loaded: {error}") from error
    if handle.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data, _DONT_EXIT) != RATE:
        raise SetupError("espeak-ng cannot be initialised: reinstall the package espeakng-loader")
    handle.espeak_ng_SetRandSeed(ctypes.c_long(seed))  # it was the clock's second
    ctypes.CDLL(None).srand(seed)  # its Klatt synthesizer's noise
    try:
        yield Library(handle)
    finally:
        handle.espeak_Terminate()
        _ctypes.dlclose(handle._handle)


def _words(events: Any) -> Iterator[tuple[int, int]]:
    index = 0
    while events[index].type != 0:
        event = events[index]
        if event.type == _WORD:
            yield event.text_position - 1, event.sample
        index += 1


def _languages(address: int) -> Iterator[tuple[int, str]]:
    """espeak-ng's list: a priority byte and a C string, again and again, until a zero byte."""
    while priority := ctypes.string_at(address, 1)[0]:
        tag = ctypes.string_at(address + 1)
        address += len(tag) + 2
        yield priority, tag.decode()
