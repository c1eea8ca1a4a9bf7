"""Calling a goroutine's function.

The frame of ``call_function`` is below all that a goroutine runs: preemption, and the watch over those who keep
others waiting, look for it. So this module is never compiled (see ``setup.py``): a compiled function has no frame.

Each goroutine has context variables of its own, none at first: a carrier's context (``gr_context``) is empty whenever
it begins one. So no ``Context.run``, one more call through C, stands between it and the function.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING

from dgo.core.goroutine import RETURNED_NONE, Ending, Outcome
from dgo.wire.snapshot import ATOMS, NO_KEYWORDS, freeze

if TYPE_CHECKING:
    from dgo.runtime.execution import Execution
    from dgo.runtime.task import Task

__all__ = ["call_function"]

RETURNED = Ending.RETURNED  # a name of its own: each look into an enum costs


def call_function(execution: Execution, task: Task) -> Outcome | None:
    """Calls the task's function in its carrier, without the lock.

    Returns:
        How it ended; None if it is a coroutine, whose end comes later.
    """
    call = task.call
    assert call is not None, "a task is called once"
    try:
        if task.job not in execution.admitted and execution.admit is not None:
            execution.admit(task.job)
        fn, args, kwargs = call.fn, call.args, call.kwargs
        if fn is None and args is not None and call.key is not None:
            fn = execution.code.known(call.key)
        if fn is None or args is None:
            fn, args, kwargs = execution.rebuild(task, call)
        task.call = call = None  # what it was given is the goroutine's own now (one that may be run again keeps it)
        # The fewer calls go through C, the smaller is the stack that a parked goroutine keeps: a call of a few
        # positional arguments does not.
        count = -1 if kwargs else len(args)
        if count == 2:
            first, second = args
            args = ()
            result = fn(first, second)
        elif count == 1:
            (first,) = args
            args = ()
            result = fn(first)
        elif count == 0:
            result = fn()
        else:
            result = fn(*args, **(kwargs or NO_KEYWORDS))
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
