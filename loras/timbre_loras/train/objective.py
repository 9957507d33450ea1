"""What is minimised: the cross-entropy of code 0, and that of the predictor's codes 1 to 15.

Each answer is compared with what is right at its own position: `Laid.targets` is shifted once, and nothing shifts it
again. (The losses inside the official classes shift by themselves, so they are not asked.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from timbre_loras.train.layout import NONE, Laid
from timbre_loras.train.model import Model


@dataclass(frozen=True, slots=True)
class Item:
    """A line as the model takes it."""

    laid: Laid
    codes: Any
    """[frames, codebooks] int64."""
    vector: Any
    """[hidden], or None."""


@dataclass(frozen=True, slots=True)
class Losses:
    """In nats a code."""

    first: Any
    """Of code 0, and of the end of speech."""
    rest: Any
    """Of codes 1 to 15."""
    frames: int


@dataclass(frozen=True, slots=True)
class Answers:
    """Logits, and what is right."""

    first: Any
    """[frames + 1 of each line, codec vocabulary]."""
    first_right: Any
    rest: Any
    """[frames, codebooks - 1, 2048]."""
    rest_right: Any


def losses(model: Model, items: Sequence[Item]) -> Losses:
    """The means over all frames of a batch."""
    made = answers(model, items)
    return Losses(
        functional.cross_entropy(made.first.float(), made.first_right),
        functional.cross_entropy(made.rest.float().flatten(0, 1), made.rest_right.flatten()),
        len(made.rest),
    )


def answers(model: Model, items: Sequence[Item]) -> Answers:
    """What the model answers to a batch of lines, one behind the other."""
    with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=model.autocast):
        hidden = _states(model, items)
        targets = torch.cat([torch.from_numpy(item.laid.targets) for item in items]).to(model.device)
        codes = torch.cat([item.codes for item in items])
        # The last answer of each line is the end of speech, of which there is no frame.
        rest = _predicted(model, torch.cat([each[:-1] for each in hidden]), codes)
        return Answers(model.talker.codec_head(torch.cat(hidden)), targets, rest, codes[:, 1:])


def _states(model: Model, items: Sequence[Item]) -> list[Any]:
    """The talker's states after its norm at the positions that answer: [frames + 1, hidden] of each line."""
    with torch.no_grad():
        lines = [_positions(model, item) for item in items]
    # What is behind a line's end is seen by nothing before it, so padding needs no mask.
    states = model.talker.model(inputs_embeds=pad_sequence(lines, batch_first=True), use_cache=False).last_hidden_state
    return [state[item.laid.first : len(line)] for state, item, line in zip(states, items, lines, strict=True)]


def _positions(model: Model, item: Item) -> Any:
    """The input of the talker: [positions, hidden]."""
    talker, laid = model.talker, item.laid
    text, codec = (torch.from_numpy(track).to(model.device) for track in (laid.text, laid.codec))
    made = talker.text_projection(talker.get_text_embeddings()(text))
    there = codec != NONE
    made[there] += talker.get_input_embeddings()(codec[there])
    if laid.vector is not None:
        made[laid.vector] += item.vector
    tables = [talker.get_input_embeddings(), *talker.code_predictor.get_input_embeddings()]
    made[laid.first + 1 :] += sum(table(item.codes[:, book]) for book, table in enumerate(tables))
    return made


def _predicted(model: Model, hidden: Any, codes: Any) -> Any:
    """Logits [frames, codebooks - 1, 2048] of the codes after the first.

    Position 0 is the talker's state, position 1 code 0, and so on; head g answers at position g + 1 with code g + 1.
    """
    talker = model.talker
    tables = [talker.get_input_embeddings(), *talker.code_predictor.get_input_embeddings()[:-1]]
    with torch.no_grad():
        given = [table(codes[:, book]) for book, table in enumerate(tables)]
    return talker.code_predictor.forward_finetune(inputs_embeds=torch.stack([hidden, *given], dim=1)).logits
