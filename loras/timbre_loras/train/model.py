"""The base in PyTorch with a LoRA adapter on it: the official package's classes, without codec."""

import json
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedModel, Qwen2TokenizerFast

from timbre_common.errors import InvalidInput, SetupError
from timbre_loras import atomic, peft_adapter, peft_config
from timbre_loras.train.official import modeling
from timbre_loras.train.settings import Precision, Settings

SPEAKER_ENCODER: Final = "speaker_encoder."
_ROLE: Final = "<|im_start|>assistant\n"


class Model:
    """What the objective computes with; the base is frozen."""

    def __init__(self, base: Path, settings: Settings) -> None:
        """Load the base, and begin an adapter at random."""
        torch.manual_seed(settings.seed)
        self.device = device_of(settings.device)
        self.autocast = _computes_in_bfloat16(settings.precision, self.device)
        dtype = torch.bfloat16 if self.autocast else torch.float32
        self._tokenizer = Qwen2TokenizerFast.from_pretrained(base)
        self._peft = get_peft_model(load(base, dtype, SPEAKER_ENCODER).to(self.device), _lora(settings))
        self.talker = self._peft.base_model.model.talker

    @property
    def parameters(self) -> list[Any]:
        """The adapter's, which learn."""
        return [each for each in self._peft.parameters() if each.requires_grad]

    def mode(self, *, learning: bool) -> None:
        """Whether dropout drops."""
        self._peft.train(learning)

    @property
    def role(self) -> list[int]:
        """Tokens of the turn's beginning."""
        ids: list[int] = self._tokenizer(_ROLE, add_special_tokens=False)["input_ids"]
        return ids

    def tokenize(self, text: str) -> list[int]:
        """Tokens of a text as the engine takes it: composed, and what looks like a special token stays text."""
        plain = unicodedata.normalize("NFC", text.strip())
        ids: list[int] = self._tokenizer(plain, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def vector(self, values: NDArray[np.float32]) -> Any:
        """An x-vector [hidden] where the model computes."""
        return torch.from_numpy(values).to(self.device, self.talker.dtype)

    def state(self) -> dict[str, Any]:
        """The adapter's tensors, as PEFT names them."""
        found: dict[str, Any] = get_peft_model_state_dict(self._peft)
        return found

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        set_peft_model_state_dict(self._peft, state)

    def save(self, directory: Path) -> None:
        """Write PEFT's two files, the adapter last. The base's path on this machine is left out of them.

        Raises SetupError.
        """
        try:
            with TemporaryDirectory(dir=directory, prefix=".") as made:
                self._peft.save_pretrained(made, safe_serialization=True)
                settings = json.loads(Path(made, peft_config.FILE).read_text()) | {"base_model_name_or_path": None}
                weights = Path(made, peft_adapter.WEIGHTS).read_bytes()
        except (OSError, SafetensorError) as error:
            raise SetupError(f"{directory / peft_adapter.WEIGHTS} cannot be written: {error}") from error
        atomic.write(directory / peft_config.FILE, f"{json.dumps(settings, indent=2, sort_keys=True)}\n".encode())
        atomic.write(directory / peft_adapter.WEIGHTS, weights)


def device_of(name: str) -> Any:
    """Where it computes; without a name a GPU where there is one. Raises InvalidInput."""
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(f"{name} cannot be used: {str(error).splitlines()[0]}", "--device") from error
    return device


def load(base: Path, dtype: Any, unused: str = "") -> Any:
    """The official model without its codec, frozen; a tensor whose name begins with `unused` may be missing.

    Raises SetupError where it cannot be read, InvalidInput that names a tensor which is missing.
    """
    AutoConfig.register(modeling.Qwen3TTSConfig.model_type, modeling.Qwen3TTSConfig, exist_ok=True)
    # Not the class' own loader, which would load the codec as well.
    loader = PreTrainedModel.from_pretrained.__func__
    kind, settings = modeling.Qwen3TTSForConditionalGeneration, {"dtype": dtype, "attn_implementation": "sdpa"}
    try:
        model, found = loader(kind, base, output_loading_info=True, **settings)
    except (OSError, SafetensorError) as error:
        raise SetupError(f"{base} cannot be read: {str(error).splitlines()[0]}") from error
    # The library would fill them with random numbers.
    missing = sorted(name for name in found["missing_keys"] if not (unused and name.startswith(unused)))
    if missing:
        raise InvalidInput(f"the checkpoint lacks {len(missing)} tensors, such as {missing[0]}", "--base")
    return model.requires_grad_(False).eval()


def _lora(settings: Settings) -> Any:
    names = "|".join(settings.projections)
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha or 2 * settings.rank,
        lora_dropout=settings.dropout,
        target_modules=rf"talker\.model\.layers\.\d+\.(self_attn|mlp)\.({names})",
        bias="none",
        task_type="CAUSAL_LM",
    )


def _computes_in_bfloat16(precision: Precision, device: Any) -> bool:
    if precision is Precision.AUTO:
        return bool(device.type == "cuda" and torch.cuda.is_bf16_supported())
    return precision is Precision.BFLOAT16
