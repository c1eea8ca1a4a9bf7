"""``@simulate``: one test, many schedules."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

from dgo.testing.cluster import LocalCluster
from dgo.testing.standard import virtual_standard_library

__all__ = ["simulate"]

F = TypeVar("F", bound=Callable[..., Any])

CLUSTER = "cluster"  # the parameter of a test that wants the simulated cluster
SHOWN = 40  # lines of the trace
STEPS = 200_000
NO_FAILURE = frozenset({"Skipped", "XFailed"})  # what test frameworks raise for other ends


@overload
def simulate(test: F, /) -> F: ...


@overload
def simulate(*, seeds: int = 200, nodes: int = 3, first: int = 0, steps: int = STEPS) -> Callable[[F], F]: ...


def simulate(
    test: Callable[..., Any] | None = None,
    /,
    *,
    seeds: int = 200,
    nodes: int = 3,
    first: int = 0,
    steps: int = STEPS,
) -> Any:
    """Runs a test many times, each time under another schedule of a simulated cluster.

    The test's body is the driver's main program of a fresh ``LocalCluster(explore=True)``. The seed decides which
    goroutine runs next, where it is switched out, and how long each message takes; the first seed under which
    the test fails is printed, with the end of its trace, and the same seed gives the same run again::

        @dgo.testing.simulate(seeds=200)
        def test_nothing_is_lost():
            ...

        $ pytest -k test_nothing_is_lost                 # seed 17 failed
        $ DGO_SEED=17 pytest -k test_nothing_is_lost     # that run alone

    A run fails if the body raises, if everything sleeps for ever, if a goroutine ends with an exception that nobody
    asks for, and if the run does not end within ``steps``. A test that has a parameter ``cluster`` gets the
    ``LocalCluster``, to kill workers, say; other parameters are passed through, so fixtures work.

    ``time.sleep``, ``time.time``, ``time.monotonic`` and ``time.perf_counter`` show virtual time meanwhile (called
    as attributes of ``time``), and the module ``random`` begins with the seed. Not simulated: threads, sockets, files
    and subprocesses, ``datetime.now()``, ``uuid``, ``secrets``, the data of imported modules (all nodes are in one
    process and see the same), and computing takes no time: a loop without any operation of dgo is never
    interrupted. A test that goes by such things may fail under one seed and pass when that is run again.

    The environment has the last word: ``DGO_SEED=17`` runs that seed only, ``DGO_SEEDS=5000`` so many of them.

    Args:
        test: the test, if the decorator is used without arguments.
        seeds: how many schedules.
        nodes: of the cluster, the driver included.
        first: the first seed.
        steps: after so many turns of goroutines a run counts as endless.

    Raises:
        TypeError: you: the test is a coroutine function or a generator; or a number is no integer.
        ValueError: you: less than one seed or step, or fewer than two nodes.
    """
    for name, number, least in (("seeds", seeds, 1), ("nodes", nodes, 2), ("first", first, 0), ("steps", steps, 1)):
        if type(number) is not int:
            raise TypeError(f"simulate({name}=...) takes an integer, not {number!r:.80}")
        if number < least:
            raise ValueError(f"simulate({name}={number}): at least {least}")

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(test):
            raise TypeError(f"simulate() decorates a test function, not {test!r:.80}; its arguments have names")
        for kind, wrong in (("coroutine", inspect.iscoroutinefunction), ("generator", inspect.isgeneratorfunction)):
            if wrong(test):
                raise TypeError(
                    f"simulate() runs plain functions, and {test.__name__} is a {kind} function: start goroutines in it"
                )
        signature = inspect.signature(test)

        @functools.wraps(test)
        def run(*args: Any, **kwargs: Any) -> None:
            chosen = _seeds(seeds, first)
            for tried, seed in enumerate(chosen, 1):
                _run(test, args, kwargs, CLUSTER in signature.parameters, _Run(seed, tried, len(chosen), nodes, steps))

        # Test frameworks take parameters for fixtures.
        kept = [each for each in signature.parameters.values() if each.name != CLUSTER]
        run.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined] # inspect looks for it
        return run

    return decorate if test is None else decorate(test)


def _seeds(seeds: int, first: int) -> range:
    only = _number("DGO_SEED")
    if only is not None:
        return range(only, only + 1)
    many = _number("DGO_SEEDS")
    if many == 0:
        raise ValueError("DGO_SEEDS=0: at least one schedule has to be tried")
    return range(first, first + (seeds if many is None else many))


def _number(name: str) -> int | None:
    text = os.environ.get(name, "")
    if not text:
        return None
    if not text.isdecimal():
        raise ValueError(f"{name}={text!r:.40}: it takes a whole number, e.g. {name}=17")
    return int(text)


class _Run:
    """One of the runs of a test."""

    def __init__(self, seed: int, tried: int, count: int, nodes: int, steps: int) -> None:
        self.seed = seed
        self.tried = tried
        self.count = count
        self.nodes = nodes
        self.steps = steps

    def advice(self, test: Callable[..., Any]) -> str:
        """How to see it again."""
        return (
            f"seed {self.seed} failed ({self.tried} of {self.count} schedules tried); run it again alone: "
            f"DGO_SEED={self.seed} pytest -k {test.__name__}"
        )


def _run(test: Callable[..., Any], args: Any, kwargs: dict[str, Any], wants_cluster: bool, run: _Run) -> None:
    cluster = LocalCluster(run.nodes, run.seed, explore=True, trace=True, steps=run.steps)
    if wants_cluster:
        kwargs = {**kwargs, CLUSTER: cluster}
    with cluster:
        try:
            with virtual_standard_library(cluster.clock, cluster.wall, run.seed):
                cluster.run(test, *args, **kwargs)
            cluster.report_unasked()
            if cluster.panics:
                raise AssertionError("a goroutine ended with an exception that nobody asked for:\n" + cluster.panics[0])
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if type(error).__name__ not in NO_FAILURE:
                _explain(error, run.advice(test), cluster)
            raise


def _explain(error: BaseException, advice: str, cluster: LocalCluster) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in _report(advice, cluster)))
    error.add_note(advice)
    for panic in cluster.panics:
        if panic not in str(error):
            error.add_note(f"meanwhile:\n{panic}")


def _report(advice: str, cluster: LocalCluster) -> Iterable[str]:
    yield advice
    yield "the end of its trace:"
    yield from cluster.events().lines(SHOWN)
