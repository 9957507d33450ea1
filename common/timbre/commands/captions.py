"""What `timbre listen` prints: who says what, in the agent's colour. Events in, text out."""

import re
from dataclasses import dataclass, field

from timbre.events import (
    AudioDone,
    AudioStarted,
    Cancelled,
    CaptionEvent,
    Connected,
    Disconnected,
    ErrorEvent,
    Event,
    StatusEvent,
)
from timbre_common.protocol import AgentInfo, DoneReason, ErrorCode

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_HEX = re.compile(r"#([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})")


@dataclass
class Captions:
    """Formats events. A line belongs to one utterance; where several are spoken at once, lines take turns."""

    colours: bool
    """Whether the terminal shows ANSI colours."""
    texts: bool
    """Whether to print what is said, or only who speaks."""
    _agents: dict[str, AgentInfo] = field(default_factory=dict)
    _speakers: dict[str, str] = field(default_factory=dict)
    """Agents by context, of the utterances under way."""
    _open: str | None = None
    """The context whose line is not ended."""

    def write(self, event: Event) -> str:
        """The text to print for an event; "" for none."""
        match event:
            case Connected() | StatusEvent():
                self._agents = {agent.agent_id: agent for agent in event.agents}
                return ""
            case AudioStarted():
                self._speakers[event.context_id] = event.agent_id
                name = self._name(event.context_id)
                return self._line(f"{name} speaks in {event.room}, first sound after {event.ttfb_ms:.0f} ms", event)
            case CaptionEvent() if self.texts:
                return self._said(event)
            case AudioDone():
                note = "" if event.reason is DoneReason.FINISHED else f"({event.reason})"
                return self._end(event.context_id, note)
            case Cancelled():
                return self._end(event.context_id, f"(cut short after {event.heard_ms / 1000:.1f} s)")
            case Disconnected():
                return self._line(f"{event.reason}; trying again")
            case ErrorEvent():
                if event.code is ErrorCode.RESUME_GONE and event.context_id:
                    self._speakers.pop(event.context_id, None)
                return self._line(f"{event.code}: {event.message}")
            case _:
                return ""

    def _said(self, caption: CaptionEvent) -> str:
        text = _CONTROL.sub(" ", caption.text)
        if self._open == caption.context_id:
            return text
        start, self._open = self._break(), caption.context_id
        return f"{start}{self._name(caption.context_id)}: {text.lstrip()}"

    def _line(self, text: str, started: AudioStarted | None = None) -> str:
        """A line of its own; with the utterance's id, which `timbre cancel` takes."""
        note = self._dim(f"  {started.context_id}") if started else ""
        # The agent's name is coloured already: control characters are taken from what came over the wire alone.
        shown = text if started else _CONTROL.sub(" ", text)
        return f"{self._break()}{shown}{note}\n"

    def _end(self, context_id: str, note: str) -> str:
        speaker = self._name(context_id)
        known = self._speakers.pop(context_id, None)
        if self._open == context_id:
            self._open = None
            return f" {self._dim(note)}\n" if note else "\n"
        return f"{self._break()}{speaker}: {self._dim(note)}\n" if note and known else ""

    def _break(self) -> str:
        was_open, self._open = self._open, None
        return "\n" if was_open else ""

    def _name(self, context_id: str) -> str:
        agent_id = self._speakers.get(context_id, "someone")
        agent = self._agents.get(agent_id)
        name = _CONTROL.sub(" ", agent.name if agent else agent_id)
        match = _HEX.fullmatch(agent.colour) if agent and self.colours else None
        if match is None:
            return name
        red, green, blue = (int(part, 16) for part in match.groups())
        return f"\x1b[1;38;2;{red};{green};{blue}m{name}\x1b[0m"

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self.colours and text else text
