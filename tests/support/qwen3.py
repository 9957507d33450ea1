"""The code predictor in plain numpy and float64: slow, and independent of how the engine does it."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from timbre_engine.model.manifest import Transformer

Array = NDArray[np.float64]
PREFIX = "talker.code_predictor."


class Reference:
    """Weights by their names in a checkpoint."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], sizes: Transformer) -> None:
        self.weights = {name: weight.astype(np.float64) for name, weight in weights.items()}
        self.sizes = sizes

    def frame(
        self, hidden: NDArray[np.float32], code0_embedding: NDArray[np.float32], choose: Callable[[int, Array], int]
    ) -> tuple[list[int], Array]:
        """Codes 1..15 and the sum of their embeddings; `choose` picks a code from the logits of a head."""
        inputs = [hidden.astype(np.float64), code0_embedding.astype(np.float64)]
        codes = []
        for number in range(15):
            state = self.hidden_states(np.stack(inputs))[-1]
            codes.append(choose(number, self.weights[f"{PREFIX}lm_head.{number}.weight"] @ state))
            inputs.append(self.weights[f"{PREFIX}model.codec_embedding.{number}.weight"][codes[-1]])
        return codes, np.sum(inputs[2:], axis=0)

    def hidden_states(self, inputs: Array) -> Array:
        """All positions at once, after the final norm."""
        sizes = self.sizes
        value = inputs
        if value.shape[1] != sizes.hidden:
            projection = f"{PREFIX}small_to_mtp_projection."
            value = value @ self.weights[f"{projection}weight"].T + self.weights[f"{projection}bias"]
        for number in range(sizes.layers):
            prefix = f"{PREFIX}model.layers.{number}."
            value = value + self.attention(self.norm(value, f"{prefix}input_layernorm"), f"{prefix}self_attn.")
            value = value + self.mlp(self.norm(value, f"{prefix}post_attention_layernorm"), f"{prefix}mlp.")
        return self.norm(value, f"{PREFIX}model.norm")

    def attention(self, value: Array, prefix: str) -> Array:
        sizes = self.sizes
        length = len(value)

        def heads(name: str, count: int) -> Array:
            return self.linear(value, f"{prefix}{name}_proj").reshape(length, count, sizes.head_dim)

        queries = rotate(self.norm(heads("q", sizes.heads), f"{prefix}q_norm"), sizes.rope_theta)
        keys = rotate(self.norm(heads("k", sizes.kv_heads), f"{prefix}k_norm"), sizes.rope_theta)
        values = heads("v", sizes.kv_heads)
        output = np.empty_like(queries)
        for head in range(sizes.heads):
            shared = head // (sizes.heads // sizes.kv_heads)
            scores = queries[:, head] @ keys[:, shared].T / np.sqrt(sizes.head_dim)
            scores[np.triu_indices(length, 1)] = -np.inf
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            output[:, head] = weights / weights.sum(axis=1, keepdims=True) @ values[:, shared]
        return self.linear(output.reshape(length, -1), f"{prefix}o_proj")

    def mlp(self, value: Array, prefix: str) -> Array:
        gate = self.linear(value, f"{prefix}gate_proj")
        return self.linear(gate / (1 + np.exp(-gate)) * self.linear(value, f"{prefix}up_proj"), f"{prefix}down_proj")

    def linear(self, value: Array, name: str) -> Array:
        product: Array = value @ self.weights[f"{name}.weight"].T
        return product

    def norm(self, value: Array, name: str) -> Array:
        mean = np.square(value).mean(axis=-1, keepdims=True)
        normed: Array = value / np.sqrt(mean + self.sizes.norm_eps) * self.weights[f"{name}.weight"]
        return normed


def rotate(value: Array, theta: float) -> Array:
    """[positions, heads, head_dim]: the two halves of a head turn against each other, faster the earlier the place."""
    half = value.shape[2] // 2
    angles = np.arange(len(value))[:, None, None] * theta ** (-np.arange(half) / half)
    first, second = value[..., :half], value[..., half:]
    return np.concatenate(
        [first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles)], axis=-1
    )
