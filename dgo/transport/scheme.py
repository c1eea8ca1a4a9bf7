"""How the processes of an embedded cluster talk. Apart from the transports, which the driver loads only later."""

from __future__ import annotations

import os

__all__ = ["UNIX", "local_scheme"]

UNIX = "unix://"
VARIABLE = "DGO_TRANSPORT"
LOCAL_SCHEMES = {"unix": UNIX, "zeromq": "ipc://"}


def local_scheme() -> str:
    """How the addresses of an embedded cluster begin: by ``$DGO_TRANSPORT``, ``unix`` (the default) or ``zeromq``.

    Raises:
        ValueError: you: the variable is something else.
    """
    name = os.environ.get(VARIABLE) or "unix"
    scheme = LOCAL_SCHEMES.get(name)
    if scheme is None:
        raise ValueError(f"{VARIABLE}={name!r}: the processes of an embedded cluster talk by 'unix' or by 'zeromq'")
    return scheme
