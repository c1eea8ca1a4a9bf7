"""Small programs for the explorer: who selects over what, and where the channels live.

Processes are numbers. A program is ``(channels, goroutines)`` as :class:`~tests.model.world.World` takes them:
``(home, capacity)`` of each channel, ``(process, operations)`` of each goroutine.
"""

from __future__ import annotations

from typing import Any

from .world import World

P, Q, R = 3, 4, 5  # processes


def select(*cases: tuple[int, str | None], flags: tuple[str, ...] = ()) -> tuple[Any, ...]:
    """A select of ``(channel, value)``; the value None receives."""
    return ("select", list(cases), flags)


DEFAULT = ("default",)
TIMEOUT = ("timeout",)


def crossed(
    p: int, q: int, first: tuple[str, ...] = (), second: tuple[str, ...] = ()
) -> list[tuple[int, tuple[Any, ...]]]:
    """One offers to send 0 or receive 1, the other to receive 0 or send 1."""
    return [
        (p, (select((0, "a"), (1, None), flags=first),)),
        (q, (select((0, None), (1, "b"), flags=second),)),
    ]


def ring(*processes: int, flags: tuple[str, ...] = ()) -> list[tuple[int, tuple[Any, ...]]]:
    """Each offers to send to its own channel or to receive from the next one's."""
    count = len(processes)
    return [
        (process, (select((i, f"v{i}"), ((i + 1) % count, None), flags=flags),)) for i, process in enumerate(processes)
    ]


#: name -> the arguments of a World. All small enough to be visited in seconds.
SMALL: dict[str, dict[str, Any]] = {
    "crossed, each home has one of them": {"channels": [(P, 0), (Q, 0)], "goroutines": crossed(P, Q)},
    "crossed, homes elsewhere": {"channels": [(1, 0), (2, 0)], "goroutines": crossed(P, Q), "eager": (P, Q)},
    "crossed, one home for both": {"channels": [(P, 0), (P, 0)], "goroutines": crossed(P, Q)},
    "crossed, buffered": {"channels": [(P, 1), (Q, 2)], "goroutines": crossed(P, Q)},
    "crossed, both with default": {"channels": [(P, 0), (Q, 0)], "goroutines": crossed(P, Q, DEFAULT, DEFAULT)},
    "crossed, one with default": {"channels": [(P, 0), (Q, 0)], "goroutines": crossed(P, Q, DEFAULT)},
    "crossed, both with timeouts": {"channels": [(P, 0), (Q, 0)], "goroutines": crossed(P, Q, TIMEOUT, TIMEOUT)},
    "crossed, one may die": {"channels": [(P, 0), (Q, 0)], "goroutines": crossed(P, Q), "kill": (P, Q)},
    "ring of three": {"channels": [(P, 0), (Q, 0), (R, 0)], "goroutines": ring(P, Q, R)},
    "ring of three, two processes": {"channels": [(P, 0), (Q, 0), (Q, 0)], "goroutines": ring(P, Q, Q)},
    "ring of three, choices the other way": {
        "channels": [(P, 0), (Q, 0), (Q, 0)],
        "goroutines": ring(P, Q, Q),
        "last": True,
    },
    "a select and two that wait for it": {
        "channels": [(P, 0), (Q, 0)],
        "goroutines": [(P, (select((0, "a"), (1, None)),)), (Q, (("recv", 0),)), (Q, (("send", 1, "z"),))],
    },
    "two offer both ends of one channel": {
        "channels": [(P, 0)],
        "goroutines": [(Q, (select((0, "a"), (0, None)),)), (R, (select((0, "b"), (0, None)),))],
    },
    "both ends of one channel and another home": {
        "channels": [(P, 0), (Q, 0)],
        "goroutines": [
            (P, (select((0, "a"), (0, None), (1, "x")),)),
            (Q, (select((0, "b"), (0, None), (1, None)),)),
        ],
    },
    "a close among crossed selects": {
        "channels": [(P, 0), (Q, 0)],
        "goroutines": [*crossed(P, Q), (Q, (("close", 0),))],
    },
    "two receives from buffers, and a close": {
        "channels": [(P, 1), (Q, 1)],
        "goroutines": [
            (P, (select((0, None), (1, None)), select((0, None), (1, None)))),
            (Q, (("send", 0, "p"), ("close", 0))),
            (P, (("send", 1, "q"),)),
        ],
    },
    "a default whose partner may die or be gone, and another one behind it": {
        "channels": [(P, 0), (Q, 0)],
        "goroutines": [
            (Q, (select((0, None), (1, None)),)),
            (P, (("recv", 0),)),
            (P, (select((0, "a"), flags=DEFAULT),)),
            (Q, (("send", 1, "z"),)),
        ],
        "kill": (Q,),
    },
    "a receive that may time out": {
        "channels": [(P, 1)],
        "goroutines": [(Q, (("recv", 0, "timeout"),)), (P, (("send", 0, "a"),))],
    },
    "a whole select that may time out": {
        "channels": [(P, 0), (P, 0)],
        "goroutines": [(Q, (select((0, None), (1, "b"), flags=TIMEOUT),)), (R, (("send", 0, "a", "timeout"),))],
    },
}

