"""The Qwen3-TTS engine at its true size, as a client of its WebSocket and as the profile of one frame. Prints one JSON.

A model directory of random weights speaks noise and never ends by itself, so each utterance is cancelled once enough
of it was heard; speed and memory do not depend on the weights. Milliseconds, seconds and megabytes as the keys say.
`stock` is llama.cpp's own speech path over the same talker (bench_stock.py), after everything else has ended.

Usage: bench_engine.py [--model DIR] [--utterances 20] [--seconds 10] [--threads N] [--predictor-threads N]
       [--codec-threads N]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
from safetensors.numpy import save_file

sys.path.append(str(Path(__file__).parents[1]))

from bench.frame_profile import profile, spread
from support.engine_process import EngineProcess
from support.engine_stream import EngineStream, engine_stream_of
from support.process import BIN
from timbre_common.audio import SAMPLE_RATE
from timbre_common.documents import Voice, VoicesDocument
from timbre_common.engine_stream import Cancel, Done, End, Error, Start, Text
from timbre_common.voiceprofile import Adapter
from timbre_engine import cpus
from timbre_engine.model import manifest as manifests
from timbre_engine.qwen3tts.options import Options

TEXT = "La réunion commence dans cinq minutes au salon, et le café est prêt pour celles qui en veulent une tasse."[:100]
LONG = "Une longue histoire que personne n'interrompt et qui continue encore un bon moment dans le soir. " * 6
RANK = 16


@dataclass
class Listened:
    """One utterance: when each piece of audio came (seconds from the request) and the samples by then."""

    pieces: list[tuple[float, int]]

    @property
    def first_ms(self) -> float:
        return self.pieces[0][0] * 1000

    @property
    def seconds(self) -> float:
        return self.pieces[-1][1] / SAMPLE_RATE

    @property
    def real_time_factor(self) -> float:
        return self.pieces[-1][0] / self.seconds

    @property
    def start_delay_ms(self) -> float:
        """From the request on, so late playback may begin that it never runs dry."""
        before = [0, *(samples for _, samples in self.pieces)]
        return 1000 * max(at - samples / SAMPLE_RATE for (at, _), samples in zip(self.pieces, before, strict=False))


async def listen(stream: EngineStream, voice: str, text: str, seconds: float) -> Listened:
    """Hear so many seconds, or to the end, and cancel."""
    began = time.monotonic()
    await stream.send(Start(voice=voice), Text(text=text), End())
    heard, samples, cancelled = Listened([]), 0, False
    while True:
        message = await stream.receive(within=300)
        if isinstance(message, bytes):
            samples += len(message) // 2
            heard.pieces.append((time.monotonic() - began, samples))
            if not cancelled and samples >= seconds * SAMPLE_RATE:
                await stream.send(Cancel())
                cancelled = True
        elif isinstance(message, Done):
            return heard
        elif isinstance(message, Error):
            raise AssertionError(message.message)


def write_adapters(model: Path, directory: Path, count: int) -> None:
    """Random adapters of rank 16 on q and v, exported as a trained one would be."""
    sizes = manifests.read(model).talker
    queries, keys = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    for number in range(count):
        random, tensors = np.random.default_rng(number), {}
        for layer in range(sizes.layers):
            for name, rows in (("q_proj", queries), ("v_proj", keys)):
                prefix = f"base_model.model.talker.model.layers.{layer}.self_attn.{name}."
                tensors[f"{prefix}lora_A.weight"] = 0.01 * random.standard_normal((RANK, sizes.hidden), np.float32)
                tensors[f"{prefix}lora_B.weight"] = 0.01 * random.standard_normal((rows, RANK), np.float32)
        peft = directory / f"peft{number}"
        peft.mkdir()
        save_file(tensors, peft / "adapter_model.safetensors")
        config = {
            "peft_type": "LORA",
            "r": RANK,
            "lora_alpha": 32,
            "target_modules": ["q_proj", "v_proj"],
            "bias": "none",
        }
        (peft / "adapter_config.json").write_text(json.dumps(config))
        command = [BIN / "timbre-loras", "export", peft, "-o", directory / f"voice{number}.gguf", "--base", model]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)


def resident_mb(pid: int) -> float:
    """Proportional set size of a process and its children: shared pages count once."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return round(sum(process.memory_full_info().pss for process in tree) / 1e6, 1)


@asynccontextmanager
async def engine_of(
    model: Path, adapters: Path, voices: int, threads: list[str]
) -> AsyncIterator[tuple[EngineProcess, list[EngineStream]]]:
    """An engine of four slots that knows so many voices with adapters, at rest, and four connections to it."""
    document = [Voice(name="plain", languages=["fr"])] + [
        Voice(name=f"voice{number}", languages=["fr"], adapter=Adapter(path=f"voice{number}.gguf"))
        for number in range(voices)
    ]
    flags = ["--backend=qwen3tts", f"--model={model}", f"--adapters={adapters}", "--slots=4", *threads]
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(EngineProcess(*flags))
        await engine.put_voices(VoicesDocument(generation=1, voices=document))
        await settled(engine)
        await at_rest(engine)
        yield engine, [await stack.enter_async_context(engine_stream_of(engine.url)) for _ in range(4)]


