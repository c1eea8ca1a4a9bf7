"""Whether to look for input a moment longer before one sleeps.

To wake a process that sleeps takes the kernel 25 to 60 µs, longer than dgo needs for a message. In a conversation the
answer often comes soon, and a process that goes on looking has it at once. But to look in vain takes time from others.
So a process looks only while that pays, and learns that from how long it has been idle each time:

* input that came within ``LOOK_SECONDS`` pays for two looks in vain,
* input that came in twice that time pays for an eighth of one: perhaps it comes sooner if everybody looks,
* a look in vain is paid for, and without means there is none.

Invariant: ``0 <= means <= MOST``. So a process that nobody talks to does not look at all, and one that is spoken to now
and then looks next to never.
"""

from __future__ import annotations

__all__ = ["LOOK_SECONDS", "Eagerness"]

LOOK_SECONDS = 200e-6
PRICE = 8  # of a look in vain
SOON = 16  # what input pays that came within LOOK_SECONDS
RATHER_SOON = 1  # within twice that time
MOST = 64


class Eagerness:
    """What one process has learnt.

    Attributes:
        means: for looks in vain.
    """

    __slots__ = ("means",)

    def __init__(self) -> None:
        self.means = 0

    def looks(self) -> bool:
        """Whether to look before the next sleep."""
        return self.means >= PRICE

    def idled(self, seconds: float, looked: bool) -> None:
        """It had nothing to do for so long, and has ``looked`` first."""
        if seconds < LOOK_SECONDS:
            self.means = min(MOST, self.means + SOON)
            return
        if looked:
            self.means -= PRICE
        if seconds < 2 * LOOK_SECONDS:
            self.means = min(MOST, self.means + RATHER_SOON)

    def check(self) -> None:
        """Asserts the invariant at the head of this module."""
        assert 0 <= self.means <= MOST
