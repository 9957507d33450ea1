"""Dashboards and alerts ask for what the components tell, in PromQL that a real Prometheus answers from a real run."""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from support.apiserver import ApiServer
from support.engine_process import EngineProcess
from support.fetcher_process import FetcherProcess
from support.helm import CHART, CHARTS
from support.house import House, message
from support.process import Process
from support.prometheus import Prometheus, Target
from support.source_server import SourceServer
from timbre_bridge.metrics import Metrics as BridgeMetrics
from timbre_charts import dashboards
from timbre_common.documents import Voice, VoicesDocument
from timbre_common.sources import Http
from timbre_common.voiceprofile import Adapter
from timbre_engine.admission import Admission
from timbre_engine.espeak.backend import EspeakBackend
from timbre_engine.fetcher.metrics import Metrics as FetcherMetrics
from timbre_engine.metrics import Metrics as EngineMetrics
from timbre_operator.metrics import Metrics as OperatorMetrics

RULES = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())["groups"]
ALERTS = {rule["alert"]: rule["expr"] for group in RULES for rule in group["rules"]}
PANELS = {
    f"{board.uid}: {chart.title} {number}": query.expr
    for board in dashboards.ALL
    for chart in board.charts
    for number, query in enumerate(chart.queries)
}


OTHERS = re.compile("timbre_(operator|fetcher)_")
"""Metrics of what does not run in a house."""
AGENTS = {"lisa", "electra", "renarde"}


def plain(expr: str) -> str:
    """The expression with what Grafana puts in place of its variables."""
    return expr.replace("${namespace}", ".*").replace("$__rate_interval", "30s")


def metrics_of(expr: str) -> set[str]:
    """The metrics that an expression asks for."""
    names: set[str] = set()

    def visit(node: promql_parser.Expr) -> bool:
        selector = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(selector, promql_parser.VectorSelector):
            assert selector.name is not None
            names.add(selector.name)
        return True

    promql_parser.walk(promql_parser.parse(plain(expr)), pre_visit=visit)
    return names


def exported() -> set[str]:
    """Every name that a component's registry has, with what Prometheus makes of histograms and counters."""
    fetcher = FetcherMetrics()
    fetcher.follow(dict)
    texts = [
        fetcher.exposition().decode(),
        EngineMetrics(Admission(1, 1), EspeakBackend()).exposition().decode(),
        OperatorMetrics().exposition().decode(),
    ]
    families = [
        *BridgeMetrics(agents=1).registry.collect(),
        *(family for text in texts for family in text_string_to_metric_families(text)),
    ]
    return {name for family in families for name in _series(family.name, family.type)}


def _series(name: str, kind: str) -> Iterable[str]:
    match kind:
        case "counter":
            yield f"{name.removesuffix('_total')}_total"
        case "histogram":
            yield from (f"{name}_bucket", f"{name}_count", f"{name}_sum")
        case _:
            yield name


@pytest.mark.parametrize("expr", (ALERTS | PANELS).values(), ids=(ALERTS | PANELS).keys())
def test_an_expression_parses_and_asks_for_what_is_exported(expr: str) -> None:
    asked = metrics_of(expr)
    assert asked
    assert asked <= exported()


