"""Synchronisation objects that are the same in every process.

================  ====================================================
``waitgroup``     WaitGroup
``locks``         Mutex, RWMutex
``once``          Once
``cond``          Cond
``semaphore``     Semaphore
``atomic``        Atomic
``map``           Map
``errgroup``      ErrGroup
``singleflight``  SingleFlight
================  ====================================================

Each has its home in the process that made it; operations travel there. A wait on one of them is a wait like any
other: it has its ``timeout=``, and ends with ``ChannelLost`` when the home dies.
"""

from __future__ import annotations

from dgo.sync.atomic import Atomic
from dgo.sync.cond import Cond, CondStatistics
from dgo.sync.errgroup import ErrGroup
from dgo.sync.locks import Mutex, MutexStatistics, RWMutex, RWMutexStatistics
from dgo.sync.map import Map, MapStatistics
from dgo.sync.once import Once, OnceStatistics
from dgo.sync.semaphore import Semaphore, SemaphoreStatistics
from dgo.sync.singleflight import SingleFlight
from dgo.sync.waitgroup import WaitGroup

__all__ = [
    "Atomic",
    "Cond",
    "CondStatistics",
    "ErrGroup",
    "Map",
    "MapStatistics",
    "Mutex",
    "MutexStatistics",
    "Once",
    "OnceStatistics",
    "RWMutex",
    "RWMutexStatistics",
    "Semaphore",
    "SemaphoreStatistics",
    "SingleFlight",
    "WaitGroup",
]
