"""What the bridge tells Prometheus. Labels are bounded: outcomes, reasons, types, engines, and the first so many
agents; never ids, never text.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from timbre_common.hlink import MessageType
from timbre_common.names import TTFB_BUCKETS

_TYPES = frozenset(MessageType)
_OTHER: Final = "other"


class Few:
    """Values of a label: the first `limit` of them as they are, all others together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def label(self, value: str) -> str:
        """`value`, or `other` past the limit."""
        if value not in self._seen:
            if len(self._seen) >= self._limit:
                return _OTHER
            self._seen.add(value)
        return value


class Metrics:
    """The bridge's metrics on a registry of their own. `agents`: how many of them have series of their own."""

    def __init__(self, agents: int) -> None:
        self._agents = Few(agents)
        self.registry = CollectorRegistry()
        self.time_to_first_byte = Histogram(
            "timbre_bridge_time_to_first_byte_seconds",
            "From Redis receipt to the first audio frame sent. floor: free, or waited (another one was speaking)",
            ["agent", "floor"],
            buckets=TTFB_BUCKETS,
            registry=self.registry,
        )
        self.time_to_first_sound = Histogram(
            "timbre_bridge_time_to_first_sound_seconds",
            "From Redis receipt to the first sample above -50 dBFS sent",
            ["floor"],
            buckets=TTFB_BUCKETS,
            registry=self.registry,
        )
        self.client_time_to_first_audio = Histogram(
            "timbre_bridge_client_time_to_first_audio_seconds",
            "From audio.start's arrival to the first sample played, as listeners report it",
            buckets=TTFB_BUCKETS,
            registry=self.registry,
        )
        self.engine_wait = Histogram(
            "timbre_bridge_engine_first_byte_seconds",
            "From the first text sent to the engine to its first audio: the engine's share of the time to first byte",
            ["engine"],
            buckets=TTFB_BUCKETS,
            registry=self.registry,
        )
        self.floor_wait = Histogram(
            "timbre_bridge_floor_wait_seconds",
            "How long utterances waited for the floor",
            buckets=(0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 40, 60),
            registry=self.registry,
        )
        self.connections = Gauge("timbre_bridge_websocket_connections", "Listeners connected", registry=self.registry)
        self.messages = Counter(
            "timbre_bridge_messages_total", "Messages from Redis", ["type", "outcome"], registry=self.registry
        )
        self.utterances = Counter(
            "timbre_bridge_utterances_total", "Utterances that ended", ["reason"], registry=self.registry
        )
        self.frames_dropped = Counter(
            "timbre_bridge_frames_dropped_total",
            "Audio frames that a listener will not get: slow (dropped), cancelled",
            ["reason"],
            registry=self.registry,
        )
        self.underruns = Counter(
            "timbre_bridge_underruns_total", "Underruns that listeners reported", registry=self.registry
        )
        self.redis_connected = Gauge(
            "timbre_bridge_redis_connected", "1 while subscribed to the channel", registry=self.registry
        )
        self.engine_ready = Gauge(
            "timbre_bridge_engine_ready", "1 while the engine answers", ["engine"], registry=self.registry
        )
        self.announcements_dropped = Counter(
            "timbre_bridge_announcements_dropped_total",
            "tts_start, tts_end and tts_error not published since Redis was away too long",
            registry=self.registry,
        )

    def first_byte(self, agent: str, floor: str, elapsed_s: float) -> None:
        """Observe the time to an utterance's first frame."""
        self.time_to_first_byte.labels(self._agents.label(agent), floor).observe(elapsed_s)

    def message(self, kind: str, outcome: str) -> None:
        """Count a message; types that Timbre does not know share one label."""
        self.messages.labels(kind if kind in _TYPES else _OTHER, outcome).inc()
