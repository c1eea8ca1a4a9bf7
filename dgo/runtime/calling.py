"""Calling a goroutine's function.

The frame of ``call_function`` is below all that a goroutine runs: preemption, and the watch over those who keep
others waiting, look for it. So this module is never compiled (see ``setup.py``): a compiled function has no frame.
"""

from __future__ import annotations

import contextvars
from types import CoroutineType
from typing import TYPE_CHECKING

from dgo.core.goroutine import RETURNED_NONE, Ending, Outcome
from dgo.wire.snapshot import ATOMS, NO_KEYWORDS, freeze

if TYPE_CHECKING:
    from dgo.runtime.execution import Execution, Task

__all__ = ["call_function"]

RETURNED = Ending.RETURNED  # a name of its own: each look into an enum costs


def call_function(execution: Execution, task: Task) -> Outcome | None:
    """Calls the task's function in its carrier, without the lock.

    Returns:
        How it ended; None if it is a coroutine, whose end comes later.
    """
    call = task.call
    try:
        if task.job not in execution.admitted and execution.admit is not None:
            execution.admit(task.job)
        fn, args, kwargs = call.fn, call.args, call.kwargs
        if fn is None and args is not None and call.key is not None:
            fn = execution.code.known(call.key)
        if fn is None or args is None:
            fn, args, kwargs = execution.rebuild(task)
        result = contextvars.Context().run(fn, *args, **(kwargs or NO_KEYWORDS))
        if result is None:
            return RETURNED_NONE
        if type(result) in ATOMS:
            return Outcome(RETURNED, result)
        if type(result) is CoroutineType:
            execution.begin(task, result)
            return None
        return Outcome(RETURNED, freeze(result, "the result"))
    except BaseException as error:  # noqa: BLE001 - whatever ends a goroutine is reported to its spawner
        return execution.failed(task, error)
