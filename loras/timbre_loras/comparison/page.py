"""One HTML page to listen and look: everything is inside it, and it runs no script."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from timbre_loras.comparison.report import Distance, Measured, Report


@dataclass(frozen=True, slots=True)
class Clip:
    """One line in one voice: a WAV file and a PNG."""

    wav: bytes
    picture: bytes
    seconds: float


_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem; max-width: 75rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; font-weight: 600; }
.voices { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); }
figure { margin: 0; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; }
figcaption { font-weight: 600; margin-bottom: .5rem; }
img { display: block; width: 100%; height: 10rem; object-fit: fill; border-radius: .25rem; background: #000; }
audio { display: block; width: 100%; margin-top: .5rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
caption { text-align: left; font-weight: 600; padding: 1.5rem 0 .5rem; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; }
"""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


def page(report: Report, clips: Mapping[str, Sequence[Clip]]) -> str:
    """The page; `clips` are each voice's, a line each."""
    names = " · ".join(escape(name) for name in clips)
    lines = "".join(_line(report, index, text, clips) for index, text in enumerate(report.lines))
    emotion = f", {escape(report.emotion)}" if report.emotion else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>Voices side by side: {names}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Voices side by side: {names}{emotion}</h1>
{_voices(report.voices)}
{_distances(report.distances) if report.distances else ""}
<p>Speaker embedding: {escape(report.speaker_embedding)}.</p>
{lines}
</main>
</body>
</html>
"""


def _line(report: Report, index: int, text: str, clips: Mapping[str, Sequence[Clip]]) -> str:
    lang = f' lang="{escape(report.language)}"' if report.language else ""
    figures = "".join(_figure(name, index, spoken[index]) for name, spoken in clips.items())
    return f'<section><h2{lang}>{escape(text)}</h2>\n<div class="voices">\n{figures}</div></section>\n'


def _figure(name: str, index: int, clip: Clip) -> str:
    label = f"{escape(name)}, line {index + 1}"
    return (
        f"<figure><figcaption>{escape(name)} ({clip.seconds:.1f} s)</figcaption>"
        f'<img alt="Mel spectrogram: {label}" src="{_data("image/png", clip.picture)}">'
        f'<audio controls preload="metadata" aria-label="{label}" src="{_data("audio/wav", clip.wav)}"></audio>'
        "</figure>\n"
    )


def _voices(voices: Sequence[Measured]) -> str:
    heads = ("voice", "pitch", "from", "to", "range", "pace", "level", "brightness", "speech", "embeddings lie")
    rows = [
        (
            voice.voice,
            _told(voice.pitch_hz, "{:.0f} Hz"),
            _told(voice.pitch_low_hz, "{:.0f} Hz"),
            _told(voice.pitch_high_hz, "{:.0f} Hz"),
            _told(voice.pitch_range_semitones, "{:.1f} semitones"),
            _told(voice.letters_per_second, "{:.1f} letters/s"),
            _told(voice.level_db, "{:.1f} dB"),
            _told(voice.brightness_hz, "{:.0f} Hz"),
            _told(voice.seconds, "{:.1f} s"),
            _told(voice.embedding_spread, "{:.3f} from their mean"),
        )
        for voice in voices
    ]
    return _table("What each voice is", heads, rows)


def _distances(pairs: Sequence[Distance]) -> str:
    heads = ("the second beside the first", "pitch", "pace", "level", "timbre", "embedding")
    rows = [
        (
            f"{pair.one} → {pair.other}",
            _told(pair.pitch_semitones, "{:+.1f} semitones"),
            _told(pair.rate_factor, "× {:.2f}"),
            _told(pair.level_db, "{:+.1f} dB"),
            _told(pair.timbre_db, "{:.1f} dB apart"),
            _told(pair.embedding, "{:.3f} apart"),
        )
        for pair in pairs
    ]
    return _table("How far apart they are", heads, rows)


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>\n'
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">\n'
        f"<table><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
    )


def _told(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
