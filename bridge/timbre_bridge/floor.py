"""Floor control of one room, pure: who speaks, who is being prepared, who waits.

An utterance is *made* by an engine and goes on *air* to listeners. While one is on air, the next may already be made,
once the engine has finished the one on air: so the turn passes without a gap.
"""

from dataclasses import dataclass
from enum import Enum

from timbre_bridge.settings import FloorPolicy
from timbre_bridge.utterance import Utterance


class Act(Enum):
    """What is to be done with an utterance."""

    MAKE = "make"
    AIR = "air"
    REPLACE = "replace"
    EXPIRE = "expire"
    REFUSE = "refuse"


Action = tuple[Act, str]
"""(act, context_id)"""


@dataclass(frozen=True)
class _Place:
    """A place in the queue."""

    utterance: Utterance
    expires_at: float


class Floor:
    """The floor of one room. Every method returns the actions that follow, in order."""

    def __init__(self, policy: FloorPolicy, waiting_per_agent: int, max_wait: float) -> None:
        self._policy = policy
        self._waiting_per_agent = waiting_per_agent
        self._max_wait = max_wait
        self._waiting: list[_Place] = []
        self._on_air: dict[str, Utterance] = {}
        self._prepared: str | None = None
        self._made: set[str] = set()

    @property
    def idle(self) -> bool:
        """Whether nobody speaks, is prepared or waits."""
        return not (self._on_air or self._waiting or self._prepared)

    @property
    def waiting(self) -> list[Utterance]:
        """Who waits, in the order in which they will speak."""
        return [place.utterance for place in self._waiting]

    def request(self, utterance: Utterance, now: float) -> list[Action]:
        """An utterance wants the floor."""
        if self._policy is FloorPolicy.MIX:
            mine = sum(other.agent_id == utterance.agent_id for other in self._on_air.values())
            if mine >= self._waiting_per_agent:
                return [(Act.REFUSE, utterance.context_id)]
            return self._air(utterance, make=True)
        actions: list[Action] = []
        if self._policy is FloorPolicy.REPLACE:
            actions = self._replace(utterance)
        mine = sum(place.utterance.agent_id == utterance.agent_id for place in self._waiting)
        if mine >= self._waiting_per_agent:
            return [*actions, (Act.REFUSE, utterance.context_id)]
        expires_at = min(now + self._max_wait, utterance.expires_at or float("inf"))
        self._waiting.append(_Place(utterance, expires_at))
        self._waiting.sort(key=lambda place: -place.utterance.priority)
        return actions + self._advance(now)

    def made(self, context_id: str, now: float) -> list[Action]:
        """The engine has finished this utterance; the listeners may still be playing it."""
        self._made.add(context_id)
        return self._advance(now)

    def ended(self, context_id: str, now: float) -> list[Action]:
        """The utterance is over: played, cancelled, failed or gone from the queue."""
        self._on_air.pop(context_id, None)
        self._made.discard(context_id)
        self._waiting = [place for place in self._waiting if place.utterance.context_id != context_id]
        if self._prepared == context_id:
            self._prepared = None
        return self._advance(now)

    def tick(self, now: float) -> list[Action]:
        """Expire what has waited too long."""
        return self._expire(now)

    def _replace(self, utterance: Utterance) -> list[Action]:
        lower = [other for other in [*self._on_air.values(), *self.waiting] if other.priority <= utterance.priority]
        return [(Act.REPLACE, other.context_id) for other in lower]

    def _advance(self, now: float) -> list[Action]:
        actions = self._expire(now)
        if not self._waiting:
            return actions
        head = self._waiting[0].utterance
        ready = self._prepared == head.context_id
        if not self._on_air:
            self._waiting.pop(0)
            if ready:
                self._prepared = None
            return actions + self._air(head, make=not ready)
        if self._prepared is None and self._on_air.keys() <= self._made:
            self._prepared = head.context_id
            actions.append((Act.MAKE, head.context_id))
        return actions

    def _air(self, utterance: Utterance, *, make: bool) -> list[Action]:
        self._on_air[utterance.context_id] = utterance
        actions = [(Act.AIR, utterance.context_id)]
        return [(Act.MAKE, utterance.context_id), *actions] if make else actions

    def _expire(self, now: float) -> list[Action]:
        expired = [place for place in self._waiting if place.expires_at <= now]
        self._waiting = [place for place in self._waiting if place not in expired]
        return [(Act.EXPIRE, place.utterance.context_id) for place in expired]
