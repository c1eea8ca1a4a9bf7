"""Synchronisation objects that are the same in every process.

================  ====================================================
``errgroup``      ErrGroup
``singleflight``  SingleFlight
``waitgroup``     WaitGroup
================  ====================================================
"""

from __future__ import annotations

from dgo.sync.errgroup import ErrGroup
from dgo.sync.singleflight import SingleFlight
from dgo.sync.waitgroup import WaitGroup

__all__ = ["ErrGroup", "SingleFlight", "WaitGroup"]
