"""What is spoken to be scored."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from timbre_common import languages
from timbre_common.errors import InvalidInput, SetupError
from timbre_engine.qwen3tts.runs import RunEnd, RunFeed, Word

MAX_BYTES: Final = 1 << 20
"""Of a file with texts."""
MOST_FRAMES: Final = 1024
"""Of a text: far beyond the longest run."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text, and its language: BCP 47, the model's own name, or auto."""

    text: str
    language: str


_OWN: Final = (
    Text("The evening train to Aberdeen was late again, so we shared a pot of tea on the platform.", "en"),
    Text("Demain matin, nous prendrons le petit chemin derrière l'église pour éviter la grande route.", "fr"),
    Text("Im Frühjahr öffnet der kleine Laden an der Ecke wieder, und alle freuen sich auf frisches Brot.", "de"),
    Text("¿Quién dejó abierta la ventana del pasillo? Hace mucho viento y llueve desde ayer.", "es"),
    Text("明天下午我们在图书馆门口见面，然后一起去河边散步。", "zh"),
    Text("昨日の夜は雨が降っていましたが、今朝はとてもいい天気です。", "ja"),
)
"""Plain sentences without numbers, which a recogniser may write in figures."""


def own(known: Collection[str]) -> list[Text]:
    """Sentences in six languages; a model that does not list one of them has to find it out."""
    return [each if languages.NAMES[each.language] in known else replace(each, language="auto") for each in _OWN]


def read(path: Path, language: str) -> list[Text]:
    """The runs of each line of a file. Raises SetupError, or InvalidInput where there is nothing to say or too much."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SetupError(f"cannot read the texts in {path}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"{path} is over {MAX_BYTES >> 20} MiB", "texts")
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8", "texts") from error
    found = [Text(run, language) for line in lines for run in runs_of(line)]
    if not found:
        raise InvalidInput(f"{path} says nothing: a text a line is right", "texts")
    return found


def runs_of(text: str) -> list[str]:
    """A text cut where speech begins from a new prompt, so that each part is one run."""
    feed = RunFeed()
    runs, words = [], ""
    for piece in [*feed.feed(text), *feed.end()]:
        if isinstance(piece, Word):
            words += piece.text
        elif isinstance(piece, RunEnd):
            runs.append(words.strip())
            words = ""
    return runs
