"""`timbre-engine convert`, `inspect` and `synthesize-model`: model directories are made and looked at."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from timbre_engine.convert import pipeline, synthetic
from timbre_engine.convert.pipeline import Progress
from timbre_engine.llama.source import Choice
from timbre_engine.model import manifest as manifests
from timbre_engine.model.manifest import Manifest, Quantisation


def convert(
    checkpoint: Path, model_dir: Path, *, quant: Quantisation = Quantisation.Q4_K_M, llama_library: Choice = "auto"
) -> None:
    """Convert a Qwen3-TTS checkpoint into a model directory.

    Parameters
    ----------
    checkpoint
        A Qwen3-TTS-12Hz checkpoint in Hugging Face layout, as `timbre-engine pull` gets it.
    model_dir
        The directory to make; it is there whole or not at all.
    quant
        How the language models' weights are stored. F32 computes as the official implementation does.
    llama_library
        llama.cpp's library, which quantises: prebuilt, native, or auto for the first of them that is installed.
    """
    with _bar("converting") as progress:
        manifest = pipeline.convert(checkpoint, model_dir, quant, progress, llama_library)
    _tell(model_dir, manifest)


def synthesize_model(
    model_dir: Path,
    *,
    size: Literal["0.6b", "1.7b"] = "0.6b",
    quant: Quantisation = Quantisation.Q4_K_M,
    llama_library: Choice = "auto",
) -> None:
    """Make a model directory of random weights in the true shapes, for benchmarks: it speaks noise.

    Parameters
    ----------
    model_dir
        The directory to make.
    size
        Which model's shapes.
    quant
        How the language models' weights are stored.
    llama_library
        llama.cpp's library, which quantises: prebuilt, native, or auto for the first of them that is installed.
    """
    with tempfile.TemporaryDirectory() as work, _bar("synthesizing") as progress:
        manifest = synthetic.synthesize(model_dir, size, quant, Path(work), progress, llama_library)
    _tell(model_dir, manifest)


def inspect(model_dir: Path) -> None:
    """Print what a model directory holds, and verify the sum of every file.

    Parameters
    ----------
    model_dir
        A model directory, as `timbre-engine convert` makes it.
    """
    manifest = manifests.read(model_dir)
    _tell(model_dir, manifest)
    manifests.verify(model_dir, manifest)
    print("every file is as it was converted")


def _tell(directory: Path, manifest: Manifest) -> None:
    talker, predictor = manifest.talker, manifest.predictor
    rows = {
        "model": f"{manifest.name} ({manifest.size} {manifest.kind}), {manifest.quantisation}",
        "talker": f"{talker.layers} layers of {talker.hidden}, {talker.heads} heads, {talker.kv_heads} for keys",
        "predictor": f"{predictor.layers} layers of {predictor.hidden}",
        "codec": f"{manifest.codec.codebooks} codebooks, {manifest.codec.samples_per_frame} samples a frame",
        "languages": ", ".join(sorted(manifest.languages)) or "none",
        "speakers": ", ".join(sorted(manifest.speakers)) or "none",
        "base digest": manifest.digest,
        "model digest": manifests.digest_of(directory),
    }
    rows |= {name: f"{file.size / 1e6:,.1f} MB  sha256 {file.sha256[:16]}…" for name, file in manifest.files.items()}
    print(directory)
    for name, value in rows.items():
        print(f"  {name:16} {value}")


@contextmanager
def _bar(title: str) -> Iterator[Progress]:
    with tqdm(desc=title, unit=" tensors", file=sys.stderr, leave=False) as bar:

        def progress(name: str) -> None:
            bar.set_postfix_str(name[-32:], refresh=False)
            bar.update()

        yield progress
