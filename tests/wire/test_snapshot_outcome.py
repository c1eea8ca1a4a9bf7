"""Exceptions on their way home."""

from __future__ import annotations

import threading
import traceback
from typing import Any

import pytest

from dgo.errors import ChannelClosed, RemoteError
from dgo.wire.snapshot import RemoteTraceback, freeze, freeze_exception, thaw, thaw_exception


class NeedsKeyword(Exception):
    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class AddsPrefix(Exception):
    def __init__(self, message: str) -> None:
        super().__init__("prefix " + message)


class OddOSError(OSError):
    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(2, reason, path)
        self.reason = reason


class RefusesToLoad(Exception):
    def __reduce__(self) -> Any:
        return _raise, ()


class BadStr(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


class RefusesToReduce(Exception):
    def __reduce__(self) -> Any:
        raise RuntimeError("no")


def _raise() -> None:
    raise OSError("no room")


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001  any exception is a value here
        return caught


def travel(error: BaseException) -> BaseException:
    return thaw_exception(freeze_exception(raised(error)))


def test_an_exception_keeps_its_type_arguments_and_attributes() -> None:
    error = KeyError("k", 3)
    error.extra = [1]  # type: ignore[attr-defined]
    back = travel(error)
    assert type(back) is KeyError
    assert back.args == ("k", 3)
    assert back.extra == [1]  # type: ignore[attr-defined]


def test_the_cause_is_the_remote_traceback() -> None:
    back = travel(ValueError("bad"))
    assert isinstance(back.__cause__, RemoteTraceback)
    assert "in raised" in str(back.__cause__)
    assert "ValueError: bad" in str(back.__cause__)


def test_causes_and_notes_are_in_the_traceback_text() -> None:
    error = ValueError("bad")
    error.__cause__ = raised(KeyError("first"))
    error.add_note("look at the moon")
    back = travel(error)
    assert "KeyError: 'first'" in str(back.__cause__)
    assert "look at the moon" in str(back.__cause__)
    assert back.__notes__ == ["look at the moon"]


def test_a_constructor_with_a_required_keyword_survives() -> None:
    back = travel(NeedsKeyword(code=4))
    assert isinstance(back, NeedsKeyword)
    assert back.code == 4
    assert str(back) == "code 4"


def test_a_constructor_that_changes_its_argument_is_not_applied_twice() -> None:
    assert str(travel(AddsPrefix("x"))) == "prefix x"


def test_a_subclass_of_oserror_keeps_errno_and_its_own_attributes() -> None:
    back = travel(OddOSError("/x", reason="gone"))
    assert isinstance(back, OddOSError)
    assert (back.errno, back.strerror, back.filename, back.reason) == (2, "gone", "/x", "gone")


@pytest.mark.parametrize(
    "error",
    [
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        SystemExit(3),
        StopIteration(4),
        ImportError("m", name="n"),
        KeyboardInterrupt(),
        ChannelClosed("closed"),
        RemoteError("m", "T", "tb"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_library_exceptions_survive(error: BaseException) -> None:
    back = travel(error)
    assert type(back) is type(error)
    assert back.args == error.args
    assert str(back) == str(error)


def test_an_exception_group_survives_with_odd_members() -> None:
    back = travel(ExceptionGroup("both", [NeedsKeyword(code=1), ValueError("x")]))
    assert isinstance(back, ExceptionGroup)
    assert isinstance(back.exceptions[0], NeedsKeyword)


def test_an_exception_that_refers_to_itself_survives() -> None:
    error = ValueError("x")
    error.me = error  # type: ignore[attr-defined]
    back = travel(error)
    assert back.me is back  # type: ignore[attr-defined]


def test_an_odd_exception_can_also_be_sent_as_a_value() -> None:
    back: Any = thaw(freeze([NeedsKeyword(code=9)]))
    assert back[0].code == 9


def test_an_exception_that_cannot_be_pickled_becomes_a_remote_error() -> None:
    error = ValueError("bad")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    back = travel(error)
    assert isinstance(back, RemoteError)
    assert back.type_name == "builtins.ValueError"
    assert "bad" in str(back)
    assert "in raised" in back.traceback
    assert isinstance(back.__cause__, RemoteTraceback)


@pytest.mark.parametrize("kind", [RefusesToLoad, RefusesToReduce])
def test_an_exception_that_cannot_be_rebuilt_becomes_a_remote_error(kind: type[Exception]) -> None:
    back = travel(kind("x"))
    assert isinstance(back, RemoteError)
    assert back.type_name.endswith(kind.__name__)


def test_an_exception_whose_str_raises_still_travels() -> None:
    record = freeze_exception(raised(BadStr()))
    assert record[2] == "<its __str__ raised ValueError>"
    assert type(thaw_exception(record)) is BadStr


def test_two_thaws_give_two_exceptions() -> None:
    record = freeze_exception(raised(ValueError([1])))
    first = thaw_exception(record)
    first.args[0].append(2)
    assert thaw_exception(record).args == ([1],)


def test_a_printed_exception_shows_the_remote_traceback_first() -> None:
    text = "".join(traceback.format_exception(travel(ValueError("bad"))))
    assert text.index("in raised") < text.index("direct cause")