DOCS = [CHARTS.parent / "README.md", *sorted((CHARTS.parent / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(Path(page).name))
def test_a_page_names_only_metrics_that_are_exported(page: Path) -> None:
    named = set(re.findall(r"\btimbre_(?:bridge|engine|operator|fetcher)_[a-z_]*[a-z]\b", page.read_text()))
    modules = {"timbre_engine_", "timbre_bridge_"}
    known = exported()
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known}
    assert {name for name in named if name not in modules} <= known | families


def test_dashboards_are_what_the_code_makes() -> None:
    committed = {path.name: path.read_text() for path in (CHART / "dashboards").glob("*.json")}
    assert committed == {f"{board.uid}.json": board.text() for board in dashboards.ALL}, "run `make charts`"
    for text in committed.values():
        panels = json.loads(text)["panels"]
        assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


async def test_a_real_prometheus_answers_with_data_of_a_real_run(tmp_path: Path) -> None:
    # At a model's pace: the whole text is there before the first sound, so that the real-time factor is measured.
    async with House(["--pace=rtf=0.5,first=100ms"]) as house, house.listener():
        labels = {"namespace": "voices"}
        targets = [
            Target("bridge", house.url, labels | {"pod": "bridge-0"}),
            Target("engine", house.engine.url, labels | {"pod": "default-speech-0", "engine": "default"}),
        ]
        async with Prometheus(tmp_path, targets) as prometheus:
            await prometheus.has("timbre_bridge_redis_connected == 1")
            # Twice, since what a series begins with is no growth.
            for times in (1, 2):
                for agent in AGENTS:
                    spoken = message(agent, "Bonjour à tous.")
                    await house.publish(spoken)
                    await house.announcement("tts_end", spoken.id)
                await prometheus.has(f"sum(timbre_bridge_time_to_first_byte_seconds_count) >= {times * len(AGENTS)}")
            for title, expr in PANELS.items():
                if not OTHERS.search(expr):
                    assert await prometheus.has(plain(expr)), title
            slow = await prometheus.query(plain(PANELS["timbre-speech: Time to first byte by voice 1"]))
            assert {each["metric"]["agent"] for each in slow} == AGENTS
            # A healthy run: an expression that finds something then would wake somebody for nothing.
            for name, expr in ALERTS.items():
                if not OTHERS.search(expr):
                    assert await prometheus.query(expr) == [], name


async def test_it_answers_with_data_of_a_real_operator_too(cluster: ApiServer, namespace: str, tmp_path: Path) -> None:
    cluster.kubectl("apply", "--server-side", "-f", str(CHARTS.parent / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "-l", "app.kubernetes.io/part-of=timbre")
    # A problem, for somebody to look at: a name that is taken.
    cluster.kubectl("-n", namespace, "create", "service", "clusterip", "default-speech", "--tcp=80")
    engine = {"apiVersion": "timbre.dev/v1alpha1", "kind": "SpeechEngine", "metadata": {"name": "default"}}
    cluster.kubectl("-n", namespace, "apply", "-f", "-", text=yaml.safe_dump(engine | {"spec": {"backend": "espeak"}}))
    operator = Process(
        "timbre-operator",
        "run",
        f"--kubeconfig={cluster.kubeconfig}",
        f"--namespace={namespace}",
        f"--lease-namespace={namespace}",
        "--port=0",
        ready=r"metrics on (http://\S+)",
    )
    async with AsyncExitStack() as stack:
        url = (await operator.start())[1]
        stack.push_async_exit(operator.__aexit__)
        target = Target("operator", url, {"namespace": namespace, "pod": "operator-0"})
        prometheus = await stack.enter_async_context(Prometheus(tmp_path, [target]))
        for title, expr in PANELS.items():
            if "timbre_operator_" in expr:
                assert await prometheus.has(plain(expr), within=60), title
        for name in ("TimbreOperatorNotLeading", "TimbreOperatorStalled"):
            assert await prometheus.query(ALERTS[name]) == [], name


async def test_it_answers_with_data_of_a_real_fetcher_too(tmp_path: Path) -> None:
    content = b"an adapter"
    async with SourceServer() as source, EngineProcess("--slots=1") as engine:
        source.trusted_by(tmp_path / "credentials")
        source.answers["/lisa.gguf"] = content
        voices = [
            Voice(
                name=name, languages=["fr"], adapter=Adapter(http=Http(url=source.url(f"/{name}.gguf")), digest=digest)
            )
            for name, digest in (
                ("lisa", f"sha256:{hashlib.sha256(content).hexdigest()}"),
                ("electra", f"sha256:{'0' * 64}"),
            )
        ]
        rules = [f"--allowed-hosts={source.hosts()}", "--allow-private"]
        async with FetcherProcess(tmp_path, engine.admin_url, *rules) as fetcher:
            await fetcher.put(VoicesDocument(generation=1, voices=voices))
            labels = {"namespace": "voices", "pod": "default-speech-0", "engine": "default"}
            async with Prometheus(tmp_path, [Target("fetcher", fetcher.url, labels)]) as prometheus:
                for title, expr in PANELS.items():
                    if "timbre_fetcher_" in expr:
                        assert await prometheus.has(plain(expr)), title
                files = plain(PANELS["timbre-operator: Voices' files 0"])
                async with asyncio.timeout(30):
                    while {"present": "1", "failed": "1"}.items() - (await states(prometheus, files)).items():
                        await asyncio.sleep(0.25)


async def states(prometheus: Prometheus, expr: str) -> dict[str, str]:
    """What it answers, by state."""
    return {each["metric"]["state"]: each["value"][1] for each in await prometheus.query(expr)}
