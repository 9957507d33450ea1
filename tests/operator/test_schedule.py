from random import Random

from timbre_common.backoff import Backoff
from timbre_operator.queue.schedule import Schedule


def schedule() -> Schedule[str]:
    return Schedule(lambda: Backoff(first=1.0, cap=8.0, floor=0.25, random=Random(1)))


def test_a_key_added_often_runs_once() -> None:
    due = schedule()
    for _ in range(1000):
        due.add("a", 1.0)
    assert due.take(0.9) is None
    assert due.take(1.0) == "a"
    assert due.take(1.0) is None
    due.succeeded("a")
    assert len(due) == 0 and due.next_due() is None


def test_the_earliest_wish_counts() -> None:
    due = schedule()
    due.add("a", 10.0)
    due.add("a", 2.0)
    due.add("a", 5.0)
    assert due.next_due() == 2.0
    assert due.take(2.0) == "a"
    due.succeeded("a")
    assert due.take(100.0) is None


def test_a_key_never_runs_twice_at_once_but_once_more_where_it_was_asked_for_meanwhile() -> None:
    due = schedule()
    due.add("a", 0.0)
    assert due.take(0.0) == "a"
    due.add("a", 1.0)
    due.add("a", 1.0)
    assert due.take(5.0) is None and due.next_due() is None
    due.succeeded("a")
    assert due.take(5.0) == "a"
    due.succeeded("a")
    assert due.take(50.0) is None


def test_one_key_that_fails_does_not_hold_up_another() -> None:
    due = schedule()
    due.add("bad", 0.0)
    assert due.take(0.0) == "bad"
    due.failed("bad", 0.0)
    due.add("good", 0.0)
    assert due.take(0.0) == "good"


def test_failures_are_tried_again_for_ever_at_growing_capped_intervals() -> None:
    due, now, waits = schedule(), 0.0, []
    due.add("a", now)
    for _ in range(200):
        assert due.take(now) == "a"
        waits.append(due.failed("a", now))
        now += waits[-1]
    assert min(waits) >= 0.25 and max(waits) <= 8.0
    assert sum(waits[100:]) / 100 > sum(waits[:3]) / 3
    assert len(due) == 1


def test_a_success_forgets_the_failures() -> None:
    due, now = schedule(), 0.0
    due.add("a", now)
    for _ in range(20):
        due.take(now)
        now += due.failed("a", now)
    due.take(now)
    due.succeeded("a", again=now)
    due.take(now)
    assert due.failed("a", now) <= 1.0


def test_what_cannot_help_waits_longer_unless_something_changed_meanwhile() -> None:
    due = schedule()
    due.add("a", 0.0)
    due.take(0.0)
    assert due.failed("a", 0.0, at_least=60.0) == 60.0
    due.add("a", 3.0)
    assert due.take(3.0) == "a"
    due.add("a", 3.1)
    assert due.failed("a", 3.2, at_least=60.0) < 60.0


def test_a_pass_may_ask_for_the_next_one() -> None:
    due = schedule()
    due.add("a", 0.0)
    due.take(0.0)
    due.succeeded("a", again=30.0)
    assert due.take(29.0) is None and due.next_due() == 30.0
    assert due.take(30.0) == "a"


def test_what_is_held_does_not_grow_with_the_runs() -> None:
    """Each run plans the next one for far away, and an event comes before it."""

    def size(runs: int) -> int:
        due = schedule()
        for _ in range(runs):
            due.add("a", 0.0)
            assert due.take(0.0) == "a"
            due.succeeded("a", again=1e6)
        return len(repr(due))

    assert size(1000) == size(1)
