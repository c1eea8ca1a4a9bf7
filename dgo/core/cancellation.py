"""What a goroutine, at the worker that runs it, still has to hear of ``cancel()``.

Each call of ``cancel()`` raises one ``Cancelled`` in the goroutine, once::

    pending ──offer──> offered ──verdict──> delivered     (it waits on a ticket, whose verdict may come later)
       ▲                  │
       └──── verdict ─────┘                               (the operation had completed nevertheless)
    pending ──take──> delivered                           (raised where the goroutine computes or sleeps)
    delivered ──unheard──> pending                        (C code has swallowed it: ``went_on``, but unseen)

The spawner says how often ``cancel()`` was called so far, so what it says may be repeated or come late.

A goroutine that catches ``Cancelled`` and goes on is to be told about. It does so if, after a delivery, it is
seen at work while that ``Cancelled`` is no longer being handled.

Invariants:

1. ``requested == pending + (1 if one is offered) + the number delivered``; nothing is negative.
2. At most one is offered at a time, and only one delivered is watched: the last.
"""

from __future__ import annotations

__all__ = ["Cancellation"]

SIGHTINGS = 2  # of a goroutine that computes: it may have been seen in a destructor while the error was in flight


class Cancellation:
    """The calls of ``cancel()`` that concern one goroutine.

    Attributes:
        requested: how often ``cancel()`` was called, as far as is known here.
        pending: how many of these calls the goroutine has not heard of.
        offered: the error given to the ticket on which the goroutine waits, until the ticket's verdict.
        watched: the error delivered last, while it is not known what became of it.
        delivered: how many were delivered.
    """

    __slots__ = ("_sightings", "delivered", "offered", "pending", "requested", "watched")

    def __init__(self) -> None:
        self.requested = 0
        self.pending = 0
        self.offered: BaseException | None = None
        self.watched: BaseException | None = None
        self.delivered = 0
        self._sightings = 0

    def request(self, calls: int) -> bool:
        """``cancel()`` was called ``calls`` times so far; returns False if that was known."""
        if calls <= self.requested:
            return False
        self.pending += calls - self.requested
        self.requested = calls
        return True

    def take(self, error: BaseException) -> BaseException:
        """``error`` is raised in the goroutine now, for one call of ``cancel()``; returns it."""
        assert self.pending, "as many are raised as were asked for"
        self.pending -= 1
        self._deliver(error)
        return error

    def offer(self, error: BaseException) -> BaseException:
        """``error`` is given to the ticket on which the goroutine waits; returns it."""
        assert self.pending, "as many are offered as were asked for"
        assert self.offered is None, "a ticket ends once"
        self.pending -= 1
        self.offered = error
        return error

    def verdict(self, error: BaseException | None) -> None:
        """The ticket ended with ``error``, perhaps another one than was offered, or with none."""
        offered, self.offered = self.offered, None
        if offered is None:
            return
        if error is offered:
            self._deliver(offered)
        else:
            self.pending += 1

    def _deliver(self, error: BaseException) -> None:
        self.delivered += 1
        self.watched = error
        self._sightings = 0

    def unheard(self) -> None:
        """The ``Cancelled`` delivered last has never reached the goroutine's code: it is to be raised again."""
        assert self.delivered, "what was delivered can get lost"
        self.delivered -= 1
        self.pending += 1

    def went_on(self, handling: BaseException | None, certain: bool = True) -> bool:
        """The goroutine is seen at work: True, once, if it has caught the ``Cancelled`` delivered last.

        Args:
            handling: the exception that it is handling (``sys.exception()``).
            certain: False if it may have been interrupted anywhere: then one sighting is not enough.
        """
        watched = self.watched
        if watched is None or _is_in(watched, handling):
            return False
        self._sightings += 1
        if not certain and self._sightings < SIGHTINGS:
            return False
        self.watched = None
        return True

    def check(self) -> None:
        """Asserts the invariants at the head of this module."""
        assert self.pending >= 0
        assert self.requested == self.pending + (self.offered is not None) + self.delivered
        assert self.watched is None or self.delivered

    def __repr__(self) -> str:
        return f"Cancellation({self.pending} of {self.requested} pending)"


def _is_in(error: BaseException, handling: BaseException | None) -> bool:
    """True if ``error`` is being handled: as itself, or as what another exception was raised in the handling of."""
    seen: set[int] = set()
    while handling is not None and id(handling) not in seen:
        if handling is error:
            return True
        seen.add(id(handling))
        handling = handling.__context__
    return False
