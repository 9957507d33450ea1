"""`timbre-engine score`: how far a quantised model directory is from float32, on this machine."""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from tqdm import tqdm

from timbre_common import adapters
from timbre_common.documents import Voice
from timbre_common.errors import InvalidInput
from timbre_common.voiceprofile import Adapter
from timbre_common.voiceprofile import Sampling as VoiceSampling
from timbre_engine import cpus
from timbre_engine.llama.source import Choice
from timbre_engine.qwen3tts import adapter_file, adapter_text
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.voice_files import Files
from timbre_engine.scoring import score as scoring
from timbre_engine.scoring import texts as spoken
from timbre_engine.scoring.recogniser import Recogniser, Whisper
from timbre_engine.scoring.score import Divergence, Words

_POSITIONS = 512
_PROMPT = 256
"""Positions for a prompt, beside the frames."""


def score(
    model_dir: Path,
    *,
    against: Path,
    texts: Path | None = None,
    language: str = "auto",
    speaker: str | None = None,
    lora: Path | None = None,
    lora_scale: float = 1.0,
    frames: int = 48,
    greedy: bool = False,
    seed: int = 0,
    exact: bool = True,
    llama_library: Choice = "auto",
    asr_model: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Compare a quantised model directory with one of the same checkpoint in float32, head by head.

    The reference speaks; both then give their logits along its codes, so that they look back on the same speech. With
    a recogniser both also speak the texts by themselves, and the words that it mishears are counted.

    Parameters
    ----------
    model_dir
        The quantised model directory.
    against
        The reference: the same checkpoint, converted with --quant F32.
    texts
        A file with a text a line; without it, sentences in six languages.
    language
        Of the texts in that file: the model's own name such as french, a BCP 47 tag such as fr, or auto.
    speaker
        One of the model's speakers; without it the one that the adapter was trained as; without an adapter the first
        by name.
    lora
        An adapter for either of the two directories; both speak with it.
    lora_scale
        How strongly it is applied.
    frames
        Frames of each text that are compared, at most; a frame is 80 ms.
    greedy
        Follow the reference's likeliest codes; otherwise drawn ones, as in serving.
    seed
        Of the draws; the same one repeats them.
    exact
        Both with a float32 KV cache and no flash attention, so that only the weights differ. With --no-exact the
        quantised directory computes as serving does.
    llama_library
        llama.cpp's library: prebuilt, native, or auto for the first of them that is installed.
    asr_model
        A Whisper model in a local directory, as faster-whisper takes it; nothing is downloaded. Wants the extra `asr`.
    json
        Print one JSON object.
    """
    if not 1 <= frames <= spoken.MOST_FRAMES:
        raise InvalidInput(f"1 to {spoken.MOST_FRAMES} is right", "frames")
    recogniser = None if asr_model is None else Whisper(asr_model, cpus.available())
    options = Options(
        model=model_dir,
        adapters=(lora or model_dir / "adapter").resolve().parent,
        slots=scoring.TOGETHER,
        lane_slots=scoring.TOGETHER,
        positions=max(_POSITIONS, frames + _PROMPT),
        threads=cpus.available(),
        predictor_threads=cpus.available(),
        codec_threads=cpus.available(),
        llama_library=llama_library,
        exact=exact,
    )
    wanted = None if texts is None else spoken.read(texts, language)
    machines = Machine(options), Machine(msgspec.structs.replace(options, model=against, exact=True))
    scoring.refuse_other(*machines)
    voice = _voice(machines, speaker, lora, lora_scale, greedy)
    requests = [
        Request(
            voice=voice, text=each.text, language=each.language, greedy=greedy, seed=seed, frames=frames, known=True
        )
        for each in wanted or spoken.own(machines[0].manifest.languages)
    ]
    found, heard = _measure(machines, requests, recogniser)
    for machine in machines:
        machine.close()
    forms = [str(machine.manifest.quantisation) for machine in machines]
    if json:
        print(_json(model_dir, against, forms, found, heard))
    else:
        _tell(forms, found, heard)


def _voice(
    machines: tuple[Machine, Machine], speaker: str | None, lora: Path | None, scale: float, greedy: bool
) -> Voice:
    """Who speaks; its adapter is known to both machines, whichever of them it was made for."""
    manifest = machines[0].manifest
    sampling = VoiceSampling(temperature=0.0, repetition_penalty=1.0) if greedy else VoiceSampling()
    voice = Voice(name="voice", languages=["und"], speaker=speaker, sampling=sampling)
    if lora is None:
        return msgspec.structs.replace(voice, speaker=speaker or next(iter(sorted(manifest.speakers)), None))
    said = adapter_text.unchecked_text(lora)
    trained_as = said.get(adapters.KEY_SPEAKER, "").lower()
    voice = msgspec.structs.replace(
        voice,
        speaker=speaker or (trained_as if trained_as in manifest.speakers else None),
        adapter=Adapter(path=lora.name, scale=scale),
    )
    digests = [machine.manifest.digest for machine in machines]
    made_for = said.get(adapters.KEY_BASE_DIGEST)
    file = adapter_file.check(
        lora,
        base_digest=made_for if made_for in digests else digests[0],
        sizes=manifest.talker,
        predictor=manifest.predictor,
        max_rank=machines[0].options.max_rank,
        digest=None,
    )
    for machine in machines:
        machine.files.know(voice, Files(adapter=file))
    return voice


def _measure(
    machines: tuple[Machine, Machine], requests: list[Request], recogniser: Recogniser | None
) -> tuple[Divergence, Words | None]:
    # The reference makes the frames, and both give their logits for them; some speech ends earlier.
    total = 3 * sum(request.frames for request in requests)
    with tqdm(desc="comparing", total=total, unit=" frames", file=sys.stderr, leave=False, disable=None) as bar:
        found = scoring.diverge(*machines, requests, bar.update)
    if recogniser is None:
        return found, None
    whole = [replace(request, frames=machines[0].options.positions) for request in requests]
    with tqdm(desc="listening", total=2 * len(whole), unit=" texts", file=sys.stderr, leave=False, disable=None) as bar:
        return found, scoring.listen(*machines, whole, recogniser, bar.update)


def _json(model_dir: Path, against: Path, forms: list[str], found: Divergence, heard: Words | None) -> str:
    answer = {
        "model": {"path": str(model_dir), "quantisation": forms[0]},
        "against": {"path": str(against), "quantisation": forms[1]},
        **asdict(found),
        "kl_frame": found.kl_frame,
        "words": None if heard is None else asdict(heard),
    }
    return msgspec.json.encode(answer).decode()


def _tell(forms: list[str], found: Divergence, heard: Words | None) -> None:
    print(f"{forms[0]} against {forms[1]}: {found.frames} frames")
    print(f"{'':14}{'KL, nats':>10}{'95 % below':>12}{'same top code':>15}")
    for number, head in enumerate(found.heads):
        part = "talker" if number == 0 else "predictor"
        print(f"{part:9} {number:>3} {head.kl:>10.5f}{head.kl_95:>12.5f}{head.top1:>15.1%}")
    print(f"{'a frame':13} {found.kl_frame:>10.5f}")
    if heard is None:
        print("no word error rate: --asr-model names a Whisper model on this machine (extra `asr`)")
    else:
        rates = [count / max(1, heard.words) for count in (heard.errors, heard.errors_against)]
        print(f"words misheard: {rates[0]:.1%} of {heard.words}; of the reference's speech {rates[1]:.1%}")
