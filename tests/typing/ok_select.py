"""What a select received has the type of one of its channels; None: a send, the default, a closed channel."""

from __future__ import annotations

from typing import assert_type

import dgo

ints: dgo.Chan[int] = dgo.Chan()
words: dgo.Chan[str] = dgo.Chan()


def cases() -> None:
    assert_type(dgo.select(dgo.recv(ints)), dgo.Selected[int | None])
    assert_type(dgo.select(dgo.recv(ints), dgo.send(words, "a")).value, int | None)
    assert_type(dgo.select(dgo.recv(ints), dgo.recv(words), timeout=1).value, int | str | None)
    assert_type(dgo.select(dgo.send(words, "a"), default=True).value, None)
    assert_type(dgo.select(dgo.recv(ints.receiver()), dgo.send(words.sender(), "a")).value, int | None)
    assert_type(dgo.select(dgo.recv(ints), dgo.recv(dgo.after(1))).value, int | float | None)
    assert_type(dgo.select().value, None)


def many_cases(channels: list[dgo.Chan[int]]) -> None:
    assert_type(dgo.select(*[dgo.recv(ch) for ch in channels]).value, int | None)
    assert_type(dgo.select(*[dgo.recv(ch) for ch in channels], timeout=1).index, int)


def nil_channels(maybe: dgo.Chan[int] | None, done: dgo.RecvChan[None] | None) -> None:
    assert_type(dgo.select(dgo.recv(maybe), dgo.recv(done)).value, int | None)
    assert_type(dgo.select(dgo.recv(None), dgo.recv(words)).value, str | None)
    assert_type(dgo.select(dgo.send(maybe, 1), dgo.send(None, 1), default=True).value, None)


def results() -> None:
    index, value, ok = dgo.select(dgo.recv(ints))
    assert_type((index, ok), tuple[int, bool])
    assert_type(value, int | None)
    match dgo.select(dgo.recv(ints), dgo.recv(words)):
        case (0, int(number), True):
            assert_type(number, int)
        case (1, str(word), True):
            assert_type(word, str)
        case (dgo.DEFAULT, _, _):
            pass
