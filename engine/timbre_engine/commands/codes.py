"""`timbre-engine codes`: what the language models make of a text, as codes."""

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from cyclopts import Parameter

from timbre_common.documents import Voice
from timbre_common.errors import InvalidInput
from timbre_common.voiceprofile import Adapter
from timbre_common.voiceprofile import Sampling as VoiceSampling
from timbre_engine.llama.source import Choice
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, codes_of
from timbre_engine.qwen3tts.options import Options


def codes(
    model_dir: Path,
    *,
    text: str,
    language: str = "auto",
    speaker: str | None = None,
    instructions: str | None = None,
    lora: Path | None = None,
    lora_scale: float = 1.0,
    streaming_text: bool | None = None,
    repetition_penalty: float | None = None,
    greedy: bool = False,
    seed: int = 0,
    frames: int = 64,
    exact: bool = True,
    llama_library: Choice = "auto",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Print the codes of a text, frame by frame.

    Parameters
    ----------
    model_dir
        A model directory, as `timbre-engine convert` makes it.
    text
        What is spoken.
    language
        The model's own name such as french, a BCP 47 tag such as fr, or auto.
    speaker
        One of the model's speakers.
    instructions
        How to speak, in words.
    lora
        An adapter, as `timbre-loras export` writes it.
    lora_scale
        How strongly it is applied.
    streaming_text
        Whether text and speech run side by side, or the whole text stands before the speech; without it as the adapter
        was trained, else side by side.
    repetition_penalty
        1 changes nothing; without it the model's own, or 1 where greedy.
    greedy
        Take the likeliest code each time.
    seed
        Of the draws; the same one repeats them.
    frames
        Frames at most; a frame is 80 ms.
    exact
        Compute as the official implementation does, in float32 where the model directory is.
    llama_library
        llama.cpp's library: prebuilt, native, or auto for the first of them that is installed.
    json
        Print one JSON object: {"codes": [[16 integers], …]}.
    """
    if frames < 1:
        raise InvalidInput("1 or more is right", "frames")
    folder = (lora or model_dir / "adapter").resolve().parent
    positions = max(512, frames + 256)
    options = Options(
        model=model_dir,
        adapters=folder,
        slots=1,
        lane_slots=1,
        positions=positions,
        llama_library=llama_library,
        exact=exact,
    )
    machine = Machine(options)
    penalty = 1.0 if greedy and repetition_penalty is None else repetition_penalty
    sampling = VoiceSampling(temperature=0.0 if greedy else None, repetition_penalty=penalty)
    adapter = None if lora is None else Adapter(path=lora.name, scale=lora_scale)
    voice = Voice(name="voice", languages=["en"], speaker=speaker, adapter=adapter, sampling=sampling)
    made = codes_of(
        machine,
        Request(
            voice=voice,
            text=text,
            language=language,
            instructions=instructions,
            streaming_text=streaming_text,
            greedy=greedy,
            seed=seed,
            frames=frames,
        ),
    )
    machine.close()
    print(msgspec.json.encode({"codes": made.tolist()}).decode() if json else np.array2string(made, threshold=2**31))
