"""Every error that dgo raises, in one tree.

::

    BaseException
    ├── Cancelled                    raised inside a goroutine by its handle's cancel()
    └── Exception
        └── DgoError
            ├── ChannelClosed        you: send on, or close of, a closed channel; receive when drained
            ├── ChannelLost          the world: the process that held the channel died
            ├── WouldBlock           you asked not to block
            ├── Timeout              you gave a timeout= and it ran out          (also TimeoutError)
            ├── DeadlineExceeded     a context's or goroutine's deadline passed  (also TimeoutError)
            ├── CancelledError       the goroutine that you ask about was cancelled
            │                                               (also concurrent.futures.CancelledError)
            ├── ContextCancelled     a context was cancelled
            ├── WorkerLost           the world: the process that ran the goroutine died
            ├── LockLost             the world: the holder of the lock died
            ├── BrokenExecutor       you: the initializer of an Executor raised
            │                                               (also concurrent.futures.BrokenExecutor)
            ├── MisuseError          you: an operation that makes no sense here  (also RuntimeError)
            ├── Deadlock             you: everything sleeps for ever
            ├── SerializationError   you: something that cannot travel           (also TypeError)
            ├── RemoteError          an exception that could not be rebuilt here
            ├── ClusterError         the world: no coordinator, version mismatch (also ConnectionError)
            └── AuthError            the peer refused our key

Every message says what happened, where, and what to do.
"""

from __future__ import annotations

import concurrent.futures

__all__ = [
    "AuthError",
    "BrokenExecutor",
    "Cancelled",
    "CancelledError",
    "ChannelClosed",
    "ChannelLost",
    "ClusterError",
    "ContextCancelled",
    "DeadlineExceeded",
    "Deadlock",
    "DgoError",
    "LockLost",
    "MisuseError",
    "RemoteError",
    "SerializationError",
    "Timeout",
    "WorkerLost",
    "WouldBlock",
]


class DgoError(Exception):
    """Root of dgo's exceptions (all but :class:`Cancelled`)."""


class Cancelled(BaseException):
    """Raised inside a goroutine at its next blocking operation after ``cancel()``; not an ``Exception``."""


class ChannelClosed(DgoError):
    """A send on a closed channel, a second close, or a receive from a closed and drained one."""


class ChannelLost(DgoError):
    """The process in which the channel (or other shared object) lived has died."""


class WouldBlock(DgoError):
    """A ``*_nowait`` operation would have had to wait."""


class Timeout(DgoError, TimeoutError):
    """A ``timeout=`` ran out."""


class DeadlineExceeded(DgoError, TimeoutError):
    """The deadline of a context or of ``go.options(timeout=...)`` passed."""


class CancelledError(DgoError, concurrent.futures.CancelledError):
    """The goroutine whose result was asked for had been cancelled."""


class ContextCancelled(DgoError):
    """The context was cancelled."""


class WorkerLost(DgoError):
    """The worker process that ran the goroutine died; the message names the cause."""


class LockLost(DgoError):
    """The holder of the lock died; the lock is free and what it protects may be half-changed."""


class BrokenExecutor(DgoError, concurrent.futures.BrokenExecutor):
    """The initializer of an ``Executor`` raised; the message names the cause."""


class MisuseError(DgoError, RuntimeError):
    """An operation that makes no sense in the object's state (unlock of an unlocked mutex, ...)."""


class Deadlock(DgoError):
    """Every goroutine and the driver's main thread sleep and nothing can wake them."""


class SerializationError(DgoError, TypeError):
    """Something cannot travel between goroutines; the message gives the path to the object."""


class RemoteError(DgoError):
    """An exception of a goroutine that could not be rebuilt in this process.

    Attributes:
        type_name: the exception's class, as ``module.QualName``.
        traceback: the remote traceback, formatted.
    """

    def __init__(self, message: str, type_name: str = "", traceback: str = "") -> None:
        super().__init__(message)
        self.type_name = type_name
        self.traceback = traceback

    def __reduce__(self) -> tuple[type[RemoteError], tuple[str, str, str]]:
        return RemoteError, (str(self.args[0]), self.type_name, self.traceback)


class ClusterError(DgoError, ConnectionError):
    """No coordinator answers, it refused us, or the connection to it is gone."""


class AuthError(DgoError):
    """The cluster did not accept this process's key."""
