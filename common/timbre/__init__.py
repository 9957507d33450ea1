"""What users import: a client for agents' voices, the `timbre` command, and the launcher behind `make run`.

    import timbre

    async with timbre.Client(redis_url="redis://127.0.0.1:6390") as client:
        spoken = await client.say("lisa", "Bonjour à tous")

`Client` is asynchronous; `SyncClient` has the same methods for threads and scripts. Belongs here: what a person or an
agent's author touches. Does not belong here: the engine and the bridge, which the launcher starts as processes.
"""

from timbre.client import Client
from timbre.errors import BridgeUnavailable, NotSpoken
from timbre.events import (
    Audio,
    AudioDone,
    AudioResumed,
    AudioStarted,
    Cancelled,
    CaptionEvent,
    Connected,
    Disconnected,
    ErrorEvent,
    Event,
    GoingAway,
    StatusEvent,
)
from timbre.listening import Listening
from timbre.speaking import Spoken, Wait
from timbre.sync import SyncClient
from timbre_common.errors import (
    Busy,
    EngineUnavailable,
    Forbidden,
    InvalidInput,
    RedisUnavailable,
    SetupError,
    TimbreError,
    Unauthorized,
    UnknownVoice,
)
from timbre_common.protocol import AgentInfo, DoneReason

__all__ = [
    "AgentInfo",
    "Audio",
    "AudioDone",
    "AudioResumed",
    "AudioStarted",
    "BridgeUnavailable",
    "Busy",
    "Cancelled",
    "CaptionEvent",
    "Client",
    "Connected",
    "Disconnected",
    "DoneReason",
    "EngineUnavailable",
    "ErrorEvent",
    "Event",
    "Forbidden",
    "GoingAway",
    "InvalidInput",
    "Listening",
    "NotSpoken",
    "RedisUnavailable",
    "SetupError",
    "Spoken",
    "StatusEvent",
    "SyncClient",
    "TimbreError",
    "Unauthorized",
    "UnknownVoice",
    "Wait",
]
