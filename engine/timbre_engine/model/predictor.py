"""What whoever writes `predictor.onnx` and whoever runs it must agree on.

Inputs, for a batch of streams: `hidden` and `code0_embedding` float32 [batch, talker_hidden]; `uniform` float32
[15, batch] in [0, 1); `temperature` float32, `top_k` int64 and `top_p` float32 [batch]; `width` int64 [1], the most
probable tokens that are looked at. Greedy is temperature 1, top_k 1 and uniform 0; top_p 2 keeps everything.
Outputs: `codes` int32 [batch, 15]; `embedding_sum` float32 [batch, talker_hidden].
"""

from typing import Final

CODES: Final = 15
"""Codes that the predictor makes for a frame: 1 to 15."""

VOCABULARY: Final = 2048
"""Values of such a code."""
