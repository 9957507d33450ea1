"""Clips of the loaded voices, and the codec's state behind those that are continued: a bounded number of them."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from timbre_common.errors import EngineUnavailable
from timbre_common.voiceprofile import Reference as Wanted
from timbre_engine.model.manifest import Manifest
from timbre_engine.qwen3tts import adapter_file, clip
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.codec_jobs import Priming
from timbre_engine.qwen3tts.decoder import AnyDecoder
from timbre_engine.qwen3tts.talker import Talker

STATES: Final = 16
"""States of the codec that are kept, about 5 MB each; one that has gone is made again when its voice speaks."""


class References:
    """For one thread, but for `check`."""

    def __init__(self, directory: Path, manifest: Manifest, codec: AnyDecoder, talker: Talker) -> None:
        self._directory = directory
        self._manifest = manifest
        self._codec = codec
        self._talker = talker
        self._clips: dict[Wanted, Clip] = {}
        self._named: Counter[Wanted] = Counter()
        """How many voices name each."""
        self._primings: OrderedDict[str, Priming] = OrderedDict()
        """By the clip's key, done or under way."""

    def check(self, wanted: Wanted) -> Clip:
        """Read a voice file, from any thread. Raises InvalidInput with the reason."""
        path = adapter_file.resolve(self._directory, wanted.file, "reference.path")
        return clip.read(path, self._manifest, wanted.digest)

    def know(self, wanted: Wanted, found: Clip) -> None:
        """A voice that names this checked file may speak from now on."""
        before = self._clips.get(wanted)
        self._clips[wanted] = found
        self._named[wanted] += 1
        if before is not None:
            self._free_unnamed(before.key)

    def forget(self, wanted: Wanted) -> None:
        """A voice that named it has gone, and its utterances with it."""
        self._named[wanted] -= 1
        if self._named[wanted] <= 0:
            del self._named[wanted]
            found = self._clips.pop(wanted, None)
            if found is not None:
                self._free_unnamed(found.key)

    def clip(self, wanted: Wanted) -> Clip:
        """The clip of a loaded voice. Raises EngineUnavailable."""
        found = self._clips.get(wanted)
        if found is None:
            raise EngineUnavailable("the voice was unloaded")
        return found

    def warm(self, found: Clip, put: Callable[[Priming], None]) -> None:
        """Make the state behind a clip before it is asked for, where that takes no other's place."""
        if len(self._primings) < STATES:
            self.primed(found, put)

    def primed(self, found: Clip, put: Callable[[Priming], None]) -> Priming | None:
        """The codec's state behind a clip; `put` is given one that has to be made. None where nothing is continued."""
        if found.codes is None:
            return None
        key = found.key
        priming = self._primings.get(key)
        if priming is None:
            priming = self._primings[key] = Priming(found.codes, self._codec.state())
            put(priming)
            if len(self._primings) > STATES:
                self._primings.popitem(last=False)
        self._primings.move_to_end(key)
        return priming

    def _free_unnamed(self, key: str) -> None:
        if all(each.key != key for each in self._clips.values()):
            self._primings.pop(key, None)
            self._talker.forget_reference(key)
