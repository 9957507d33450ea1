"""Panels as plain data, and how Grafana draws them."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BigValueColorMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Panel, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT: Final = 8
"""In rows of Grafana's grid."""

P = TypeVar("P", heatmap.Panel, stat.Panel, timeseries.Panel)


class Kind(Enum):
    """How a panel looks."""

    LINES = "lines"
    STACK = "stack"
    HEATMAP = "heatmap"
    NUMBER = "number"


@dataclass(frozen=True)
class Query:
    """PromQL, and what a line is called: labels in {{ }}."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Chart:
    """One panel. limit: a line to stay below (or, where `above`, to stay above), in `unit`. width: in 24ths."""

    title: str
    description: str
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    unit: str = "s"
    limit: float | None = None
    above: bool = False
    width: int = 12

    def panel(self) -> Builder[Panel]:
        """What Grafana draws."""
        match self.kind:
            case Kind.HEATMAP:
                return self._heatmap()
            case Kind.NUMBER:
                return self._number()
            case Kind.LINES | Kind.STACK:
                return self._lines()

    def _heatmap(self) -> heatmap.Panel:
        return self._common(
            heatmap.Panel()
            .calculate(False)
            .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
            .y_axis(heatmap.YAxisConfig().unit(self.unit).axis_placement(AxisPlacement.LEFT))
        )

    def _number(self) -> stat.Panel:
        return self._common(stat.Panel().unit(self.unit).color_mode(BigValueColorMode.VALUE).thresholds(self._limits()))

    def _lines(self) -> timeseries.Panel:
        legend = common.VizLegendOptions().show_legend(True)
        panel = (
            timeseries.Panel()
            .unit(self.unit)
            .min(0)
            .line_width(2)
            .fill_opacity(30 if self.kind is Kind.STACK else 0)
            .legend(legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM))
        )
        if self.kind is Kind.STACK:
            panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        if self.limit is not None:
            style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE)
            panel = panel.thresholds(self._limits()).thresholds_style(style)
        return self._common(panel)

    def _limits(self) -> dashboard.ThresholdsConfig:
        below, past = ("red", "green") if self.above else ("green", "red")
        steps = [Threshold(color=below, value=None)]
        if self.limit is not None:
            steps.append(Threshold(color=past, value=self.limit))
        return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)

    def _common(self, panel: P) -> P:
        panel.title(self.title).description(self.description).datasource(SOURCE).span(self.width).height(HEIGHT)
        for number, query in enumerate(self.queries):
            target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + number))
            if self.kind is Kind.HEATMAP:
                target = target.format(PromQueryFormat.HEATMAP)
            panel.with_target(target.instant() if self.kind is Kind.NUMBER else target.range())
        return panel
