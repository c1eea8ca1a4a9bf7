"""The messages of dgo's protocol: names, fields, and what is refused.

A **frame set** is what travels: a header (see ``frames``) with one msgpack body, and the out-of-band buffers
of the body's values. A body is a list of messages; a message is a list: its type, then its fields. Everything
that comes in is checked here against ``FIELDS`` before anyone acts on it.

A **frozen value** on the wire is one of

* None, bool, int, float, str, bytes: itself;
* ``[pickle]``: bytes that only the receiver of the value unpickles;
* ``[pickle, handles, first, buffers, pin]``: the same with the handles in it, its buffers, and the sender's pin for
  the handles (0: none). A buffer is True or False, and then the next frame from ``first`` on (may be written to, may
  not); or ``[pin, reader not known, *name]``, the name of a lump in memory that the processes of a host share
  (``dgo.runtime.nearby``): ``[process id, descriptor, number, token, bytes, read-only]``.

**Goroutines** (the items of SUBMIT, RUN and GIVEN) are

* ``[number, name, key, scalars, payload, codes, options]``: one, or
* ``[name, key, first number, calls]``: a *series*, numbered one after the other, of one function and with nothing
  but scalars as arguments, of which each call is a list.

**Ends** (of ENDED) are

* ``[number, ending, frozen value]``: one, or
* ``[first number, values]``: a series, of which each has returned a scalar.

**Numbers** (of PLACED and RETURNED) are a list of ``[first number, how many]``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgpack

__all__ = [
    "FIELDS",
    "MAX_BODY",
    "MAX_FRAME",
    "PROTOCOL",
    "SERIES_FIELDS",
    "SERIES_OF_ENDS_FIELDS",
    "Body",
    "Msg",
    "ProtocolError",
    "SenderGone",
    "decode_body",
    "encode_body",
]

PROTOCOL = 4
MAX_FRAME = 1 << 30  # bytes of one frame; larger values are refused at the sender
MAX_BODY = 256 << 20  # bytes of one msgpack body
SERIES_FIELDS = 4  # of an item that is a series of goroutines
SERIES_OF_ENDS_FIELDS = 2

Body = list[list[Any]]


class ProtocolError(Exception):
    """A frame set that is not of this protocol; its peer is at fault, this process goes on."""


class SenderGone(ProtocolError):
    """A message whose value died with its sender: it counts as not sent."""


class Msg(IntEnum):
    """Message types. The comment names sender -> receiver and the fields."""

    # membership (member <-> coordinator)
    BYE = 1  # member -> coordinator: reason
    DOWN = 2  # coordinator -> member: node, cause
    LOST = 3  # supervisor -> coordinator: node, cause
    WHERE = 4  # member -> coordinator: node
    ADDRESS = 5  # coordinator -> member: node, address ("": it cannot be connected to), cause of its loss ("": alive)
    CALL = 6  # member -> coordinator: node (ask it to connect to me); coordinator -> member: node, please do
    WORKERS = 7  # any -> coordinator: question number
    WORKER_LIST = 8  # coordinator -> any: question number, list of workers, coordinator's facts
    DRAIN = 9  # worker -> coordinator: I take no more
    JOB_END = 10  # coordinator -> worker: job
    MEMBERS = 11  # coordinator -> driver: number of workers
    # spawning
    SUBMIT = 20  # spawner -> coordinator: job, items
    RUN = 21  # coordinator -> worker: spawner, job, items
    PLACED = 22  # coordinator -> spawner: worker, numbers
    LOAD = 23  # worker -> coordinator: received, unstarted, runnable, live, freed resources
    STEAL = 24  # coordinator -> worker: how many to give back
    GIVEN = 25  # worker -> coordinator: spawner, job, items
    RETURNED = 26  # coordinator -> spawner: numbers
    STARTED = 27  # worker -> spawner: numbers
    ENDED = 28  # worker -> spawner: ends
    UNPLACEABLE = 29  # coordinator -> spawner: number, text
    # shared objects (any node <-> home)
    OP = 30  # operation number, object, operation, arguments
    DONE = 31  # operation number, frozen result, ok
    FAILED = 32  # operation number, error name, text
    HAND = 33  # operation number, frozen value (must be answered by TAKEN or RETURN)
    TAKEN = 34  # operation number
    CANCEL = 35  # operation number
    OUTCOME = 46  # operation number, ending, frozen
    LEND = 36  # object, slots
    RECALL = 37  # object, epoch
    SEND_LENT = 38  # object, frozen values
    GIVE_BACK = 39  # object, epoch: the answer to RECALL: of that loan I have nothing any more
    RETURN = 47  # operation number: nobody takes the value that was handed over, it goes back
    # values handed ahead (``dgo.core.stock``): the home of a channel <-> a process that receives from it
    STOCK = 90  # object, epoch, frozen values
    STOCK_TAKEN = 91  # object, how many goroutines have taken
    STOCK_RECALL = 92  # object, epoch
    STOCK_BACK = 93  # object, epoch: I have nothing of that stock any more; also unasked
    SERVED = 94  # holder of a loan or a stock -> home: operation number, which I have served out of it
    # select (``dgo.core.select``): the process that selects <-> the homes of its channels
    OFFER = 100  # number, you decide alone, has a default, [[index, object, sends, frozen value or None], ...]
    ARMED = 101  # number: all cases are queued; the claims of those that are ready came before
    CLAIM = 102  # claim, number, index, weight
    GRANT = 103  # claim, frozen value that the case sends
    REFUSE = 104  # claim: the select has ended
    RELEASE = 105  # claim, number: nothing came of it
    COMMIT = 106  # number, index, frozen value, ok, the value is handed over (must be answered by TAKEN or RETURN)
    SPOILT = 107  # number, error name, text
    WITHDRAW = 108  # number, say when nothing can come of it any more
    WITHDRAWN = 109  # number
    # lifetime of shared objects
    JOIN = 40  # holder -> home: object
    JOINED = 41  # home -> holder: object, still there
    LEAVE = 42  # holder -> home: object
    UNPIN = 43  # receiver -> sender: pins
    # code and modules
    GET_BLOB = 50  # worker -> spawner: hash
    BLOB = 51  # spawner -> worker: hash, blob or None
    GET_MODULE = 52  # worker -> driver: question number, module name
    MODULE = 53  # driver -> worker: question number, None or [is package, file name, source]
    # output, panics, end of a job
    OUTPUT = 60  # worker -> driver: stream (1 or 2), text
    PANIC = 61  # any -> driver: question number (0: no answer wanted), text
    PANIC_OK = 62  # driver -> asker: question number
    FLUSH = 63  # driver -> worker: question number
    FLUSHED = 64  # worker -> driver: question number
    COUNT = 65  # any -> node: question number, job
    COUNTED = 66  # node -> asker: question number, live goroutines that it spawned
    # deadlock detection
    PROBE = 70  # coordinator -> member: wave
    PROBED = 71  # member -> coordinator: wave, busy, activity, [[peer, sent, received], ...], what waits
    DEADLOCK = 72  # coordinator -> driver: text
    ASLEEP = 73  # driver -> coordinator: its main thread is blocked (True) or not
    # cancellation
    STOP = 80  # spawner -> coordinator: worker (0: none has it), [[number, calls of cancel()], ...]
    #            coordinator -> worker: spawner, the same
    DROPPED = 81  # coordinator -> spawner: numbers that no worker had, and none will have
    # who is alive (``dgo.runtime.census``)
    WHO = 120  # any -> node: question number, job
    WHO_LIVES = 121  # node -> asker: question number, those that it has spawned: [[number, name], ...], those that it
    #                  runs: [[spawner, number, name, worker, what it does, seconds that it has waited or None], ...]
    # large values between processes of one host (``dgo.runtime.nearby``)
    NEAR = 130  # any -> any: can you open this? [process id, descriptor, token]
    SEEN = 131  # the answer: yes or no
    HOLD = 132  # reader -> sender: pin of a lump that is to be kept until I say UNPIN
    FETCH = 133  # reader -> sender: pin of a lump that I cannot open
    FETCHED = 134  # sender -> reader: pin, position of the frame that holds it (-1: it is gone)


_PLAIN = frozenset({type(None), bool, int, float, str, bytes, list, dict})  # msgpack also makes timestamps
_INT, _STR, _LIST, _DICT, _BYTES, _BOOL, _ANY = int, str, list, dict, bytes, bool, object

FIELDS: dict[int, tuple[type, ...]] = {
    Msg.BYE: (_STR,),
    Msg.DOWN: (_INT, _STR),
    Msg.LOST: (_INT, _STR),
    Msg.WHERE: (_INT,),
    Msg.ADDRESS: (_INT, _STR, _STR),
    Msg.CALL: (_INT, _STR),
    Msg.WORKERS: (_INT,),
    Msg.WORKER_LIST: (_INT, _LIST, _DICT),
    Msg.DRAIN: (),
    Msg.JOB_END: (_INT,),
    Msg.MEMBERS: (_INT,),
    Msg.SUBMIT: (_INT, _LIST),
    Msg.RUN: (_INT, _INT, _LIST),
    Msg.PLACED: (_INT, _LIST),
    Msg.LOAD: (_INT, _INT, _INT, _INT, _DICT),
    Msg.STEAL: (_INT,),
    Msg.GIVEN: (_INT, _INT, _LIST),
    Msg.RETURNED: (_LIST,),
    Msg.STARTED: (_LIST,),
    Msg.ENDED: (_LIST,),
    Msg.UNPLACEABLE: (_INT, _STR),
    Msg.OP: (_INT, _INT, _STR, _LIST),
    Msg.DONE: (_INT, _ANY, _BOOL),
    Msg.FAILED: (_INT, _STR, _STR),
    Msg.HAND: (_INT, _ANY),
    Msg.TAKEN: (_INT,),
    Msg.CANCEL: (_INT,),
    Msg.OUTCOME: (_INT, _INT, _ANY),
    Msg.LEND: (_INT, _INT),
    Msg.RECALL: (_INT, _INT),
    Msg.SEND_LENT: (_INT, _LIST),
    Msg.GIVE_BACK: (_INT, _INT),
    Msg.RETURN: (_INT,),
    Msg.STOCK: (_INT, _INT, _LIST),
    Msg.STOCK_TAKEN: (_INT, _INT),
    Msg.STOCK_RECALL: (_INT, _INT),
    Msg.STOCK_BACK: (_INT, _INT),
    Msg.SERVED: (_INT,),
    Msg.OFFER: (_INT, _BOOL, _BOOL, _LIST),
    Msg.ARMED: (_INT,),
    Msg.CLAIM: (_INT, _INT, _INT, _INT),
    Msg.GRANT: (_INT, _ANY),
    Msg.REFUSE: (_INT,),
    Msg.RELEASE: (_INT, _INT),
    Msg.COMMIT: (_INT, _INT, _ANY, _BOOL, _BOOL),
    Msg.SPOILT: (_INT, _STR, _STR),
    Msg.WITHDRAW: (_INT, _BOOL),
    Msg.WITHDRAWN: (_INT,),
    Msg.JOIN: (_INT,),
    Msg.JOINED: (_INT, _BOOL),
    Msg.LEAVE: (_INT,),
    Msg.UNPIN: (_LIST,),
    Msg.GET_BLOB: (_BYTES,),
    Msg.BLOB: (_BYTES, _ANY),
    Msg.GET_MODULE: (_INT, _STR),
    Msg.MODULE: (_INT, _ANY),
    Msg.OUTPUT: (_INT, _STR),
    Msg.PANIC: (_INT, _STR),
    Msg.PANIC_OK: (_INT,),
    Msg.FLUSH: (_INT,),
    Msg.FLUSHED: (_INT,),
    Msg.COUNT: (_INT, _INT),
    Msg.COUNTED: (_INT, _INT),
    Msg.PROBE: (_INT,),
    Msg.PROBED: (_INT, _BOOL, _INT, _LIST, _LIST),
    Msg.DEADLOCK: (_STR,),
    Msg.ASLEEP: (_BOOL,),
    Msg.STOP: (_INT, _LIST),
    Msg.DROPPED: (_LIST,),
    Msg.WHO: (_INT, _INT),
    Msg.WHO_LIVES: (_INT, _LIST, _LIST),
    Msg.NEAR: (_LIST,),
    Msg.SEEN: (_BOOL,),
    Msg.HOLD: (_INT,),
    Msg.FETCH: (_INT,),
    Msg.FETCHED: (_INT, _INT),
}

_pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack


def encode_body(body: Body) -> bytes:
    """One msgpack body of a list of messages."""
    packed: bytes = _pack(body)
    return packed


def _refuse_extension(code: int, data: bytes) -> Any:
    raise ProtocolError(f"unknown msgpack extension type {code}")


def decode_body(data: bytes | memoryview) -> Body:
    """The messages of a body, each with the right number and types of fields.

    Raises:
        ProtocolError: the peer sent something else.
    """
    if len(data) > MAX_BODY:
        raise ProtocolError(f"a body of {len(data)} bytes exceeds the limit of {MAX_BODY}")
    try:
        body = msgpack.unpackb(data, raw=False, strict_map_key=True, ext_hook=_refuse_extension)
    except ProtocolError:
        raise
    except (
        ValueError,
        TypeError,
        RecursionError,
        OverflowError,
        msgpack.exceptions.UnpackException,
    ) as error:
        raise ProtocolError(f"not a msgpack body: {type(error).__name__}: {error}") from error
    if type(body) is not list:
        raise ProtocolError(f"a body is a list of messages, not a {type(body).__name__}")
    for message in body:
        if type(message) is not list or not message or type(message[0]) is not int:
            check_message(message)
        elif (message[0], *map(type, message)) not in _checked:
            check_message(message)
            _checked.add((message[0], *map(type, message)))
    return body


# Shapes of messages that are right: their type and the Python types of all their parts. There are few.
_checked: set[tuple[Any, ...]] = set()


def check_message(message: Any) -> None:
    """Refuses a message of unknown type, or with missing or ill-typed fields.

    Raises:
        ProtocolError: the peer sent something else.
    """
    if type(message) is not list or not message:
        raise ProtocolError("a message is a list that begins with its type")
    fields = FIELDS.get(message[0]) if type(message[0]) is int else None
    if fields is None:
        raise ProtocolError(f"unknown message type (a {type(message[0]).__name__})")
    if len(message) - 1 != len(fields):
        raise ProtocolError(f"{Msg(message[0]).name} has {len(fields)} fields, not {len(message) - 1}")
    for position, kind in enumerate(fields, 1):
        if not isinstance(message[position], kind) or type(message[position]) not in _PLAIN:
            raise ProtocolError(
                f"{Msg(message[0]).name}: field {position} is a {type(message[position]).__name__}, "
                f"not a {kind.__name__}"
            )
