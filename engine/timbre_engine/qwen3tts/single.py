"""One utterance alone, without a process and without the codec: what commands and tests look at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbre_common.documents import Voice
from timbre_engine.qwen3tts import languages, specs
from timbre_engine.qwen3tts.codec_thread import Channel, Decode, Finish, Job
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.output import Output
from timbre_engine.qwen3tts.scheduler import Scheduler
from timbre_engine.qwen3tts.stream import Stream
from timbre_engine.qwen3tts.talker import LaneKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for; the fields are those of `timbre-engine codes`."""

    voice: Voice
    text: str
    language: str = "auto"
    instructions: str | None = None
    clip: specs.Clip | None = None
    streaming_text: bool = True
    greedy: bool = False
    seed: int = 0
    frames: int = 64


def codes_of(machine: Machine, request: Request) -> NDArray[np.int32]:
    """The codes of a text: [frames, codebooks]. Raises InvalidInput that names the field."""
    manifest, voice = machine.manifest, request.voice
    specs.check_voice(voice, manifest)
    language = None
    if request.language != "auto":
        known = request.language if request.language in manifest.languages else None
        language = known or languages.resolve(request.language, manifest.languages)
    key: LaneKey = ()
    if voice.adapter is not None:
        machine.adapters.know(voice.adapter, machine.adapters.check(voice.adapter))
        key = machine.adapters.take(voice.adapter)
    wanted = specs.Wanted(
        voice=voice,
        language=language,
        seed=request.seed,
        instructions=request.instructions,
        clip=request.clip,
        streaming_text=request.streaming_text,
        greedy=request.greedy,
    )
    spec = specs.make(wanted, key, manifest, machine.table, machine.model.tokenize)
    jobs: list[Job] = []
    scheduler = Scheduler(
        manifest,
        machine.talker,
        machine.predictor,
        lambda job: jobs.append(job),
        machine.table,
        machine.model.tokenize,
        lambda stream: machine.adapters.give_back(stream.spec.adapters),
    )
    stream = Stream(0, spec, machine.talker.open(key))
    stream.feed(request.text)
    stream.end()
    scheduler.join(stream, Channel(0, machine.codec.state(), Output(0.0, 1.0)))
    made = [np.empty((0, manifest.codec.codebooks), np.int32)]
    while not any(isinstance(job, Finish) for job in jobs):
        scheduler.tick()
        made += [job.codes for job in jobs if isinstance(job, Decode)]
        jobs = [job for job in jobs if isinstance(job, Finish)]
        stream.cancelled = stream.cancelled or sum(map(len, made)) >= request.frames
    return np.concatenate(made)[: request.frames]
