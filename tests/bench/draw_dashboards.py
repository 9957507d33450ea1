"""Draw the dashboard of speech from a run: three agents at a real model's pace, scraped by a real Prometheus."""

import asyncio
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from support.browser import browser
from support.house import House, message
from support.prometheus import Prometheus, Target
from timbre_charts import drawing
from timbre_charts.dashboards import SPEECH

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "dashboard.png"
SECONDS = 180
STEP = 5
PACE = "rtf=0.4,first=250ms,stall=400ms@3s"
LINES = {
    "lisa": "La réunion commence dans cinq minutes. Je vous rappelle l'ordre du jour.",
    "electra": "Attention, le tampon se vide ! Je relance le flux tout de suite.",
    "renarde": "Il était une fois une renarde qui aimait les longues histoires.",
}


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
    with TemporaryDirectory() as folder:
        async with House([f"--pace={PACE}"], ["--floor=mix"]) as house, house.listener(), house.listener():
            targets = [
                Target("bridge", house.url, {"namespace": "voices", "pod": "bridge-0"}),
                Target("engine", house.engine.url, {"namespace": "voices", "pod": "default-0", "engine": "default"}),
            ]
            async with Prometheus(Path(folder), targets) as prometheus, browser() as chromium:
                until = time.monotonic() + SECONDS
                await asyncio.gather(*(speak(house, agent, until) for agent in LINES))
                page = await chromium.new_page(viewport={"width": 1472, "height": 400})
                await page.set_content(await draw(prometheus))
                await page.screenshot(path=PICTURE, full_page=True)
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    asyncio.run(main())
