"""Which node this process (or, in a simulation, this moment) belongs to."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dgo.runtime.node import Node

__all__ = ["get", "peek", "set_current", "set_starter"]

_node: Node | None = None
_starter: Callable[[], Node] | None = None


def get() -> Node:
    """The node; starts an embedded cluster on first use in a driver."""
    if _node is not None:
        return _node
    if _starter is None:  # a module of dgo's is used, and no name of the package has been yet, which brings this one
        importlib.import_module("dgo.driver")
    assert _starter is not None
    return _starter()


def peek() -> Node | None:
    """The node, or None if nothing has been started."""
    return _node


def set_current(node: Node | None) -> None:
    """Makes ``node`` the one that ``get`` returns."""
    global _node
    _node = node


def set_starter(starter: Callable[[], Node]) -> None:
    """What ``get`` calls when there is no node yet."""
    global _starter
    _starter = starter
