"""A whole conversion: every file of a model directory, which is there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput, SetupError
from timbre_engine.convert import config as configs
from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.codec import write_codec
from timbre_engine.convert.config import Config
from timbre_engine.convert.predictor import write_predictor
from timbre_engine.convert.talker import write_talker
from timbre_engine.llama.source import Choice
from timbre_engine.model import manifest as manifests
from timbre_engine.model.manifest import FORMAT, Codec, Manifest, Quantisation

Progress = Callable[[str], None]
"""Told what was just finished."""

_SKIPPED: Final = ("speaker_encoder.",)
"""Only makes x-vectors of clips, which the engine is given ready-made."""
_HALF: Final = {Quantisation.Q4_K_M, Quantisation.Q4_0, Quantisation.Q8_0, Quantisation.F16}


def convert(
    source: Path, target: Path, quantisation: Quantisation, progress: Progress, library: Choice = "auto"
) -> Manifest:
    """Convert a checkpoint in Hugging Face layout; `library` of llama.cpp quantises.

    Raises SetupError, InvalidInput with field or tensor.
    """
    main, tokenizer = Checkpoint(source), Checkpoint(source / "speech_tokenizer")
    return write(main, tokenizer, source.resolve().name, target, quantisation, progress, library)


def write(
    main: Checkpoint,
    tokenizer: Checkpoint,
    name: str,
    target: Path,
    quantisation: Quantisation,
    progress: Progress,
    library: Choice,
) -> Manifest:
    """Write a model directory from the tensors of the two checkpoints. Raises as `convert` does."""
    config = Config(main.config)
    talker_sampling, predictor_sampling = configs.sampling(main.directory)
    with _whole(target) as directory:
        embeddings = write_talker(main, config, quantisation, directory / manifests.TALKER, progress, library)
        _write_embeddings(main, config, embeddings, quantisation, directory / manifests.EMBEDDINGS)
        progress(manifests.EMBEDDINGS)
        write_predictor(main, config.talker.hidden, config.predictor, quantisation, directory / manifests.PREDICTOR)
        progress(manifests.PREDICTOR)
        codec = write_codec(tokenizer, directory / manifests.CODEC)
        progress(manifests.CODEC)
        _check(config, codec)
        main.skip(_SKIPPED)
        main.refuse_unused()
        manifest = Manifest(
            format=FORMAT,
            name=name,
            size=config.size,
            kind=config.kind,
            quantisation=quantisation,
            talker=config.talker,
            predictor=config.predictor,
            text_ids=config.text_ids,
            codec_ids=config.codec_ids,
            languages=config.languages,
            speakers=config.speakers,
            dialects=config.dialects,
            sampling=talker_sampling,
            predictor_sampling=predictor_sampling,
            codec=codec,
            files={path.name: manifests.describe(path) for path in sorted(directory.iterdir())},
        )
        encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        (directory / manifests.FILE).write_bytes(encoded)
    return manifest


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A directory beside `target` that becomes it at the end; nothing is left where that fails."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SetupError(f"{target} is not empty: name a new directory, or remove it first")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise SetupError(f"cannot write {target}: {error.strerror}") from error
    try:
        yield partial
        for path in partial.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        partial.chmod(0o755)
        partial.replace(target)
    except OSError as error:
        raise SetupError(f"cannot write {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_embeddings(
    main: Checkpoint, config: Config, first: NDArray[np.float32], quantisation: Quantisation, path: Path
) -> None:
    shape = (config.codec_ids.codes, config.talker.hidden)
    names = (f"talker.code_predictor.model.codec_embedding.{number}.weight" for number in range(config.codebooks - 1))
    table = np.concatenate([first, *(main.take(name, shape) for name in names)])
    np.save(path, table.astype(np.float16) if quantisation in _HALF else table)


def _check(config: Config, codec: Codec) -> None:
    if codec.codebooks != config.codebooks:
        raise InvalidInput(
            f"the codec has {codec.codebooks} codebooks, the talker {config.codebooks}", "talker_config.num_code_groups"
        )
