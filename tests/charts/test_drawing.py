"""Panels are drawn from what Prometheus answers."""

import pytest

from timbre_charts import drawing
from timbre_charts.drawing import Line
from timbre_charts.panels import Chart, Kind, Query

ANSWER = [
    {"metric": {"agent": "lisa"}, "values": [[100, "0.2"], [105, "NaN"], [110, "0.4"]]},
    {"metric": {"agent": "electra"}, "values": [[105, "+Inf"]]},
    {"metric": {"agent": "a<b"}, "values": [[110, "0.3"]]},
]


def chart(kind: Kind = Kind.LINES) -> Chart:
    return Chart("Time & byte", "…", (Query("x", "{{agent}} p95"),), kind, limit=0.8)


def test_lines_are_called_as_in_grafana_and_hold_what_is_a_number() -> None:
    assert drawing.lines(chart(), [ANSWER], start=100) == [
        Line("a<b p95", ((10, 0.3),)),
        Line("lisa p95", ((0, 0.2), (10, 0.4))),
    ]


@pytest.mark.parametrize(
    ("highest", "top", "step"), [(0, 1, 0.5), (0.8, 0.8, 0.2), (1, 1, 0.2), (4, 4, 1), (33, 40, 10), (260, 300, 100)]
)
def test_axes_have_round_steps(highest: float, top: float, step: float) -> None:
    assert drawing.scale(highest) == pytest.approx((top, step))


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_drawn(kind: Kind) -> None:
    buckets = [Line("0.5", ((0, 1), (5, 2))), Line("0.8", ((0, 3), (5, 2))), Line("+Inf", ((0, 3), (5, 2)))]
    found = buckets if kind is Kind.HEATMAP else drawing.lines(chart(), [ANSWER], start=100)
    svg = drawing.panel(chart(kind), found, 10)
    cells = svg.count("fill-opacity")
    assert cells == (3 if kind is Kind.HEATMAP else 0)
    assert svg.count("<polyline") == (2 if kind in {Kind.LINES, Kind.STACK} else 0)
    assert "Time &amp; byte" in svg
    assert drawing.panel(chart(kind), [], 10).startswith("<svg")
