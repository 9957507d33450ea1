"""The codec decoder as `codec.onnx`: codes to samples, as a stream in chunks of any length.

Inputs are `codes` int64 [batch, frames, codebooks] and the states; outputs are `pcm` float32 [batch, samples] and the
next states. A state holds just what the causal layers look back on, so any cutting into chunks gives the same waveform.
"""

from pathlib import Path
from typing import Final

import numpy as np

from timbre_common.errors import SetupError
from timbre_engine.convert import codec_layout as layout
from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.codec_front import embedded, transformed, upsampled
from timbre_engine.convert.codec_stack import decoded, spread_together, units_together
from timbre_engine.convert.codec_stream import BATCH, Stream, Tensor
from timbre_engine.convert.onnx_graph import Graph
from timbre_engine.model.codec import SIZES, CodecSizes, to_property
from timbre_engine.model.manifest import Codec

CODES: Final = "codes"
PCM: Final = "pcm"


def write_codec(checkpoint: Checkpoint, path: Path) -> Codec:
    """Write `codec.onnx` from the speech tokenizer's checkpoint.

    Raises InvalidInput that names the config's field or the tensor, SetupError where the file cannot be written.
    """
    sizes = layout.read_sizes(checkpoint.config)
    graph = build(checkpoint, sizes)
    checkpoint.skip(layout.SKIPPED)
    checkpoint.refuse_unused()
    try:
        graph.save(path)
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from error
    return Codec(
        codebooks=sizes.num_quantizers,
        samples_per_frame=sizes.samples_per_frame,
        sample_rate=checkpoint.config["output_sample_rate"],
    )


def build(checkpoint: Checkpoint, sizes: layout.Sizes) -> Graph:
    """The graph, with every tensor that it needs taken from the checkpoint."""
    shapes = layout.shapes(sizes)

    def take(name: str) -> Tensor:
        full = layout.DECODER + name
        return checkpoint.take(full, shapes[full])

    graph = Graph("codec")
    graph.metadata = {
        "codebook_size": str(sizes.codebook_size),
        "samples_per_frame": str(sizes.samples_per_frame),
        SIZES: to_property(_told(sizes)),
    }
    stream = Stream(graph, take)
    codes = graph.input(CODES, [BATCH, "frames", sizes.num_quantizers], np.int64)
    rows = stream.convolved(embedded(stream, sizes, codes), "pre_conv")
    rows = upsampled(stream, sizes, transformed(stream, sizes, rows))
    graph.output(decoded(stream, sizes, rows), PCM, [BATCH, "samples"])
    return graph


def _told(sizes: layout.Sizes) -> CodecSizes:
    blocks = len(sizes.upsample_rates)
    return CodecSizes(
        codebooks=sizes.num_quantizers,
        codebook_size=sizes.codebook_size,
        codebook_dim=sizes.codebook_dim,
        latent=sizes.latent_dim,
        hidden=sizes.hidden_size,
        layers=sizes.num_hidden_layers,
        heads=sizes.num_attention_heads,
        head_dim=sizes.head_dim,
        window=sizes.sliding_window,
        intermediate=sizes.intermediate_size,
        ratios=tuple(sizes.upsampling_ratios),
        channels=sizes.decoder_dim,
        rates=tuple(sizes.upsample_rates),
        spread_together=spread_together(blocks),
        units_together=units_together(blocks),
        epsilon=sizes.rms_norm_eps,
        theta=sizes.rope_theta,
    )
