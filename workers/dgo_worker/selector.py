"""The selector of every asyncio loop that a worker's program makes: it waits in gevent's hub.

With the standard one a loop that waits would stop the whole process. It is installed as
``selectors.DefaultSelector``, which asyncio asks for, so ``asyncio.run()`` in a plain goroutine, or in a thread,
parks that goroutine or thread only.

All descriptors are in one epoll object, whose own descriptor is the only one that the hub watches.
"""

from __future__ import annotations

import selectors
from typing import Any

import gevent
from gevent import monkey
from gevent.hub import Waiter, get_hub
from greenlet import getcurrent

from dgo.runtime.carrier import Carrier
from dgo.runtime.wrapped import WrappedSelector

__all__ = ["HubSelector", "epoll_selector", "install"]


def epoll_selector() -> selectors.BaseSelector:
    """The standard one, which gevent's patches hide."""
    kind: type[selectors.BaseSelector] = monkey.get_original("selectors", "EpollSelector")
    return kind()


class HubSelector(WrappedSelector):
    """Waits in the hub of the thread that calls ``select``."""

    host: Any = None  # of this process's node

    def __init__(self) -> None:
        super().__init__(epoll_selector())
        self._hub: Any = None
        self._watcher: Any = None
        if self.host is not None:
            self.host.loops_run()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As every selector's; while nothing is ready, others run."""
        ready = self.inner.select(0)
        if timeout is not None and timeout <= 0:
            self._let_others_run()
        elif not ready:
            self._wait(timeout)
            ready = self.inner.select(0)
        return ready

    def _let_others_run(self) -> None:
        """A loop that always has something to do."""
        host = self.host
        if host is None or not (host.carriers.waiting() or host.carriers.tick):
            return
        if type(getcurrent()) is Carrier:
            host.yield_()
        elif get_hub() is host.carriers.hub:  # a greenlet of gevent's in the same thread
            gevent.sleep(0)

    def _wait(self, timeout: float | None) -> None:
        hub = get_hub()
        if self._hub is not hub:
            self._stop_watching()
            self._hub = hub
            self._watcher = hub.loop.io(self.fileno(), 1)
        waiter = Waiter(hub)
        self._watcher.start(waiter.switch, None)
        timer = None
        if timeout is not None:
            timer = hub.loop.timer(timeout)
            timer.start(waiter.switch, None)
        try:
            waiter.get()
        finally:
            self._watcher.stop()
            if timer is not None:
                timer.stop()
                timer.close()

    def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

    def close(self) -> None:
        """As every selector's."""
        self._stop_watching()
        super().close()


def install(host: Any) -> None:
    """From now on every asyncio loop of this process waits so."""
    HubSelector.host = host
    selectors.DefaultSelector = HubSelector  # type: ignore[assignment, misc] # that is the point
