"""What can be set of training."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from cyclopts.validators import Number

from timbre_common import adapters
from timbre_common.errors import InvalidInput
from timbre_loras.trained import Layout


class Precision(StrEnum):
    """How the base computes; the adapter's own numbers are float32."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every field is a flag."""

    rank: Annotated[int, Parameter(validator=Number(gte=1, lte=256))] = 16
    """Rank of the adapter."""

    alpha: NonNegativeFloat = 0
    """lora_alpha; 0: twice the rank."""

    targets: str = "q_proj,v_proj"
    """Projections of the talker that are adapted: of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj."""

    dropout: Annotated[float, Parameter(validator=Number(gte=0, lt=1))] = 0.0
    """Dropout before the adapter."""

    layout: Layout = Layout.STREAMING
    """streaming: text joins the speech frame by frame, as the engine serves by default; full: it stands before it."""

    language: str = ""
    """The voice's language as the model names it, such as french; without it each line's own."""

    speaker: str = ""
    """The model's speaker that the voice builds on; takes the x-vector's place."""

    x_vector: Path | None = None
    """safetensors with the x-vector that the voice is trained as; without it the dataset's, where it has one."""

    steps: PositiveInt = 500
    """Steps of the optimizer."""

    batch: PositiveInt = 8
    """Lines a step."""

    learning_rate: PositiveFloat = 2e-4
    """Its highest value."""

    warmup: NonNegativeInt = 20
    """Steps until it is reached."""

    clip: PositiveFloat = 1.0
    """Largest norm of a step's gradient."""

    predictor_weight: NonNegativeFloat = 0.3
    """Weight of the loss of codes 1 to 15 beside that of code 0."""

    held_out: Annotated[float, Parameter(validator=Number(gte=0, lte=0.5))] = 0.1
    """Part of the lines that is not learnt and only measures."""

    measure_every: PositiveInt = 50
    """Steps between measurements on the lines held out."""

    checkpoint_every: PositiveInt = 100
    """Steps between checkpoints."""

    precision: Precision = Precision.AUTO
    """auto: bfloat16 on a GPU that has it, float32 elsewhere."""

    device: str = ""
    """Where it computes, such as cuda:1 or cpu; without it a GPU where there is one."""

    seed: NonNegativeInt = 0
    """Of the adapter's beginning, the order of the lines and dropout."""

    @property
    def projections(self) -> list[str]:
        """The targets by name. Raises InvalidInput."""
        names = [name.strip() for name in self.targets.split(",")]
        for name in names:
            if name not in adapters.TARGETS:
                raise InvalidInput(f"{', '.join(adapters.TARGETS)} are right, not {name!r}", "--targets")
        return names
