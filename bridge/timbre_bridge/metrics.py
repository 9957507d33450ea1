"""What the bridge tells Prometheus. Labels are bounded: outcomes, reasons, types and engines; never ids, never text."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from timbre_common.hlink import MessageType
from timbre_common.names import TTFB_BUCKETS

_TYPES = frozenset(MessageType)


class Metrics:
    """The bridge's metrics on a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.time_to_first_byte = Histogram(
            "timbre_bridge_time_to_first_byte_seconds",
            "From Redis receipt to the first audio frame sent. floor: free, or waited (another one was speaking)",
            ["floor"],
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

    def message(self, kind: str, outcome: str) -> None:
        """Count a message; types that Timbre does not know share one label."""
        self.messages.labels(kind if kind in _TYPES else "other", outcome).inc()
