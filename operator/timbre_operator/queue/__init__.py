"""The keyed work queue: what is to be reconciled, when, and by how many at once."""

from timbre_operator.queue.key import Key, Kind
from timbre_operator.queue.queue import Queue, Reconcile

__all__ = ["Key", "Kind", "Queue", "Reconcile"]
