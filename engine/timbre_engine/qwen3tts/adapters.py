"""Adapters in memory: checked when a voice is loaded, read when it first speaks, a bounded number resident."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from contextlib import suppress

from timbre_common.errors import EngineUnavailable, InvalidInput
from timbre_common.voiceprofile import Adapter as Wanted
from timbre_engine.llama.model import Adapter, Model
from timbre_engine.model.manifest import Manifest
from timbre_engine.qwen3tts import adapter_file
from timbre_engine.qwen3tts.adapted_predictor import AdaptedPredictor
from timbre_engine.qwen3tts.adapter_file import AdapterFile
from timbre_engine.qwen3tts.lanes import AppliedAdapter, LaneKey
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.talker import Talker


class _Resident:
    """An adapter in memory, and how many utterances use it."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.users = 0


class Adapters:
    """For one thread, but for `check`. At most `max_loaded_adapters` are resident; one that speaks is never taken."""

    def __init__(
        self, options: Options, manifest: Manifest, model: Model, talker: Talker, predictor: AdaptedPredictor
    ) -> None:
        self._options = options
        self._files = {lora.adapter.file: lora.path for lora in options.loras}
        self._manifest = manifest
        self._model = model
        self._talker = talker
        self._predictor = predictor
        self._checked: dict[Wanted, AdapterFile] = {}
        self._named: Counter[Wanted] = Counter()
        """How many voices name each."""
        self._resident: OrderedDict[str, _Resident] = OrderedDict()

    def check(self, wanted: Wanted) -> AdapterFile:
        """Look at the file before the library does, from any thread. Raises InvalidInput with the reason."""
        file = adapter_file.check(
            self._files.get(wanted.file) or adapter_file.resolve(self._options.adapters, wanted.file),
            base_digest=self._manifest.digest,
            sizes=self._manifest.talker,
            predictor=self._manifest.predictor,
            max_rank=self._options.max_rank,
            digest=wanted.digest,
        )
        if file.predictor is not None:
            self._predictor.refuse_unadaptable()
        return file

    def know(self, wanted: Wanted, file: AdapterFile) -> None:
        """A voice that names this checked file may speak from now on."""
        before = self._checked.get(wanted)
        self._checked[wanted] = file
        self._named[wanted] += 1
        if before is not None:
            self._free_unnamed(before.digest)

    def forget(self, wanted: Wanted) -> None:
        """A voice that named it has gone: free it after its utterances, unless another voice shares the file."""
        self._named[wanted] -= 1
        if self._named[wanted] > 0:
            return
        del self._named[wanted]
        file = self._checked.pop(wanted, None)
        if file is not None:
            self._free_unnamed(file.digest)

    def file(self, wanted: Wanted) -> AdapterFile:
        """The checked file of a loaded voice. Raises EngineUnavailable."""
        file = self._checked.get(wanted)
        if file is None:
            raise EngineUnavailable("the voice was unloaded")
        return file

    def take(self, wanted: Iterable[tuple[Wanted, float]]) -> LaneKey:
        """Adapters and their weights for an utterance, read where they are not resident: each file once, with the sum
        of its weighted scales. Give them back with `give_back`.

        Raises EngineUnavailable where as many as may be loaded are speaking.
        """
        scales: dict[str, float] = {}
        resident: dict[str, Adapter] = {}
        try:
            for each, weight in wanted:
                file = self._unchanged(each)
                if file.digest not in resident:
                    resident[file.digest] = self._use(file)
                scales[file.digest] = scales.get(file.digest, 0.0) + each.scale * weight
        except BaseException:
            self._release(resident)
            raise
        return tuple(AppliedAdapter(digest, scales[digest], resident[digest]) for digest in sorted(resident))

    def give_back(self, key: LaneKey) -> None:
        """An utterance no longer uses them."""
        self._release(used.digest for used in key)

    def resident(self) -> frozenset[str]:
        """Digests of the files in memory."""
        return frozenset(self._resident)

    def _unchanged(self, wanted: Wanted) -> AdapterFile:
        """The checked file; where it was exchanged and is to be read, it is looked at again.

        Raises EngineUnavailable where it is gone, or its content is another.
        """
        file = self.file(wanted)
        if file.digest in self._resident or adapter_file.unchanged(file):
            return file
        with suppress(InvalidInput):
            found = self.check(wanted)
            if found.digest == file.digest:
                self._checked[wanted] = found
                return found
        raise EngineUnavailable(f"{file.path.name} has changed since it was checked: load the voice again")

    def _use(self, file: AdapterFile) -> Adapter:
        resident = self._resident.get(file.digest)
        if resident is None:
            self._make_room()
            matrices = None if file.predictor is None else adapter_file.matrices(file.predictor)
            resident = self._resident[file.digest] = _Resident(Adapter(self._model, file.path))
            if file.predictor is not None and matrices is not None:
                self._predictor.hold(file.digest, file.predictor.alpha, matrices)
        self._resident.move_to_end(file.digest)
        resident.users += 1
        return resident.adapter

    def _release(self, digests: Iterable[str]) -> None:
        for digest in digests:
            self._resident[digest].users -= 1
            self._free_unnamed(digest)

    def _make_room(self) -> None:
        most = self._options.max_loaded_adapters
        while len(self._resident) >= most:
            idle = next((digest for digest, resident in self._resident.items() if not resident.users), None)
            if idle is None:
                raise EngineUnavailable(f"{most} adapters are speaking: that is all that may be loaded", 1.0)
            self._free(idle)

    def _free_unnamed(self, digest: str) -> None:
        if all(file.digest != digest for file in self._checked.values()):
            self._talker.forget(digest)
            self._free(digest)

    def _free(self, digest: str) -> None:
        resident = self._resident.get(digest)
        if resident is not None and not resident.users:
            del self._resident[digest]
            self._talker.release(resident.adapter)
            self._predictor.release(digest)
            resident.adapter.close()
