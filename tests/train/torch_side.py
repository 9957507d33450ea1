"""What the tests ask of PyTorch. Runs in an environment of its own: torch_side.py TASKS.json ANSWERS.json

TASKS: a list of [what, {argument: …}]; the functions below say what there is. ANSWERS: one value a task.
"""

import importlib.util
import json
import resource
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "parity"))

import stand_ins
import torch
import transformers  # looks for audio libraries when it is imported: before the stand-ins are there

ABSENT = ["onnxruntime", "sox", "torchaudio", "torchaudio.compliance", "torchaudio.compliance.kaldi"]
stand_ins.install([name for name in ABSENT if importlib.util.find_spec(name.partition(".")[0]) is None])

import numpy as np  # noqa: E402 -- after the stand-ins
import soundfile  # noqa: E402
from qwen_tts import Qwen3TTSModel  # noqa: E402
from qwen_tts.core.models import modeling_qwen3_tts as modeling  # noqa: E402
from qwen_tts.core.tokenizer_12hz.modeling_qwen3_tts_tokenizer_v2 import Qwen3TTSTokenizerV2Encoder  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from timbre_common.errors import TimbreError  # noqa: E402
from timbre_loras import cli, x_vector  # noqa: E402
from timbre_loras.train import base_config, dataset, loop, objective, session  # noqa: E402
from timbre_loras.train.model import Model  # noqa: E402
from timbre_loras.train.settings import Settings  # noqa: E402
from timbre_loras.trained import Layout  # noqa: E402

SPEAKER_ENCODER = {
    "enc_channels": [32, 32, 32, 32, 96],
    "enc_attention_channels": 16,
    "enc_se_channels": 16,
}
CODEC_ENCODER = {
    "hidden_size": 32,
    "num_filters": 4,
    "upsample_groups": 32,
    "num_hidden_layers": 1,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "codebook_dim": 16,
    "vector_quantization_hidden_dimension": 16,
}
HEARD = {
    "feature_extractor_type": "EncodecFeatureExtractor",
    "feature_size": 1,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": True,
    "sampling_rate": 24000,
}


def command(line: list[str], most: int | None = None) -> str | None:
    """Run `timbre-loras LINE`; why it failed. No file can have more than `most` bytes, as where a disk is full."""
    _, unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most or unlimited, unlimited))
    try:
        cli.app(line, exit_on_error=False, print_error=False, result_action="return_value")
    except TimbreError as error:
        return str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
    return None


def _prepared(base: str, folder: str, adapter: str | None, settings: Settings) -> tuple[Model, list[objective.Item]]:
    config = base_config.read(Path(base))
    model = Model(Path(base), settings)
    if adapter is not None:
        model.restore(load_file(Path(adapter) / "adapter_model.safetensors"))
    path = Path(folder) / x_vector.FILE
    vector = x_vector.read(path, config.talker_config.hidden_size) if path.exists() and not settings.speaker else None
    examples = dataset.read(Path(folder), config.talker_config.num_code_groups)
    return model, [session.prepare(example, model, config, settings, vector) for example in examples]


def measure(base: str, folder: str, adapter: str | None, rank: int, targets: str) -> dict[str, float]:
    """The loss of an adapter, or of the base alone, on all lines of a dataset."""
    model, items = _prepared(base, folder, adapter, Settings(rank=rank, targets=targets, alpha=2 * rank))
    found = loop.measure(model, items, 8)
    return {"first": found.first, "rest": found.rest}


def likeliest(base: str, folder: str, layout: str, speaker: str) -> list[list[list[int]]]:
    """The base's likeliest codes [frames, 16] at each line's frames, given all that is before them."""
    model, items = _prepared(base, folder, None, Settings(layout=Layout(layout), speaker=speaker))
    found = []
    with torch.no_grad():
        for item in items:
            made = objective.answers(model, [item])
            first = made.first[:-1, :2048].argmax(-1, keepdim=True)
            found.append(torch.cat([first, made.rest.argmax(-1)], dim=1).tolist())
    return found


def make_encoders(base: str) -> None:
    """Give a checkpoint of the kind base tiny encoders, of the official classes, at random."""
    torch.manual_seed(1)
    config_path = Path(base) / "config.json"
    config = json.loads(config_path.read_text())
    config["speaker_encoder_config"] |= SPEAKER_ENCODER
    config_path.write_text(json.dumps(config))
    speaker = modeling.Qwen3TTSSpeakerEncoder(modeling.Qwen3TTSSpeakerEncoderConfig(**config["speaker_encoder_config"]))
    _add(Path(base), "speaker_encoder.", speaker.state_dict())

    codec_dir = Path(base) / "speech_tokenizer"
    codec = json.loads((codec_dir / "config.json").read_text()) | {"encoder_config": CODEC_ENCODER}
    (codec_dir / "config.json").write_text(json.dumps(codec))
    (codec_dir / "preprocessor_config.json").write_text(json.dumps(HEARD))
    state = Qwen3TTSTokenizerV2Encoder(transformers.MimiConfig(**CODEC_ENCODER)).state_dict()
    for name, tensor in state.items():
        if name.endswith("embed_sum"):
            state[name] = torch.randn_like(tensor)
    _add(codec_dir, "encoder.", state)


def _add(directory: Path, prefix: str, state: dict[str, Any]) -> None:
    path = directory / "model.safetensors"
    named = {prefix + name: tensor.contiguous().clone() for name, tensor in state.items()}
    save_file(load_file(path) | named, path, {"format": "pt"})


def clone(base: str, recording: str, text: str) -> dict[str, Any]:
    """What the package's own function makes of a recording."""
    model = Qwen3TTSModel.from_pretrained(base, dtype=torch.float32)
    (item,) = model.create_voice_clone_prompt(ref_audio=recording, ref_text=text)
    return {"x_vector": item.ref_spk_embedding.tolist(), "codes": item.ref_code.tolist()}


def write_sound(path: str, source: str, rate: int) -> None:
    """Write a file's samples, saved by numpy, as `path`'s ending says."""
    soundfile.write(path, np.load(source), rate)


def main(tasks: Path, answers: Path) -> None:
    """Do everything, in turn."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    found = [globals()[what](**arguments) for what, arguments in json.loads(tasks.read_text())]
    answers.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
