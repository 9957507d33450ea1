"""The error tree. The type tells whether trying again can help.

TimbreError
├── Permanent                  give up: the same call fails again
│   ├── InvalidInput           names the field and what would be right
│   │   ├── TooLarge           over a stated bound
│   │   ├── Unsupported        well formed, but not what this backend can do
│   │   ├── UnknownLanguage    none of a voice's languages is spoken here
│   │   ├── UnknownSpeaker     the model has no such speaker
│   │   ├── FileMissing        a file that is named cannot be found or read
│   │   ├── DigestMismatch     a file is not the one that was named
│   │   ├── WrongBase          an adapter was made for another base
│   │   └── Malformed          a file is not what it should be
│   ├── UnknownVoice           the engine holds no such voice
│   ├── UnknownModel           the engine runs another model
│   ├── NotFound               the Kubernetes API knows no such object, namespace or kind
│   ├── Unauthorized           token missing, bad or expired
│   ├── Forbidden              the token does not allow it
│   ├── HostRefused            a place that may not be asked for files
│   ├── SourceMissing          the place that was asked has no such file
│   └── SetupError             the machine lacks something; says what to do
└── Transient                  try again, after `retry_after` seconds where known
    ├── Busy                   every slot and the queue are taken
    ├── EngineUnavailable      the engine is away, loading, or broke off
    ├── IdleTimeout            nothing came for too long, so what was held was given back
    ├── FetchFailed            a file's source is away, broke off or answered nonsense
    │   └── TimedOut           it took too long
    ├── VolumeUnusable         the volume cannot be written, or its files not be locked
    │   └── VolumeFull         it has no room
    ├── RedisUnavailable       the Redis-protocol server is away
    ├── ClusterUnavailable     the Kubernetes API server is away, too slow, or asks to wait
    └── Conflict               the object was changed meanwhile: read it again
"""


class TimbreError(Exception):
    """Root of everything that Timbre raises on purpose."""


class Permanent(TimbreError):
    """The same call fails again: give up."""


class InvalidInput(Permanent):
    """Input that breaks a rule.

    `field` is a path such as `spec.prosody.speed`, or "" for the whole input; the message says what would be right.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class TooLarge(InvalidInput):
    """Input over a stated bound."""


class Unsupported(InvalidInput):
    """Well-formed input that asks for what this backend cannot do."""


class UnknownLanguage(InvalidInput):
    """A voice none of whose languages is spoken here."""


class UnknownSpeaker(InvalidInput):
    """A speaker that the model does not have."""


class FileMissing(InvalidInput):
    """A file that cannot be found or read where it was said to be."""


class DigestMismatch(InvalidInput):
    """A file other than the one whose digest was named."""


class WrongBase(InvalidInput):
    """An adapter that was made for another base."""


class Malformed(InvalidInput):
    """A file that is not what it should be."""


class UnknownVoice(Permanent):
    """The engine holds no voice of that name."""

    def __init__(self, voice: str) -> None:
        super().__init__(f"voice {voice!r} is not loaded")
        self.voice = voice


class UnknownModel(Permanent):
    """The engine runs no model of that name."""

    def __init__(self, model: str) -> None:
        super().__init__(f"model {model!r} is not served here")
        self.model = model


class NotFound(Permanent):
    """The Kubernetes API knows no such object, namespace or kind."""


class Unauthorized(Permanent):
    """A token is missing, not valid or expired."""


class Forbidden(Permanent):
    """A valid token that does not allow this."""


class HostRefused(Permanent):
    """A place that may not be asked for files: not allowed by name, not HTTPS, or at a private address."""


class SourceMissing(Permanent):
    """The place that was asked has no such file."""


class SetupError(Permanent):
    """The machine lacks something, or an address is taken; the message is one line that says what to do."""


class Transient(TimbreError):
    """Trying again may help."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait before the next try, where the refuser said so."""


class Busy(Transient):
    """Every slot and every place in the queue are taken."""


class EngineUnavailable(Transient):
    """The engine is away, still loading, or broke off an utterance."""


class IdleTimeout(Transient):
    """Nothing came for too long, so what was held was given back."""


class FetchFailed(Transient):
    """A file's source is away, broke off or answered nonsense."""


class TimedOut(FetchFailed):
    """A file's source took too long."""


class VolumeUnusable(Transient):
    """The volume cannot be written, or its files cannot be locked."""


class VolumeFull(VolumeUnusable):
    """The volume has no room."""


class RedisUnavailable(Transient):
    """The Redis-protocol server is away."""


class ClusterUnavailable(Transient):
    """The Kubernetes API server is away, too slow, or asks to wait."""


class Conflict(Transient):
    """The object was changed, or made, by another meanwhile: read it again."""
