"""Identities.

* A **node id** names one start of one process (an *incarnation*): a random 48-bit number, never used
  again. 0 means "the coordinator, whoever that is now".
* An **object id** is a number given by the node that made the object (its *home*); with the home's
  node id it is unique in the cluster. Goroutines are objects of the node that spawned them.
"""

from __future__ import annotations

__all__ = ["COORDINATOR", "NODE_BITS", "node_name", "object_name"]

COORDINATOR = 0
NODE_BITS = 48


def node_name(node: int) -> str:
    """A short name of a node for people: the first four hex digits of its id."""
    return f"{node:012x}"[:4]


def object_name(home: int, number: int) -> str:
    """A short name of an object for people, e.g. ``7f3a-12``."""
    return f"{node_name(home)}-{number}"
