"""A selector that adds something to another one's ``select``."""

from __future__ import annotations

import selectors
from collections.abc import Mapping
from typing import Any

__all__ = ["WrappedSelector"]


class WrappedSelector(selectors.BaseSelector):
    """Leaves the book-keeping to ``inner``; a subclass says what ``select`` does."""

    def __init__(self, inner: selectors.BaseSelector) -> None:
        self.inner = inner

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self.inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self.inner.modify(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self.inner.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self.inner.get_map()

    def fileno(self) -> int:
        """Readable when anything that is registered is ready."""
        return int(self.inner.fileno())  # type: ignore[attr-defined] # epoll's has it

    def close(self) -> None:
        self.inner.close()
