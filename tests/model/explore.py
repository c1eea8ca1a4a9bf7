"""Visits every state that a world can reach."""

from __future__ import annotations

import pickle
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .world import World

__all__ = ["Found", "Violation", "explore", "wander"]


class Violation(AssertionError):
    """A property does not hold; the message has the events that lead there."""


@dataclass
class Found:
    """What an exploration has seen."""

    states: int = 0
    ends: int = 0
    acyclic: bool = False
    outcomes: set[Any] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.states} states, {self.ends} ends, {len(self.outcomes)} outcomes, "
            f"{'no cycle' if self.acyclic else 'CYCLES'}"
        )


def explore(world: World, limit: int = 400_000) -> Found:
    """Breadth first, so that the shortest way to a violation is found.

    Raises:
        Violation: with the way.
    """
    found = Found()
    first = pickle.dumps(world, 5)
    known = {hash(first): 0}
    came_from: list[tuple[int, Any]] = [(-1, None)]
    edges: list[list[int]] = []
    todo = deque([first])
    while todo:
        state = todo.popleft()
        here = len(edges)
        out: list[int] = []
        world = pickle.loads(state)
        actions = world.actions()
        try:
            world.check(not actions)
        except AssertionError as error:
            raise Violation(f"{error}\n  after {_way(came_from, here)}") from error
        if not actions:
            found.ends += 1
            found.outcomes.add(world.outcome())
        for action in actions:
            world = pickle.loads(state)
            try:
                world.act(action)
            except AssertionError as error:
                raise Violation(f"{error!r} in {action}\n  after {_way(came_from, here)}") from error
            after = pickle.dumps(world, 5)
            key = hash(after)
            number = known.get(key)
            if number is None:
                number = known[key] = len(came_from)
                came_from.append((here, action))
                todo.append(after)
                if number > limit:
                    raise Violation(f"more than {limit} states: does it end?")
            out.append(number)
        edges.append(out)
    found.states = len(edges)
    found.acyclic = _acyclic(edges)
    return found


def _way(came_from: list[tuple[int, Any]], state: int) -> str:
    way = []
    while state > 0:
        state, action = came_from[state]
        way.append(" ".join(map(str, action)))
    return ", ".join(reversed(way))


def _acyclic(edges: list[list[int]]) -> bool:
    incoming = [0] * len(edges)
    for out in edges:
        for target in out:
            incoming[target] += 1
    ready = [state for state, count in enumerate(incoming) if not count]
    seen = 0
    while ready:
        seen += 1
        for target in edges[ready.pop()]:
            incoming[target] -= 1
            if not incoming[target]:
                ready.append(target)
    return seen == len(edges)


def wander(world: World, seed: int, limit: int = 5000) -> int:
    """One random run; returns its number of events.

    Raises:
        Violation: with the seed.
    """
    choose = random.Random(seed)
    way = []
    for count in range(limit):
        actions = world.actions()
        try:
            world.check(not actions)
            if not actions:
                return count
            action = choose.choice(actions)
            way.append(action)
            world.act(action)
        except AssertionError as error:
            raise Violation(f"seed {seed}: {error!r} after {way}") from error
    raise Violation(f"seed {seed}: no end after {limit} events")
