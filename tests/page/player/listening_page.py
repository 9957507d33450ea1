"""A page that embeds the player, as any page would, and writes down what it tells; its loudspeaker is measured."""

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.async_api import Route

from support.browser import Watched

EVENTS = [
    *("state", "ready", "status", "start", "playing", "caption", "word"),
    *("progress", "done", "cancelled", "missed", "underrun", "latency", "error"),
]

# The measuring: whatever goes to an AudioContext's destination also goes to an analyser, which is looked at all the
# time. Nothing of it is known to the player.
_MEASURE = """
window.loud = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target === this.context.destination && !this.context.measured) {
    this.context.measured = true;
    window.speaker = this.context;
    const analyser = new AnalyserNode(this.context, { fftSize: 128 });
    const samples = new Float32Array(128);
    connect.call(this, analyser);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      if (samples.some((sample) => Math.abs(sample) > 0.003)) loud.push(performance.now());
    }, 2);
  }
  return connect.call(this, target, ...rest);
};
"""

_EMBED = """async ([options, events]) => {
  document.body.innerHTML = '<button id="listen">Listen</button><button id="stop">Stop</button>';
  const { Player } = await import("/timbre.js");
  window.events = [];
  window.taps = [];
  window.clicks = {};
  const tap = ({ contextId, firstSample, samples, time }) =>
    taps.push({ contextId, firstSample, time, samples: Array.from(samples, (sample) => sample * 32768) });
  window.player = new Player({ ...options, tap });
  for (const type of events) {
    player.addEventListener(type, (event) => window.events.push({ type, at: performance.now(), ...event.detail }));
  }
  document.getElementById("listen").onclick = (event) => {
    clicks.listen = event.timeStamp;
    window.listening = player.listen();
  };
  document.getElementById("stop").onclick = (event) => {
    clicks.stop = event.timeStamp;
    player.stop();
  };
  player.connect();
}"""


@dataclass(frozen=True)
class Played:
    """What a page played of an utterance. `jumps`: how often positions were not contiguous."""

    first_sample: int
    pcm: npt.NDArray[np.int16]
    jumps: int


class ListeningPage:
    """The page. `url`: of the bridge, or of a relay before it."""

    def __init__(self, watched: Watched, url: str) -> None:
        self.watched = watched
        self.page = watched.page
        self._url = url

    async def open(self, **options: Any) -> None:
        """Load the page, embed the player with these options, and connect."""
        await self.go()
        await self.embed(**options)

    async def go(self) -> None:
        """Load a page of the bridge's origin."""
        await self.page.add_init_script(_MEASURE)
        await self.page.route("**/favicon.ico", _no_icon)
        await self.page.goto(f"{self._url}/healthz")

    async def embed(self, **options: Any) -> None:
        """Embed the player with these options, and connect."""
        await self.page.evaluate(_EMBED, [options, EVENTS])

    async def ready(self) -> None:
        """Until the bridge has answered."""
        await self.watched.until("player.state === 'ready'")

    async def listen(self) -> None:
        """A real click on the button, until there is sound."""
        await self.page.click("#listen")
        await self.watched.until("player.audio !== 'off'")

    async def forget(self) -> None:
        """Begin anew: no event and no sound so far."""
        await self.page.evaluate("void (events.length = loud.length = 0)")

    async def events(self, kind: str, **matching: Any) -> list[dict[str, Any]]:
        """The events of a type so far, with these fields."""
        found: list[dict[str, Any]] = await self.page.evaluate(
            "kind => events.filter((event) => event.type === kind)", kind
        )
        return [each for each in found if all(each.get(key) == value for key, value in matching.items())]

    async def event(self, kind: str, within: float = 40.0, **matching: Any) -> dict[str, Any]:
        """The first event of a type with these fields, now or when it comes."""
        async with asyncio.timeout(within):
            while not (found := await self.events(kind, **matching)):
                await asyncio.sleep(0.02)
            return found[0]

    async def stats(self) -> dict[str, Any]:
        """What `stats()` says."""
        stats: dict[str, Any] = await self.page.evaluate("player.stats()")
        return stats

    async def played(self, context_id: str) -> Played:
        """What the tap told of an utterance."""
        taps = await self.page.evaluate("id => taps.filter((tap) => tap.contextId === id)", context_id)
        jumps, end = 0, taps[0]["firstSample"]
        for tap in taps:
            jumps += tap["firstSample"] != end
            end = tap["firstSample"] + len(tap["samples"])
        samples = np.round(np.concatenate([np.asarray(tap["samples"]) for tap in taps]))
        return Played(taps[0]["firstSample"], samples.clip(-32_768, 32_767).astype(np.int16), jumps)

    async def clicked(self, what: str) -> float:
        """When a button was clicked, ms on the page's clock."""
        return float(await self.page.evaluate("what => clicks[what]", what))

    async def loud(self) -> list[float]:
        """When there was sound at the loudspeaker's door, ms on the page's clock."""
        return list(await self.page.evaluate("loud"))

    async def latency(self) -> float:
        """Milliseconds from that door to the ear."""
        return float((await self.stats())["outputLatencyMs"])


async def _no_icon(route: Route) -> None:
    # This page is no page of ours, and browsers ask for an icon of any.
    await route.fulfill(status=204)
