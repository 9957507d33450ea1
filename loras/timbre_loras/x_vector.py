"""The voice that an adapter was trained as, where that is none of the model's speakers: safetensors with `x_vector`."""

from pathlib import Path
from typing import Final

import numpy as np
import safetensors
from numpy.typing import NDArray

from timbre_common import adapters
from timbre_common.errors import InvalidInput, SetupError, TooLarge
from timbre_loras import peft_adapter

FILE: Final = "x_vector.safetensors"
"""Its name in PEFT's directory."""
MANY: Final = "x_vectors"
"""The tensor of several in safetensors: [recordings, hidden] float32."""
MAX_BYTES: Final = 2 << 20


def read(path: Path, hidden: int) -> NDArray[np.float32]:
    """The x-vector [hidden] in a file; what else there is in it is left alone. Raises SetupError, InvalidInput."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TooLarge(f"an x-vector's file has at most {MAX_BYTES >> 20} MiB", path.name)
        tensors = dict(safetensors.deserialize(path.read_bytes()))  # type: ignore[no-untyped-call]
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
    except (safetensors.SafetensorError, ValueError) as error:
        raise InvalidInput(f"cannot be read: {error}", path.name) from error
    tensor = tensors.get(adapters.X_VECTOR)
    if tensor is None or tensor["shape"] != [hidden]:
        raise InvalidInput(f"a tensor {adapters.X_VECTOR} [{hidden}] is right for this base", path.name)
    return peft_adapter.values(adapters.X_VECTOR, tensor)