#: A value moves from one buffer to another and is always in one of them: the default must never be taken.
ALWAYS_READY: dict[str, Any] = {
    "channels": [(P, 1), (Q, 1)],
    "goroutines": [(Q, (("send", 1, "q"), ("recv", 0))), (R, (select((0, None), (1, None), flags=DEFAULT),))],
    "filled": {0: "p"},
}

#: The same with one of the homes where the select is.
ALWAYS_READY_HERE: dict[str, Any] = {
    **ALWAYS_READY,
    "goroutines": [ALWAYS_READY["goroutines"][0], (P, (select((0, None), (1, None), flags=DEFAULT),))],
}

NEVER_READY: dict[str, Any] = {**ALWAYS_READY, "goroutines": [(Q, ()), ALWAYS_READY["goroutines"][1]], "filled": {}}

#: These take minutes together.
LARGE: dict[str, dict[str, Any]] = {
    "a default elsewhere whose partner may die, and another one behind it": {
        "channels": [(P, 0), (Q, 0)],
        "goroutines": [
            (Q, (select((0, None), (1, None)),)),
            (P, (("recv", 0),)),
            (R, (select((0, "a"), (1, "b"), flags=DEFAULT),)),
        ],
        "kill": (Q,),
    },
    "ring of four, two processes": {
        "channels": [(P, 0), (Q, 0), (P, 0), (Q, 0)],
        "goroutines": ring(P, Q, P, Q),
    },
    "ring of four, two processes, one may die": {
        "channels": [(P, 0), (Q, 0), (P, 0), (Q, 0)],
        "goroutines": ring(P, Q, P, Q),
        "kill": (P, Q),
    },
    "mixed: three selects, a close, a timeout and a default, one may die": {
        "channels": [(P, 0), (Q, 1)],
        "goroutines": [
            (P, (select((0, "a"), (1, None), flags=TIMEOUT),)),
            (Q, (select((0, None), (1, "b")),)),
            (Q, (select((0, None), (1, "y"), flags=DEFAULT),)),
            (P, (("close", 1),)),
        ],
        "kill": (P, Q),
    },
    "whole selects of two processes at one home, one may die": {
        "channels": [(P, 0), (P, 1)],
        "goroutines": [*crossed(Q, R), (P, (select((0, None), (1, None)),))],
        "kill": (Q,),
    },
    "ring of three, one may die": {
        "channels": [(P, 0), (Q, 0), (Q, 0)],
        "goroutines": ring(P, Q, Q),
        "kill": (P, Q),
    },
    "ring of three, all with timeouts": {
        "channels": [(P, 0), (Q, 0), (Q, 0)],
        "goroutines": ring(P, Q, Q, flags=TIMEOUT),
    },
    "ring of three, three processes, one may die": {
        "channels": [(P, 0), (Q, 0), (R, 0)],
        "goroutines": ring(P, Q, R),
        "kill": (P,),
    },
    "crossed selects and a third that receives from both": {
        "channels": [(P, 0), (Q, 0)],
        "goroutines": [*crossed(P, Q), (R, (select((0, None), (1, None)),))],
    },
    "crossed with default, one may die": {
        "channels": [(P, 0), (Q, 0)],
        "goroutines": crossed(P, Q, DEFAULT),
        "kill": (P, Q),
    },
    "mixed: three selects over two homes": {
        "channels": [(P, 0), (Q, 1)],
        "goroutines": [
            (P, (select((0, "a"), (0, None), (1, "x")),)),
            (Q, (select((0, "b"), (1, None)),)),
            (Q, (select((0, None), (1, "y")),)),
        ],
    },
}


#: Minutes alone: for ``python -m tests.model``.
HUGE: dict[str, dict[str, Any]] = {
    "three selects elsewhere over two homes": {
        "channels": [(P, 0), (Q, 0)],
        "goroutines": [*crossed(R, 6), (7, (select((0, None), (1, None)),))],
        "eager": (R, 6, 7),
    },
}


def world(program: dict[str, Any], **more: Any) -> World:
    """The world of a program."""
    return World(**{**program, **more})