async def four_at_once(streams: list[EngineStream], seconds: float) -> float:
    """Audio seconds per second of four streams with three adapters."""
    began = time.monotonic()
    listening = (
        listen(stream, f"voice{number}", LONG, seconds) for stream, number in zip(streams, (0, 0, 1, 2), strict=True)
    )
    heard = await asyncio.gather(*listening)
    return sum(each.seconds for each in heard) / (time.monotonic() - began)


async def speed(model: Path, adapters: Path, utterances: int, seconds: float, threads: list[str]) -> dict[str, Any]:
    """What a client of the engine measures. A voice that was never used has its adapter on disk."""
    async with engine_of(model, adapters, 4 + utterances, threads) as (engine, streams):
        await listen(streams[0], "voice0", TEXT, 0.5)
        warm = [(await listen(streams[0], "voice0", TEXT, 0.1)).first_ms for _ in range(utterances)]
        fresh = []
        for number in range(4, 4 + utterances):
            await on_disk(engine, f"voice{number}", streams[0])
            fresh.append((await listen(streams[0], f"voice{number}", TEXT, 0.1)).first_ms)
        lone = [await listen(streams[0], "voice0", LONG, seconds) for _ in range(3)]
        together = await four_at_once(streams, seconds)
        return {
            "first_sample_ms_warm_voice": spread(warm),
            "first_sample_ms_voice_never_used": spread(fresh),
            "real_time_factor_one_stream_with_adapter": spread([each.real_time_factor for each in lone], 2),
            "start_delay_ms_one_stream": spread([each.start_delay_ms for each in lone]),
            "audio_seconds_per_second_4_streams_3_adapters": round(together, 2),
        }


async def memory(model: Path, adapters: Path, threads: list[str]) -> dict[str, Any]:
    """Of the whole engine with three adapters: the most while four streams speak, and at rest afterwards."""
    async with engine_of(model, adapters, 3, threads) as (engine, streams):
        speaking = asyncio.create_task(four_at_once(streams, 3.0))
        most = 0.0
        while not speaking.done():
            most = max(most, resident_mb(engine.pid))
            await asyncio.sleep(0.5)
        await speaking
        await at_rest(engine)
        return {"memory_mb_while_4_speak": most, "memory_mb_at_rest": resident_mb(engine.pid)}


async def on_disk(engine: EngineProcess, voice: str, stream: EngineStream) -> None:
    """Until a voice's adapter is not in memory: others speak in its place."""
    number = 0
    while True:
        _, body = await engine.fetch("/lora-adapters", admin=True)
        if not any(each["voice"] == voice and each["resident"] for each in json.loads(body)):
            return
        await listen(stream, f"voice{number}", TEXT, 0.1)
        number += 1


async def at_rest(engine: EngineProcess) -> None:
    """Until it has computed nothing for three seconds."""
    tree = [psutil.Process(engine.pid), *psutil.Process(engine.pid).children(recursive=True)]
    quiet_since, before = time.monotonic(), -1.0
    while time.monotonic() < quiet_since + 3:
        now = sum(sum(process.cpu_times()[:2]) for process in tree)
        if now > before + 0.05:
            quiet_since, before = time.monotonic(), now
        await asyncio.sleep(0.3)


async def settled(engine: EngineProcess) -> None:
    """Until every voice was checked."""
    while True:
        _, body = await engine.fetch("/admin/voices", admin=True)
        states = {status["state"] for status in msgspec.json.decode(body)["voices"].values()}
        if "loading" not in states:
            assert states == {"ready"}, body
            return
        await asyncio.sleep(0.1)


def stock(model: Path) -> dict[str, Any]:
    """llama.cpp's own speech path over the same talker, in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("bench_stock.py")), "--model", str(model)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def machine_words() -> dict[str, Any]:
    """What it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    wide = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8") if flag in flags]
    return {
        "processor": names[0] if names else "unknown",
        "cores": cpus.available(),
        "extensions": wide,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model directory; without it one of random weights is made")
    parser.add_argument("--utterances", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=0, help="of the talker by llama.cpp; 0: as the engine chooses")
    parser.add_argument("--predictor-threads", type=int, default=0, help="by ONNX Runtime; 0: by its kernel")
    parser.add_argument("--codec-threads", type=int, default=0, help="by ONNX Runtime; 0: by its kernel")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        model = arguments.model or Path(work) / "model"
        if arguments.model is None:
            subprocess.run([BIN / "timbre-engine", "synthesize-model", model], check=True, stdout=sys.stderr)
        adapters = Path(work) / "adapters"
        adapters.mkdir()
        write_adapters(model, adapters, 4 + arguments.utterances)
        before = machine_words()
        threads: dict[str, Any] = {
            "threads": arguments.threads,
            "predictor_threads": arguments.predictor_threads,
            "codec_threads": arguments.codec_threads,
        }
        flags = [f"--{name.replace('_', '-')}={count}" for name, count in threads.items()]
        report = {
            "machine": before,
            "model": manifests.read(model).name,
            "talker_gguf_mb": round((model / manifests.TALKER).stat().st_size / 1e6, 1),
            "adapter_mb": round((adapters / "voice0.gguf").stat().st_size / 1e6, 2),
            "frame_ms": profile(Options(model=model, adapters=adapters, slots=4, **threads)),
            "threads": threads,
            "engine": asyncio.run(speed(model, adapters, arguments.utterances, arguments.seconds, flags)),
            "memory": asyncio.run(memory(model, adapters, flags)),
            "stock": stock(model),
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
