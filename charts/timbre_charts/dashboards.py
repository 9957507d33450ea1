"""The dashboards: which panels, from which metrics. `${namespace}` and `$__rate_interval` are Grafana's."""

import json
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import VariableHide, VariableRefresh, VariableSort

from timbre_charts.panels import SOURCE, Chart, Kind, Query

PROMISE_S: Final = 0.8
"""Seconds from Redis receipt to the first frame sent, at most."""

_HERE: Final = 'namespace=~"${namespace}"'


def rate(metric: str, *matchers: str, by: str) -> str:
    """How fast a counter grows a second, summed."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (rate({metric}{{{', '.join((*matchers, _HERE))}}}[$__rate_interval]))"


def quantile(level: float, metric: str, *matchers: str, by: str = "") -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({level}, {rate(f'{metric}_bucket', *matchers, by=f'{by}, le' if by else 'le')})"


def total(metric: str, *, by: str) -> str:
    """A gauge, summed."""
    return f"sum by ({by}) ({metric}{{{_HERE}}})"


def quantiles(metric: str, *matchers: str, by: str, levels: tuple[float, ...] = (0.5, 0.95)) -> tuple[Query, ...]:
    """Several quantiles, called by the label."""
    return tuple(
        Query(quantile(level, metric, *matchers, by=by), f"{{{{{by}}}}} p{round(level * 100)}") for level in levels
    )


_FREE: Final = 'floor="free"'
_KEPT: Final = f'le="{PROMISE_S}"'
_TTFB: Final = "timbre_bridge_time_to_first_byte_seconds"


@dataclass(frozen=True)
class Dashboard:
    """A dashboard. uid: how Grafana links to it, and its file's name."""

    uid: str
    title: str
    charts: tuple[Chart, ...]

    def text(self) -> str:
        """Its JSON."""
        namespaces = (
            dashboard.QueryVariable("namespace")
            .label("Namespace")
            .datasource(SOURCE)
            .query('label_values({__name__=~"timbre_.*"}, namespace)')
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
        source = dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        board = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .tags(["timbre"])
            .timezone("browser")
            .refresh("30s")
            .time("now-1h", "now")
            .readonly()
            .with_variable(source.hide(VariableHide.DONT_HIDE))
            .with_variable(namespaces)
        )
        for chart in self.charts:
            board.with_panel(chart.panel())
        return json.dumps(board.build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


SPEECH: Final = Dashboard(
    "timbre-speech",
    "Timbre: speech",
    (
        Chart(
            "Within 0.8 s",
            "Share of utterances, with the floor free, whose first frame was sent within the promised 0.8 s.",
            (Query(f"{rate(f'{_TTFB}_bucket', _FREE, _KEPT, by='')} / {rate(f'{_TTFB}_count', _FREE, by='')}"),),
            Kind.NUMBER,
            unit="percentunit",
            limit=0.95,
            above=True,
            width=4,
        ),
        Chart(
            "Listeners",
            "Connections to the bridge.",
            (Query(total("timbre_bridge_websocket_connections", by="namespace"), "{{namespace}}"),),
            unit="short",
            width=8,
        ),
        Chart(
            "Underruns",
            "Times a minute that a listener's sound ran dry.",
            (Query(f"60 * {rate('timbre_bridge_underruns_total', by='namespace')}", "{{namespace}}"),),
            unit="short",
            width=12,
        ),
        Chart(
            "Time to first byte",
            "From Redis receipt to the first audio frame sent, with the floor free.",
            (
                Query(
                    f"sum by (le) (increase({_TTFB}_bucket{{{_FREE}, {_HERE}}}[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
            Kind.HEATMAP,
        ),
        Chart(
            "Time to first byte by voice",
            "The line is the promise, 0.8 s. The first agents that speak are told apart, the others are `other`.",
            quantiles(_TTFB, _FREE, by="agent"),
            limit=PROMISE_S,
        ),
        Chart(
            "The engine's share of it",
            "From the first text sent to an engine to its first audio.",
            quantiles("timbre_bridge_engine_first_byte_seconds", by="engine"),
            limit=PROMISE_S,
        ),
        Chart(
            "Real-time factor",
            "Seconds waited for the backend by seconds of audio: past 1 the sound runs dry.",
            quantiles("timbre_engine_real_time_factor", by="engine"),
            unit="short",
            limit=1.0,
        ),
        Chart(
            "Requests at the engines",
            "Utterances that have a slot, and those that wait for one.",
            (
                Query(total("timbre_engine_requests_running", by="engine"), "{{engine}} running"),
                Query(total("timbre_engine_requests_waiting", by="engine"), "{{engine}} waiting"),
                Query(total("timbre_engine_slots", by="engine"), "{{engine}} slots"),
            ),
            unit="short",
        ),
        Chart(
            "Wait for a slot",
            "How long utterances queue at an engine.",
            quantiles("timbre_engine_queue_wait_seconds", by="engine"),
        ),
        Chart(
            "Utterances",
            "By how they ended, a minute.",
            (Query(f"60 * {rate('timbre_bridge_utterances_total', by='reason')}", "{{reason}}"),),
            Kind.STACK,
            unit="short",
        ),
        Chart(
            "Requests by outcome",
            "What became of the engines' utterances, a minute; busy: the queue was full.",
            (Query(f"60 * {rate('timbre_engine_requests_total', by='outcome')}", "{{outcome}}"),),
            Kind.STACK,
            unit="short",
        ),
    ),
)

OPERATOR: Final = Dashboard(
    "timbre-operator",
    "Timbre: voices and operator",
    (
        Chart(
            "Voices",
            "VoiceProfiles by what became of them.",
            (Query(total("timbre_operator_voices", by="state"), "{{state}}"),),
            Kind.STACK,
            unit="short",
        ),
        Chart(
            "Problems",
            "Conditions that somebody has to look at, by reason.",
            (Query(total("timbre_operator_problems", by="reason"), "{{reason}}"),),
            Kind.STACK,
            unit="short",
        ),
        Chart(
            "Adapters in memory",
            "On each engine, over its pods.",
            (Query(total("timbre_engine_adapters_loaded", by="engine"), "{{engine}}"),),
            unit="short",
        ),
        Chart(
            "Engines that answer",
            "As the bridges see them: 1 or 0.",
            (Query(f"min by (engine) (timbre_bridge_engine_ready{{{_HERE}}})", "{{engine}}"),),
            unit="short",
        ),
        Chart(
            "Voices' files",
            "Files that the voices name, by what became of them, over the pods.",
            (Query(total("timbre_fetcher_files", by="state"), "{{state}}"),),
            Kind.STACK,
            unit="short",
        ),
        Chart(
            "Fetching",
            "Files that came, and tries that failed, a minute; the outcome is the failure's code.",
            (Query(f"60 * {rate('timbre_fetcher_fetches_total', by='outcome')}", "{{outcome}}"),),
            Kind.STACK,
            unit="short",
        ),
        Chart(
            "Passes",
            "How long the operator's passes take.",
            quantiles("timbre_operator_reconcile_seconds", by="kind"),
        ),
        Chart(
            "Queue of the operator",
            "Passes that wait or run.",
            (Query(total("timbre_operator_queue_depth", by="pod"), "{{pod}}"),),
            unit="short",
        ),
        Chart(
            "Failed passes",
            "Passes a minute that are tried again.",
            (Query(f"60 * {rate('timbre_operator_reconcile_errors_total', by='kind')}", "{{kind}}"),),
            unit="short",
        ),
        Chart(
            "Since the last pass",
            "Seconds since the leading operator ended a pass.",
            (
                Query(
                    f"time() - max by (namespace) (timbre_operator_last_pass_timestamp_seconds{{{_HERE}}})",
                    "{{namespace}}",
                ),
            ),
        ),
    ),
)

ALL: Final = (SPEECH, OPERATOR)
