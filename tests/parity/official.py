"""The official implementation's answers. Runs in an environment of its own: official.py QUESTIONS.json ANSWERS.npz

Questions: {"speeches": {NAME: …}, "chains": {NAME: …}, "texts": {NAME: …}}; the functions that answer say what is in
each. Speech goes through the package's public functions; a stand-in for the codec keeps the codes that it would decode.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import stand_ins  # beside this file
import torch
import transformers  # looks for audio libraries when it is imported: before the stand-ins are there

ABSENT = [
    *("einops", "librosa", "librosa.filters", "onnxruntime", "soundfile", "sox"),
    *("torchaudio", "torchaudio.compliance", "torchaudio.compliance.kaldi"),
]


stand_ins.install(ABSENT)

from qwen_tts import Qwen3TTSModel, VoiceClonePromptItem  # noqa: E402 -- after the stand-ins
from qwen_tts.core.models import Qwen3TTSProcessor  # noqa: E402
from qwen_tts.core.models import modeling_qwen3_tts as modeling  # noqa: E402


class Listener:
    """In the codec's place."""

    def __init__(self) -> None:
        self.codes: Any = None

    @classmethod
    def from_pretrained(cls, *_arguments: Any, **_settings: Any) -> "Listener":
        return cls()

    def decode(self, pieces: list[dict[str, Any]]) -> tuple[list[Any], int]:
        """Keep the codes."""
        self.codes = pieces[0]["audio_codes"].numpy()
        return [np.zeros(len(self.codes) * 1920, np.float32)], 24_000


modeling.Qwen3TTSTokenizer = Listener


@cache
def load(checkpoint: str, adapter: str | None = None) -> Any:
    """A checkpoint, with PEFT's adapter where there is one, computed in float32."""
    loaded = Qwen3TTSModel.from_pretrained(checkpoint, dtype=torch.float32, attn_implementation="eager")
    if adapter is not None:
        from peft import PeftModel

        loaded.model = PeftModel.from_pretrained(loaded.model, adapter).merge_and_unload()
    return loaded


def speech(question: dict[str, Any]) -> dict[str, Any]:
    """Speak greedily: {checkpoint, text, language, frames, penalty, streaming}, and {speaker, instruct} or {clip}.

    An `adapter` is PEFT's directory.

    codes [frames, 16]; logits [steps, 3072] and hidden [steps, hidden]: the talker's at each step, as its head has it.
    """
    model = load(question["checkpoint"], question.get("adapter"))
    seen: list[tuple[Any, Any]] = []
    hook = model.model.talker.codec_head.register_forward_hook(
        lambda _head, given, made: seen.append((given[0][0, -1].numpy(), made[0, -1].numpy()))
    )
    skipped = speak(
        model,
        question,
        do_sample=False,
        subtalker_dosample=False,
        repetition_penalty=question["penalty"],
        max_new_tokens=question["frames"] + 1,  # the last token's frame is never made
    )
    hook.remove()
    hidden, logits = map(np.stack, zip(*seen, strict=True))
    codes = model.model.speech_tokenizer.codes[skipped:]
    return {"codes": codes.astype(np.int32), "logits": logits, "hidden": hidden}


def speak(model: Any, question: dict[str, Any], **settings: Any) -> int:
    """Call the package's function for the model's kind; the frames of the clip, which the codec is given first."""
    said = {"text": question["text"], "language": question["language"]}
    said["non_streaming_mode"] = not question["streaming"]
    kind = model.model.tts_model_type
    if kind == "custom_voice":
        model.generate_custom_voice(speaker=question["speaker"], instruct=question.get("instruct"), **said, **settings)
    elif kind == "voice_design":
        model.generate_voice_design(instruct=question["instruct"], **said, **settings)
    else:
        clip = question["clip"]
        codes = torch.tensor(clip["codes"]) if "codes" in clip else None
        item = VoiceClonePromptItem(
            ref_code=codes,
            ref_spk_embedding=torch.tensor(clip["x_vector"]),
            x_vector_only_mode=codes is None,
            icl_mode=codes is not None,
            ref_text=clip.get("text"),
        )
        model.generate_voice_clone(voice_clone_prompt=[item], **said, **settings)
        return 0 if codes is None else len(codes)
    return 0


def chain(question: dict[str, Any]) -> dict[str, Any]:
    """What generation makes of logits: {checkpoint, speech, settings, logits [rows, 3072], history: a list a row}.

    The processors are those that the package's own call with these settings puts together. talker: probabilities
    [rows, 3072]; predictor: those of the first 2048 logits without a history, [rows, 2048].
    """
    model = load(question["checkpoint"])
    talker = model.model.talker
    kept = [watch(talker), watch(talker.code_predictor)]
    speak(model, question["speech"], do_sample=True, subtalker_dosample=True, max_new_tokens=3, **question["settings"])
    del talker._get_logits_processor, talker.code_predictor._get_logits_processor
    of_talker, of_predictor = (made[0] for made in kept)
    rows: dict[str, list[Any]] = {"talker": [], "predictor": []}
    for logits, history in zip(torch.tensor(question["logits"]), question["history"], strict=True):
        rows["talker"].append(of_talker(torch.tensor([history], dtype=torch.long), logits[None]))
        rows["predictor"].append(of_predictor(torch.empty((1, 0), dtype=torch.long), logits[None, :2048]))
    return {name: torch.softmax(torch.cat(scores), -1).numpy() for name, scores in rows.items()}


def watch(model: Any) -> list[Any]:
    """The processors that a model's generation puts together from now on."""
    kept: list[Any] = []
    make = model._get_logits_processor

    def watched(*arguments: Any, **named: Any) -> Any:
        kept.append(make(*arguments, **named))
        return kept[-1]

    model._get_logits_processor = watched
    return kept


def tokens(question: dict[str, Any]) -> dict[str, Any]:
    """Ids by the tokenizer as the package loads it: {checkpoint, texts}. One array a text, named by its number."""
    processor = Qwen3TTSProcessor.from_pretrained(question["checkpoint"], fix_mistral_regex=True)
    return {str(number): np.array(processor(text)["input_ids"][0]) for number, text in enumerate(question["texts"])}


def main(questions: Path, answers: Path) -> None:
    """Answer everything; the arrays are named NAME.array."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    asked = json.loads(questions.read_text())
    arrays: dict[str, Any] = {}
    with torch.inference_mode():
        for part, answer in (("speeches", speech), ("chains", chain), ("texts", tokens)):
            for name, question in asked.get(part, {}).items():
                arrays |= {f"{name}.{key}": value for key, value in answer(question).items()}
    np.savez(answers, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
