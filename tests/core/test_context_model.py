"""A tree of contexts agrees with a table of parents, kinds and causes."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dgo.core.context import CANCELLED, EXPIRED, LIVE, Context
from dgo.errors import Cancelled

from .tools import MANY, Local, Remote, run


class Node:
    """What the reference knows of one context."""

    def __init__(self, context: Context, parent: Node | None, deadline: float | None) -> None:
        self.context = context
        self.parent = parent
        self.deadline = deadline
        self.kind, self.cause = LIVE, None
        self.watchers: list[Local] = []
        self.receivers: list[Local] = []

    def below(self, other: Node) -> bool:
        node: Node | None = self
        while node is not None and node is not other:
            node = node.parent
        return node is other


class Releases:
    """A keeper that counts."""

    def __init__(self) -> None:
        self.count = 0

    def release(self) -> None:
        self.count += 1


class ContextModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.told: list[tuple[Local, int, Any]] = []
        self.closed: list[Local] = []
        self.withdrawn: list[Local] = []

    def pick(self, data: Any) -> Node:
        node: Node = data.draw(st.sampled_from(self.nodes))
        return node

    @rule(deadline=st.none() | st.floats(1, 100))
    def root(self, deadline: float | None) -> None:
        self.add(None, deadline)

    @precondition(lambda self: self.nodes)
    @rule(data=st.data(), deadline=st.none() | st.floats(1, 100))
    def derive(self, data: Any, deadline: float | None) -> None:
        self.add(self.pick(data), deadline)

    def add(self, parent: Node | None, deadline: float | None) -> None:
        context = Context(Releases())
        if parent is not None:
            parent.context.adopt(context)
        if deadline is not None:
            earlier = parent is None or parent.deadline is None or deadline < parent.deadline
            assert context.limit(deadline, deadline + 1000) == earlier
        known = [d for d in (deadline, parent.deadline if parent else None) if d is not None]
        node = Node(context, parent, min(known, default=None))
        if parent is not None:
            node.kind, node.cause = parent.kind, parent.cause
        self.nodes.append(node)

    @precondition(lambda self: self.nodes)
    @rule(data=st.data(), kind=st.sampled_from([CANCELLED, EXPIRED]), cause=st.none() | st.integers())
    def cancel(self, data: Any, kind: int, cause: Any) -> None:
        target = self.pick(data)
        assert target.context.cancel(kind, cause) == (target.kind == LIVE)
        if target.kind != LIVE:
            return
        for node in self.nodes:
            if node.kind == LIVE and node.below(target):
                node.kind, node.cause = kind, cause
                self.told += [(ticket, kind, cause) for ticket in node.watchers]
                self.closed += node.receivers
                node.watchers, node.receivers = [], []

    @precondition(lambda self: self.nodes)
    @rule(data=st.data())
    def watch(self, data: Any) -> None:
        node, ticket = self.pick(data), Local()
        node.context.watch(ticket)
        if node.kind == LIVE:
            node.watchers.append(ticket)
        else:
            self.told.append((ticket, node.kind, node.cause))

    @precondition(lambda self: self.nodes)
    @rule(data=st.data(), make=st.sampled_from([Local, Remote]))
    def receive(self, data: Any, make: type[Local]) -> None:
        node, ticket = self.pick(data), make()
        node.context.recv(ticket)
        (self.closed if node.kind != LIVE else node.receivers).append(ticket)

    @precondition(lambda self: any(node.watchers or node.receivers for node in self.nodes))
    @rule(data=st.data())
    def withdraw(self, data: Any) -> None:
        waiting = [(node.watchers, t) for node in self.nodes for t in node.watchers]
        waiting += [(node.receivers, t) for node in self.nodes for t in node.receivers]
        tickets, ticket = data.draw(st.sampled_from(waiting))
        assert ticket.cancel(Cancelled())
        tickets.remove(ticket)
        self.withdrawn.append(ticket)

    @invariant()
    def it_agrees(self) -> None:
        for node in self.nodes:
            context = node.context
            context.check()
            assert (context.kind, context.cause) == (node.kind, node.cause)
            assert context.deadline == node.deadline
            assert context.closed == (node.kind != LIVE)
            assert context.keeper.count == (node.kind != LIVE)  # type: ignore[union-attr]
            children = {n.context for n in self.nodes if n.parent is node and n.kind == LIVE}
            assert set(context.children) == (children if node.kind == LIVE else set())
            assert not any(ticket.done for ticket in (*node.watchers, *node.receivers))
        for ticket, kind, cause in self.told:
            assert (ticket.result.ending, ticket.result.value) == (kind, cause)
        for ticket in self.closed:
            assert ticket.done
            assert not ticket.ok
        assert all(ticket.failed is Cancelled for ticket in self.withdrawn)


def test_contexts_agree_with_a_table():
    run(ContextModel)


@pytest.mark.slow
def test_contexts_agree_with_a_table_in_many_runs():
    run(ContextModel, MANY)


def test_parents_end_before_their_children_in_one_step():
    root, order = Context(), []
    contexts = {"root": root}
    for name, parent in (("a", "root"), ("b", "root"), ("aa", "a"), ("ab", "a")):
        contexts[name] = Context()
        contexts[parent].adopt(contexts[name])
    for name, context in contexts.items():
        ticket = Local()
        ticket.wake = lambda _ticket, name=name: order.append(name)
        context.watch(ticket)
    root.cancel(CANCELLED, None)
    assert order == ["root", "a", "aa", "ab", "b"]


def test_a_deep_chain_is_cancelled_without_recursion():
    chain = [Context()]
    for _ in range(20_000):
        chain.append(Context())
        chain[-2].adopt(chain[-1])
    chain[0].cancel(EXPIRED, None)
    assert all(context.kind == EXPIRED for context in chain)


@pytest.mark.interpreted("the objects of the core are pickled")
def test_a_context_can_be_copied_by_a_checker():
    root, child = Context(), Context()
    root.adopt(child)
    root, child = pickle.loads(pickle.dumps((root, child)))
    root.cancel(CANCELLED, "why")
    assert child.cause == "why"
    child.check()
