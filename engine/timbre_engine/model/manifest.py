"""`model.json`: what is in a model directory, every special id that a prompt needs, and the sums of its files."""

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

from timbre_common import decoding, names
from timbre_common.errors import DigestMismatch, InvalidInput, SetupError

FILE: Final = names.MODEL_FILE
TALKER: Final = "talker.gguf"
PREDICTOR: Final = "predictor.onnx"
CODEC: Final = "codec.onnx"
EMBEDDINGS: Final = "embeddings.npy"
"""Of every code: [codec vocabulary + 15 * 2048, hidden], those of code 0 first. Kept apart at full precision."""

FORMAT: Final = names.MODEL_FORMAT

_BLOCK: Final = 4 << 20


class Kind(StrEnum):
    """Where the model's voices come from."""

    BASE = "base"
    """A reference clip."""
    CUSTOM_VOICE = "custom_voice"
    """Named speakers."""
    VOICE_DESIGN = "voice_design"
    """A description in words."""


class Quantisation(StrEnum):
    """How the language models' weights are stored."""

    Q4_K_M = "Q4_K_M"
    Q4_0 = "Q4_0"
    Q8_0 = "Q8_0"
    F16 = "F16"
    F32 = "F32"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the manifest: unknown fields are refused."""


class Transformer(_Part, frozen=True):
    """Sizes of a Qwen3 language model."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    rope_theta: float
    norm_eps: float


class TextIds(_Part, frozen=True):
    """Special tokens of the text track."""

    im_start: int
    im_end: int
    tts_pad: int
    tts_bos: int
    tts_eos: int
    vocabulary: int
    """Rows of the text embedding; row `vocabulary + i` of the talker's table is codec token i."""


class CodecIds(_Part, frozen=True):
    """Special tokens of the codec track."""

    pad: int
    bos: int
    eos: int
    think: int
    nothink: int
    think_bos: int
    think_eos: int
    vocabulary: int
    """Rows of the codec embedding and of the talker's head."""
    codes: int
    """Tokens from 0 on that are codes; the others are special."""


class Sampling(_Part, frozen=True):
    """How a code is drawn; temperature 0 is greedy. Penalty 1 and top_p 1 change nothing."""

    temperature: float = 0.9
    top_k: int = 50
    top_p: float = 1.0
    repetition_penalty: float = 1.0


class Codec(_Part, frozen=True):
    """The codec decoder as a stream sees it."""

    codebooks: int
    samples_per_frame: int
    sample_rate: int


class File(_Part, frozen=True):
    """A file of the directory."""

    size: int
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Manifest(_Part, frozen=True):
    """The whole of `model.json`."""

    format: int
    name: str
    """As `/v1/models` lists it."""
    size: str
    """The checkpoint's own word, such as 0b6 or 1b7."""
    kind: Kind
    quantisation: Quantisation
    talker: Transformer
    predictor: Transformer
    text_ids: TextIds
    codec_ids: CodecIds
    languages: dict[str, int]
    """English name in lower case, such as french -> codec token."""
    speakers: dict[str, int]
    """Name in lower case -> codec token."""
    dialects: dict[str, str]
    """Speaker -> language that it speaks where chinese or none is asked for."""
    sampling: Sampling
    predictor_sampling: Sampling
    codec: Codec
    files: dict[str, File]

    @property
    def digest(self) -> str:
        """`sha256:…` of the talker: what an adapter was trained for, whatever the codec's form."""
        return f"sha256:{self.files[TALKER].sha256}"

    @property
    def follows_instructions(self) -> bool:
        """Whether a style in words changes how it speaks: the 1.7B custom_voice and voice_design models alone."""
        return self.kind is not Kind.BASE and self.size != "0b6"


def read(directory: Path, digest: str | None = None) -> Manifest:
    """The manifest of a model directory, sums not yet verified. `digest`: which model it has to be, see `digest_of`.

    Raises SetupError, InvalidInput with the field, or DigestMismatch.
    """
    data = _read(directory)
    if digest is not None and digest != (found := _digest(data)):
        raise DigestMismatch(
            f"the model in {directory} is {found}, and {digest} is wanted: bring that model, or name this digest"
        )
    manifest = decoding.from_json(data, Manifest)
    if manifest.format != FORMAT:
        raise InvalidInput(
            f"format {FORMAT} is read here, not {manifest.format}: convert the checkpoint again", "format"
        )
    missing = {TALKER, PREDICTOR, CODEC, EMBEDDINGS} - manifest.files.keys()
    if missing:
        raise InvalidInput(f"{', '.join(sorted(missing))} is missing", "files")
    return manifest


def digest_of(directory: Path) -> str:
    """`sha256:…` of the manifest, which holds the other files' sums: of the whole model. Raises SetupError."""
    return _digest(_read(directory))


def _read(directory: Path) -> bytes:
    try:
        return (directory / FILE).read_bytes()
    except OSError as error:
        raise SetupError(
            f"{directory} is no model directory: {FILE}: {error.strerror}; make one: timbre-engine convert"
        ) from error


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def describe(path: Path) -> File:
    """Size and sum of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return File(size=path.stat().st_size, sha256=digest.hexdigest())


def verify(directory: Path, manifest: Manifest) -> None:
    """Compare every file with its size and sum. Raises DigestMismatch that names the file."""
    for name, expected in manifest.files.items():
        path = directory / name
        if not path.is_file():
            raise DigestMismatch(f"{name} is missing in {directory}", f"files.{name}")
        size = path.stat().st_size
        if size != expected.size or (found := describe(path)) != expected:
            other = f"{size} bytes" if size != expected.size else f"sha256 {found.sha256}"
            wanted = f"{expected.size}" if size != expected.size else expected.sha256
            raise DigestMismatch(
                f"the file is not the one that was converted: it has {other}, and {FILE} says {wanted}: "
                "copy the model directory again, or convert the checkpoint again",
                f"files.{name}",
            )
