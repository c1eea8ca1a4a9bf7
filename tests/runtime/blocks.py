"""A value with one large buffer."""

from __future__ import annotations

import pickle
from typing import Any

NBYTES = 3 << 20


class Block:
    """So many bytes, of which the first and the last tell which block it is."""

    def __init__(self, data: Any) -> None:
        self.data = data

    @classmethod
    def made(cls, seed: int, nbytes: int = NBYTES) -> Block:
        data = bytearray(nbytes)
        data[0] = data[-1] = seed
        return cls(data)

    @property
    def seeds(self) -> tuple[int, int]:
        return self.data[0], self.data[-1]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Block, (pickle.PickleBuffer(self.data),)
