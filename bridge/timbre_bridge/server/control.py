"""What a listener's control messages do."""

import time

from timbre_bridge.intake import Outcome
from timbre_bridge.listeners.rate import Rate
from timbre_bridge.listeners.session import Session
from timbre_bridge.listeners.stream import Limits
from timbre_bridge.server.context import Context
from timbre_common import hlink, protocol
from timbre_common.names import DEFAULT_ROOM
from timbre_common.protocol import ContextCancel, ErrorCode, PlaybackUpdate, SessionReady, SessionStart, TextSpeak


class Control:
    """One connection's control messages. Answers are queued in its session."""

    def __init__(self, context: Context, start: SessionStart) -> None:
        """Raises Refused for a token that does not do, InvalidInput for what there is not."""
        settings = context.settings
        limits = Limits(settings.ahead, settings.max_lag, settings.client_bytes)
        self.session = Session(context.grant(start.token), limits)
        self._context = context
        self._rate = Rate(settings.speak_per_minute)
        self._start(start)

    def handle(self, message: protocol.ClientMessage) -> None:
        """Raises Refused, InvalidInput."""
        match message:
            case SessionStart():
                if message.token is not None:
                    self.session.grant = self._context.grant(message.token)
                self._start(message)
            case PlaybackUpdate():
                self._played(message)
            case ContextCancel():
                self._cancel(message)
            case TextSpeak():
                self._speak(message)

    def _start(self, start: SessionStart) -> None:
        session, hub = self.session, self._context.hub
        session.start(start)
        session.put(
            SessionReady(
                session_id=session.session_id,
                agents=hub.agents_for(session),
                rooms=hub.rooms(session),
                encoding=session.encoding.name.lower(),
                can_speak=session.grant.may_speak,
                server=self._context.server,
                event_id=start.event_id,
            )
        )
        session.put(hub.status_for(session))
        hub.enter(session, start.resume or [], time.monotonic())

    def _played(self, message: PlaybackUpdate) -> None:
        stream = self.session.streams.get(message.context_id)
        if stream is None:
            return
        stream.played(message.played_ms)
        if message.first_audio_ms is not None and not stream.reported:
            stream.reported = True
            self._context.metrics.client_time_to_first_audio.observe(message.first_audio_ms / 1000)
        if message.underruns is not None:
            self._context.metrics.underruns.inc(stream.underruns(message.underruns))

    def _cancel(self, message: ContextCancel) -> None:
        recording = self._context.hub.find(message.context_id)
        if recording is None or not self.session.hears(recording) or recording.over:
            self.session.error(
                ErrorCode.UNKNOWN_CONTEXT,
                "this utterance is over or unknown",
                event_id=message.event_id,
                context_id=message.context_id,
            )
            return
        stream = self.session.streams.get(message.context_id)
        if stream:
            self._context.metrics.frames_dropped.labels("cancelled").inc(stream.unsent_frames)
        cancelled = self._context.dispatcher.cancel(message.context_id, message.played_ms)
        if cancelled and not stream:
            # What still waits for the floor has no stream that would bring the answer.
            self.session.put(cancelled)

    def _speak(self, message: TextSpeak) -> None:
        session = self.session
        room = message.room or DEFAULT_ROOM
        agent_id = message.agent_id.strip().lower()
        if not session.grant.may_speak or not session.grant.allows_room(room):
            session.error(ErrorCode.FORBIDDEN, "the token does not allow to speak here", event_id=message.event_id)
        elif wait := self._rate.take(time.monotonic()):
            session.put(
                protocol.Error(
                    code=ErrorCode.RATE_LIMITED,
                    message="too many text.speak messages",
                    event_id=message.event_id,
                    retry_after_ms=round(wait * 1000),
                )
            )
        elif not session.grant.allows_agent(agent_id) or not self._say(agent_id, room, message):
            session.error(ErrorCode.UNKNOWN_AGENT, "no voice speaks for this agent", event_id=message.event_id)

    def _say(self, agent_id: str, room: str, message: TextSpeak) -> bool:
        request = hlink.Message(
            type=hlink.MessageType.TTS_REQUEST,
            sender=hlink.Sender(agent_id=agent_id, role="listener"),
            recipient=hlink.Recipient(target="broadcast", room=room),
            payload=hlink.Payload(content=message.text, emotion=message.emotion, language=message.language),
        )
        return self._context.dispatcher.accept(request) is Outcome.SPOKEN
