"""`timbre-engine adapter-effect`: what an adapter does to talker and code predictor, in numbers."""

from pathlib import Path

import msgspec

from timbre_common.errors import InvalidInput
from timbre_engine.llama.source import Choice
from timbre_engine.model import manifest as manifests
from timbre_engine.qwen3tts import adapter_effect as effect
from timbre_engine.qwen3tts import adapter_file


def adapter_effect(
    model_dir: Path,
    adapter: Path,
    *,
    scales: str = "0,0.03125,0.0625,0.125,0.25,0.5,1",
    max_rank: int = 1024,
    llama_library: Choice = "auto",
) -> None:
    """Print as JSON what an adapter changes at each scale, null where it adapts nothing.

    `changes` is how much the talker's hidden states change, relative to those without it; `predictor` the share of the
    code predictor's codes that are others.

    Parameters
    ----------
    model_dir
        A model directory, as `timbre-engine convert` makes it.
    adapter
        An adapter, as `timbre-loras export` writes it. It is checked as the engine does before a voice speaks.
    scales
        Scales to apply it at.
    max_rank
        Rank that it may have.
    llama_library
        llama.cpp's library: prebuilt, native, or auto for the first of them that is installed.
    """
    try:
        wanted = [float(scale) for scale in scales.split(",")]
    except ValueError:
        raise InvalidInput("numbers such as 0,0.5,1 are right", "scales") from None
    manifest = manifests.read(model_dir)
    found = adapter_file.check(
        adapter,
        base_digest=manifest.digest,
        sizes=manifest.talker,
        predictor=manifest.predictor,
        max_rank=max_rank,
        digest=None,
    )
    print(msgspec.json.encode(effect.measure(model_dir, manifest, found, wanted, llama_library)).decode())
