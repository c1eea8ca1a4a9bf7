"""The processes of an embedded cluster, as the driver that has started them sees them."""

from __future__ import annotations

import os
import select
import subprocess

from dgo_worker.launch import remove_directory

__all__ = ["Processes"]

EXIT_SECONDS = 2.0


class Processes:
    """The coordinator's process, which is the parent of the workers, and the private directory of their sockets.

    Args:
        process: the coordinator's; the end of its standard input tells it that the driver has ended.
        directory: with the sockets.
        scheme: with which their addresses begin.
        workers: how many it starts.
        listening: a descriptor that becomes readable when the coordinator listens, or has died.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], directory: str, scheme: str, workers: int, listening: int
    ) -> None:
        self._process = process
        self.directory = directory
        self.scheme = scheme
        self.workers = workers
        self._listening = listening
        self._ended = False

    @property
    def pid(self) -> int:
        """The coordinator's process."""
        return self._process.pid

    def exit_descriptor(self) -> int:
        """A new descriptor that becomes readable when the coordinator's process has ended."""
        return os.pidfd_open(self._process.pid)

    def exit_code(self) -> int | None:
        """With what the coordinator's process has ended; None while it runs."""
        return self._process.poll()

    def wait_until_they_listen(self, seconds: float) -> None:
        """Blocks until the coordinator listens, has died, or ``seconds`` have passed.

        Who dials before it listens dials in vain, and again only after a pause.
        """
        _readable(self._listening, seconds)

    def end(self) -> None:
        """Has them end, and waits for it; kills what does not. Nothing of theirs is left. Once is enough."""
        if self._ended:
            return
        self._ended = True
        process = self._process
        assert process.stdin is not None
        process.stdin.close()
        os.close(self._listening)
        if process.poll() is None:
            descriptor = self.exit_descriptor()  # Popen.wait looks only every now and then whether it has ended
            try:
                if not _readable(descriptor, EXIT_SECONDS):
                    process.kill()
            finally:
                os.close(descriptor)
            process.wait()
        remove_directory(self.directory)  # if it had no time to do so itself


def _readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
