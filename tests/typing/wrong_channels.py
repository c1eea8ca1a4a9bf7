"""What a channel refuses, and what its directions do not have. A marked line is an error to both checkers."""

from __future__ import annotations

import dgo


def produce(out: dgo.SendChan[int]) -> None:
    out.recv()  # error: attr-defined, reportAttributeAccessIssue
    out.recv_ok()  # error: attr-defined, reportAttributeAccessIssue
    out.sender()  # error: attr-defined, reportAttributeAccessIssue
    list(out)  # error: call-overload, reportArgumentType


def consume(source: dgo.RecvChan[int]) -> None:
    source.send(1)  # error: attr-defined, reportAttributeAccessIssue
    source.close()  # error: attr-defined, reportAttributeAccessIssue


def values(ch: dgo.Chan[int]) -> None:
    ch.send("1")  # error: arg-type, reportArgumentType
    ch.send_nowait(None)  # error: arg-type, reportArgumentType
    ch.sender().send(b"")  # error: arg-type, reportArgumentType
    ch.send(1, 2.5)  # error: call-arg, reportCallIssue
    word: str = ch.recv()  # error: assignment, reportAssignmentType
    dgo.Chan("3")  # error: arg-type, reportArgumentType
    value, _ = ch.recv_ok()
    print(word, value + 1)  # error: operator, reportOptionalOperand


def directions(ch: dgo.Chan[int], words: dgo.Chan[str]) -> None:
    produce(ch.receiver())  # error: arg-type, reportArgumentType
    consume(ch.sender())  # error: arg-type, reportArgumentType
    produce(words)  # error: arg-type, reportArgumentType
    dgo.go(produce, words)  # error: call-overload, reportArgumentType
    dgo.go(consume, ch.sender())  # error: call-overload, reportArgumentType
    both: dgo.Chan[int] = ch.sender()  # error: assignment, reportAssignmentType
    print(both)


def variance(floats: dgo.Chan[float], ints: dgo.Chan[int]) -> None:
    same: dgo.Chan[float] = ints  # error: assignment, reportAssignmentType
    receiving: dgo.RecvChan[int] = floats  # error: assignment, reportAssignmentType
    sending: dgo.SendChan[float] = ints  # error: assignment, reportAssignmentType
    print(same, receiving, sending)


def cases(ch: dgo.Chan[int]) -> None:
    dgo.send(ch, "1")  # error: misc, reportArgumentType
    dgo.send(ch.receiver(), 1)  # error: arg-type, reportArgumentType
    dgo.recv(ch.sender())  # error: call-overload, reportArgumentType
    dgo.select(ch)  # error: call-overload, reportArgumentType
    dgo.select(dgo.recv(ch), 1.5)  # error: call-overload, reportArgumentType
    word: str = dgo.select(dgo.recv(ch)).value  # error: assignment, reportAssignmentType
    print(word)
