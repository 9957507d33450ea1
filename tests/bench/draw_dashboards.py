"""Draw the dashboard of speech from a run: three agents at a real model's pace, scraped by a real Prometheus.

Beside them an operator makes the three voices Ready, one after the other, on an engine of its own and a real API server
(KUBEBUILDER_ASSETS).
"""

import asyncio
import random
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from support import apiserver, many_profiles
from support.browser import browser
from support.engine_process import LORAS
from support.house import House, message
from support.many_profiles import ManyProfiles
from support.prometheus import Prometheus, Target
from timbre_charts import drawing
from timbre_charts.dashboards import SPEECH

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "dashboard.png"
SECONDS = 180
STEP = 5
LISTENERS = 2
PACE = "rtf=0.4,first=250ms,stall=400ms@3s"
LINES = {
    "lisa": "La réunion commence dans cinq minutes. Je vous rappelle l'ordre du jour.",
    "electra": "Attention, le tampon se vide ! Je relance le flux tout de suite.",
    "renarde": "Il était une fois une renarde qui aimait les longues histoires.",
}


async def apply(there: ManyProfiles, every: float) -> None:
    """Apply one voice after the other."""
    for agent in LINES:
        await asyncio.sleep(every)
        profile = yaml.safe_load((LORAS / agent / "voiceprofile.yaml").read_text())
        profile["metadata"]["namespace"] = there.namespace
        await there.apply([profile])


async def speak(house: House, agent: str, until: float) -> None:
    """Say a line every so often."""
    while time.monotonic() < until:
        await house.publish(message(agent, LINES[agent]))
        await asyncio.sleep(random.uniform(4, 9))


async def draw(prometheus: Prometheus) -> str:
    """The dashboard as a page, from what Prometheus answers."""
    panels = []
    for chart in SPEECH.charts:
        start = time.time() - SECONDS
        answers = [
            await prometheus.query_range(
                query.expr.replace("${namespace}", ".*").replace("$__rate_interval", "30s"), SECONDS, STEP
            )
            for query in chart.queries
        ]
        panels.append(drawing.panel(chart, drawing.lines(chart, answers, start), SECONDS))
    return drawing.page(SPEECH.title, panels)


async def main() -> None:
    """Run, ask, draw."""
    lacking = apiserver.lacking()
    if lacking:
        sys.exit(lacking)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        api = stack.enter_context(apiserver.running(folder))
        api.install_crds()
        there = await stack.enter_async_context(many_profiles.place(api, folder, 0))
        house = await stack.enter_async_context(House([f"--pace={PACE}"], ["--floor=mix"]))
        for _ in range(LISTENERS):
            await stack.enter_async_context(house.listener())
        targets = [
            Target("bridge", house.url, {"namespace": "voices", "pod": "bridge-0"}),
            Target("engine", house.engine.url, {"namespace": "voices", "pod": "default-0", "engine": "default"}),
            Target("operator", there.operator.url(), {"namespace": "voices", "pod": "operator-0"}),
        ]
        prometheus = await stack.enter_async_context(Prometheus(folder, targets))
        chromium = await stack.enter_async_context(browser())
        page = await chromium.new_page(viewport={"width": 1472, "height": 400})
        until = time.monotonic() + SECONDS
        await asyncio.gather(apply(there, SECONDS / 5), *(speak(house, agent, until) for agent in LINES))
        await page.set_content(await draw(prometheus))
        await page.screenshot(path=PICTURE, full_page=True)
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    asyncio.run(main())
