"""Synchronisation objects that are the same in every process.

=============  ====================================================
``waitgroup``  WaitGroup
=============  ====================================================
"""

from __future__ import annotations

from dgo.sync.waitgroup import WaitGroup

__all__ = ["WaitGroup"]
