"""Panels drawn as SVG from what Prometheus answered, for a page that shows a dashboard without Grafana."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Final

from timbre_charts.panels import Chart, Kind

WIDTH: Final = 1440
HEIGHT: Final = 250
LEFT, RIGHT, TOP, BOTTOM = 62, 26, 38, 46
COLOURS: Final = ("#2f6fb7", "#d9822b", "#2e9e6b", "#b8403f", "#7d57b5", "#4aa3b5", "#a3812f", "#666e7a")
STYLE: Final = """
body { margin: 16px; background: #f4f5f7; font: 13px sans-serif; width: 1440px; display: flex; flex-wrap: wrap; }
h1 { width: 100%; margin: 0 0 12px 4px; font-size: 20px; font-weight: 600; }
svg { background: #fff; outline: 1px solid #dcdfe4; outline-offset: -4px; }
text { font: 12px sans-serif; fill: #5b6470; } .title { font-size: 14px; font-weight: 600; fill: #22272e; }
.grid { stroke: #e6e8ec; } .limit { stroke: #c0392b; stroke-width: 1.5; stroke-dasharray: 6 4; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; } .number { font-size: 56px; font-weight: 600; }
"""


@dataclass(frozen=True)
class Line:
    """One series: its name, and (seconds since the start, value), in order."""

    name: str
    points: tuple[tuple[float, float], ...]


def lines(chart: Chart, answers: Sequence[list[dict[str, Any]]], start: float) -> list[Line]:
    """The series of a chart, named as Grafana would, from an answer of `query_range` for each of its queries."""
    found = []
    for query, answer in zip(chart.queries, answers, strict=True):
        for series in answer:
            labels = series["metric"]
            name = query.legend
            for label in re.findall(r"{{(\w+)}}", name):
                name = name.replace(f"{{{{{label}}}}}", labels.get(label, ""))
            points = [(when - start, float(value)) for when, value in series["values"]]
            found.append(Line(name, tuple(point for point in points if math.isfinite(point[1]))))
    return sorted((line for line in found if line.points), key=lambda line: line.name)


def page(title: str, panels: Iterable[str]) -> str:
    """A document that shows the panels as Grafana lays them out."""
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><h1>{escape(title)}</h1>{''.join(panels)}"


def panel(chart: Chart, found: Sequence[Line], seconds: float) -> str:
    """One panel over `seconds`, as SVG."""
    width = WIDTH * chart.width // 24
    area = _Area(width - LEFT - RIGHT, HEIGHT - TOP - BOTTOM, seconds)
    match chart.kind:
        case Kind.NUMBER:
            body = _number(chart, found, width)
        case Kind.HEATMAP:
            body = _heatmap(found, area)
        case Kind.LINES | Kind.STACK:
            body = _lines(chart, found, area)
    head = f"<text class=title x={LEFT - 46} y=22>{escape(chart.title)}</text>"
    return f'<svg width={width} height={HEIGHT} viewBox="0 0 {width} {HEIGHT}">{head}{body}</svg>'


@dataclass(frozen=True)
class _Area:
    """Where a panel's data are drawn. width, height: pixels."""

    width: int
    height: int
    seconds: float

    def x(self, when: float) -> float:
        return LEFT + self.width * when / self.seconds

    def y(self, share: float) -> float:
        return TOP + self.height * (1 - share)

    def times(self) -> str:
        marks = range(0, int(self.seconds) + 1, 60 if self.seconds > 90 else 15)
        place = f"y={TOP + self.height + 16} text-anchor=middle"
        return "".join(f"<text x={self.x(mark):.0f} {place}>{mark // 60}:{mark % 60:02}</text>" for mark in marks)

    def level(self, share: float, label: str) -> str:
        y = self.y(share)
        return (
            f"<line class=grid x1={LEFT} x2={LEFT + self.width} y1={y:.1f} y2={y:.1f} />"
            f"<text x={LEFT - 6} y={y + 4:.1f} text-anchor=end>{label}</text>"
        )


def _number(chart: Chart, found: Sequence[Line], width: int) -> str:
    if not found:
        return ""
    value = found[0].points[-1][1]
    shown = f"{value * 100:.0f} %" if chart.unit == "percentunit" else f"{value:g}"
    well = chart.limit is None or (value >= chart.limit) is chart.above
    colour = "#2e9e6b" if well else "#b8403f"
    return (
        f'<text class=number x={width / 2} y={HEIGHT / 2 + 24} text-anchor=middle style="fill:{colour}">{shown}</text>'
    )


def _lines(chart: Chart, found: Sequence[Line], area: _Area) -> str:
    values = [value for line in found for _, value in line.points]
    top, step = scale(max([*values, chart.limit or 0.0], default=1.0))
    levels = [number * step for number in range(round(top / step) + 1)]
    drawn = [area.level(level / top, _shown(level, chart.unit)) for level in levels]
    drawn.append(area.times())
    legend_x = float(LEFT)
    for colour, line in zip(COLOURS * 4, found, strict=False):
        points = " ".join(f"{area.x(when):.1f},{area.y(value / top):.1f}" for when, value in line.points)
        drawn.append(f'<polyline points="{points}" stroke="{colour}" />')
        drawn.append(f'<rect x={legend_x:.0f} y={HEIGHT - 17} width=12 height=3 fill="{colour}" />')
        drawn.append(f"<text x={legend_x + 16:.0f} y={HEIGHT - 11}>{escape(line.name)}</text>")
        legend_x += 30 + 6.6 * len(line.name)
    if chart.limit is not None:
        y = area.y(chart.limit / top)
        drawn.append(f"<line class=limit x1={LEFT} x2={LEFT + area.width} y1={y:.1f} y2={y:.1f} />")
    return "".join(drawn)


def _heatmap(found: Sequence[Line], area: _Area) -> str:
    """Cumulative buckets, `le` as names, as one row of cells a bucket."""
    buckets = sorted(((float(line.name), dict(line.points)) for line in found), key=lambda each: each[0])
    if len(buckets) < 2:
        return ""
    rows = [
        (upper, {when: max(0.0, count - below.get(when, 0.0)) for when, count in counts.items()})
        for (_, below), (upper, counts) in pairwise([(0.0, {}), *buckets])
    ]
    most = max((count for _, row in rows for count in row.values()), default=0) or 1.0
    times = sorted({when for _, row in rows for when in row})
    width = area.width / max(1, len(times))
    drawn = [area.times()]
    for number, (upper, row) in enumerate(rows):
        if number % 3 == 2:
            drawn.append(area.level((number + 1) / len(rows), "∞" if math.isinf(upper) else _shown(upper, "s")))
        for when, count in row.items():
            if count:
                y, height = area.y((number + 1) / len(rows)), area.height / len(rows)
                left = max(LEFT, area.x(when) - width)
                fade = 0.15 + 0.85 * count / most
                drawn.append(
                    f"<rect x={left:.1f} y={y:.1f} width={area.x(when) - left:.1f} height={height:.1f}"
                    f' fill="#e8590c" fill-opacity={fade:.2f} />'
                )
    return "".join(drawn)


def scale(highest: float) -> tuple[float, float]:
    """(top, step) of an axis from 0: the step is 1, 2 or 5 of a power of ten, and there are at most five of them."""
    if highest <= 0:
        return 1.0, 0.5
    power = 10 ** math.floor(math.log10(highest / 5))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * 5 >= highest)
    return math.ceil(highest / step) * step, step


def _shown(value: float, unit: str) -> str:
    if unit != "s" or value == 0:
        return f"{value:g}"
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"
