"""The dashboards: which panels, from which metrics."""

import json
from dataclasses import dataclass, replace
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import VariableHide, VariableRefresh, VariableSort

from timbre_charts.panels import SOURCE, Chart, Kind, Query
from timbre_charts.promql import HERE, per_minute, quantiles, rate, total

PROMISE_S: Final = 0.8
"""Seconds from Redis receipt to the first frame sent, at most."""

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


_VOICES: Final = Chart(
    "Voices",
    "VoiceProfiles by what became of them.",
    (total("timbre_operator_voices", "state"),),
    Kind.STACK,
    unit="short",
)

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
            (total("timbre_bridge_websocket_connections", "namespace"),),
            unit="short",
            width=6,
        ),
        Chart(
            "Underruns",
            "Times a minute that a listener's sound ran dry.",
            (per_minute("timbre_bridge_underruns_total", "namespace"),),
            unit="short",
            width=6,
        ),
        replace(_VOICES, width=8),
        Chart(
            "Time to first byte",
            "From Redis receipt to the first audio frame sent, with the floor free.",
            (
                Query(
                    f"sum by (le) (increase({_TTFB}_bucket{{{_FREE}, {HERE}}}[$__rate_interval]))",
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
                total("timbre_engine_requests_running", "engine", "running"),
                total("timbre_engine_requests_waiting", "engine", "waiting"),
                total("timbre_engine_slots", "engine", "slots"),
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
            (per_minute("timbre_bridge_utterances_total", "reason"),),
            Kind.STACK,
            unit="short",
        ),
        Chart(
            "Requests by outcome",
            "What became of the engines' utterances, a minute; busy: the queue was full.",
            (per_minute("timbre_engine_requests_total", "outcome"),),
            Kind.STACK,
            unit="short",
        ),
    ),
)

OPERATOR: Final = Dashboard(
    "timbre-operator",
    "Timbre: voices and operator",
    (
        _VOICES,
        Chart(
            "Problems",
            "Conditions that somebody has to look at, by reason.",
            (total("timbre_operator_problems", "reason"),),
            Kind.STACK,
            unit="short",
        ),
        Chart(
            "Adapters in memory",
            "On each engine, over its pods.",
            (total("timbre_engine_adapters_loaded", "engine"),),
            unit="short",
        ),
        Chart(
            "Engines that answer",
            "As the bridges see them: 1 or 0.",
            (Query(f"min by (engine) (timbre_bridge_engine_ready{{{HERE}}})", "{{engine}}"),),
            unit="short",
        ),
        Chart(
            "Voices' files",
            "Files that the voices name, by what became of them, over the pods.",
            (total("timbre_fetcher_files", "state"),),
            Kind.STACK,
            unit="short",
        ),
        Chart(
            "Fetching",
            "Files that came, and tries that failed, a minute; the outcome is the failure's code.",
            (per_minute("timbre_fetcher_fetches_total", "outcome"),),
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
            (total("timbre_operator_queue_depth", "pod"),),
            unit="short",
        ),
        Chart(
            "Failed passes",
            "Passes a minute that are tried again.",
            (per_minute("timbre_operator_reconcile_errors_total", "kind"),),
            unit="short",
        ),
        Chart(
            "Since the last pass",
            "Seconds since the leading operator ended a pass.",
            (
                Query(
                    f"time() - max by (namespace) (timbre_operator_last_pass_timestamp_seconds{{{HERE}}})",
                    "{{namespace}}",
                ),
            ),
        ),
    ),
)

ALL: Final = (SPEECH, OPERATOR)
