"""Segments and lumps: what is shared, what is private, and when memory is used again or freed."""

from __future__ import annotations

import errno
import gc
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dgo.runtime import memory as module
from dgo.runtime.memory import ForeignLump, Memory, OwnLump, shared_memory
from dgo.runtime.segments import HEAD, NotThere, Segment
from dgo.wire.snapshot import freeze, thaw
from dgo.wire.snapshot.lumps import LUMP_BYTES, set_keeper

from .blocks import Block

NBYTES = LUMP_BYTES + 12_345


@pytest.fixture
def memory() -> Iterator[Memory]:
    """At the end of the test everything is closed again."""
    gc.collect()  # what earlier tests have left
    before = open_segments()
    made = Memory()
    yield made
    made.close()
    gc.collect()
    assert open_segments() == before


def open_segments() -> int:
    """How many descriptors of dgo's segments this process has."""
    links = (os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
    return sum(os.path.islink(link) and os.readlink(link).startswith("/memfd:dgo") for link in links)


def segments() -> int:
    """How many mappings of dgo's segments this process has."""
    return Path("/proc/self/maps").read_text().count("/memfd:dgo")


def filled(seed: int, nbytes: int = NBYTES) -> memoryview:
    return memoryview(bytes([seed]) * nbytes)


def opened(reader: Memory, lump: Any, dropped: deque[Any] | None = None, pin: int = 1) -> Any:
    return reader.open(lump.name(), 7, pin, deque() if dropped is None else dropped)


def test_a_lump_holds_what_the_buffer_held_when_it_was_kept(memory):
    source = bytearray(b"a" * NBYTES)
    lump = memory.keep(memoryview(source))
    source[:] = b"b" * NBYTES
    assert bytes(lump) == b"a" * NBYTES
    assert len(lump) == NBYTES
    assert not lump.readonly


def test_what_one_reader_writes_no_other_sees(memory):
    lump = memory.keep(memoryview(bytearray(b"a" * NBYTES)))
    first, second = lump.private(), lump.private()
    other = opened(memory, lump)
    third = other.private()
    first[:] = b"1" * NBYTES
    third[5:10] = b"33333"
    assert bytes(second) == bytes(lump) == b"a" * NBYTES
    assert bytes(third[:12]) == b"aaaaa33333aa"
    assert bytes(other.private(last=True)) == b"a" * NBYTES


def test_the_only_use_of_a_lump_gets_the_segment_itself_and_a_later_one_does_not(memory):
    lump = memory.keep(memoryview(bytearray(b"a" * NBYTES)))
    view = lump.private()
    only = lump.private(last=True)  # somebody looks at it already
    only[:] = b"b" * NBYTES
    assert bytes(view) == b"a" * NBYTES
    del view, only, lump
    lump = memory.keep(memoryview(bytearray(b"c" * NBYTES)))
    own = lump.private(last=True)
    own[0] = 1
    assert bytes(lump)[:2] == b"\1c", "it is the segment's own memory"


def test_a_mapping_that_was_written_to_shows_the_next_value_when_it_is_used_again(memory):
    reader = Memory()
    for seed in range(1, 6):
        lump = memory.keep(memoryview(bytearray(filled(seed))))
        foreign = opened(reader, lump)
        view = foreign.private()
        assert bytes(view) == bytes([seed]) * NBYTES
        for at in range(seed, NBYTES, 100_000):
            view[at] = 0
        assert segments() == 2, "one mapping of the writer, one of the reader"
        del view, foreign, lump
    reader.close()


def test_without_proc_a_used_mapping_is_set_up_anew(memory, monkeypatch):
    lump = memory.keep(memoryview(bytearray(b"a" * NBYTES)))
    lump.private()[:] = b"b" * NBYTES

    def missing(*args: Any, **more: Any) -> Any:
        raise FileNotFoundError("/proc/self/pagemap")

    monkeypatch.setattr("dgo.runtime.segments.open", missing, raising=False)
    assert bytes(lump.private()) == b"a" * NBYTES


def test_what_was_read_only_stays_read_only(memory):
    lump = memory.keep(filled(1))
    assert lump.readonly
    assert lump.private(last=True).readonly
    assert opened(memory, lump).private().readonly


def test_a_segment_is_used_again_when_nothing_refers_to_it_any_more(memory):
    lump = memory.keep(filled(1))
    first = lump.segment
    view = lump.private()
    part = memoryview(view)[10:20]
    del lump, view
    other = memory.keep(filled(2))
    assert other.segment is not first, "a part of an array is still there"
    del part
    assert memory.keep(filled(3)).segment is first


def test_a_reader_says_when_it_has_no_use_for_a_lump_any_more(memory):
    dropped: deque[Any] = deque()
    lump = memory.keep(filled(1))
    foreign = opened(memory, lump, dropped, pin=44)
    view = foreign.private()
    del foreign
    assert not dropped
    del view
    assert list(dropped) == [(7, -44)]


def test_idle_memory_is_freed_after_a_while(memory, monkeypatch):
    lump = memory.keep(filled(1))
    foreign = opened(memory, lump)
    foreign.private()
    del lump, foreign
    memory.sweep()
    assert segments() > 0
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + module.IDLE_SECONDS)
    memory.sweep()
    assert segments() == 0
    assert "0 segments in use, 0 bytes idle" in repr(memory)


def test_a_dead_process_has_nothing_idle_here(memory):
    reader = Memory()
    lump = memory.keep(filled(1))
    used, idle = opened(reader, lump), memory.keep(filled(2))
    opened(reader, idle).private()
    reader.lost(7)
    assert bytes(used.private()) == bytes(filled(1)), "what is in use stays"
    assert len(reader._segments) == 1
    reader.close()


def test_when_all_segments_are_in_use_values_are_kept_in_the_usual_way(memory, monkeypatch):
    monkeypatch.setattr(memory._own, "most", 2)
    kept = [memory.keep(filled(1)), memory.keep(filled(2))]
    assert memory.keep(filled(3)) is None
    del kept[0]
    assert memory.keep(filled(4)) is not None


def test_when_too_much_is_open_a_value_is_copied(memory, monkeypatch):
    reader = Memory()
    monkeypatch.setattr(reader._opened, "most", 1)
    lumps = [memory.keep(filled(1)), memory.keep(filled(2))]
    dropped: deque[Any] = deque()
    first, second = opened(reader, lumps[0], dropped), opened(reader, lumps[1], dropped, pin=9)
    assert type(first) is ForeignLump
    assert second == bytes(filled(2))
    assert list(dropped) == [(7, -9)], "the copy needs the sender's no longer"
    reader.close()


def test_another_segment_is_not_taken_for_the_one_that_was_named(memory):
    lump = memory.keep(filled(1))
    name = lump.name()
    pid, descriptor, _, token, nbytes, _ = name
    with pytest.raises(NotThere):
        Segment.open(1, pid, descriptor, b"x" * 16, nbytes)
    with pytest.raises(NotThere):
        Segment.open(1, pid, descriptor, token, nbytes * 3)
    reading, writing = os.pipe()
    with pytest.raises((NotThere, OSError)):
        Segment.open(1, pid, reading, token, nbytes)
    os.close(reading), os.close(writing)
    del lump
    memory.keep(filled(2))  # in the same segment
    with pytest.raises(NotThere):
        memory.open(name, 7, 1, deque())


def test_only_this_user_can_open_a_segment_and_readers_cannot_write_to_it(memory):
    lump = memory.keep(filled(1))
    assert os.fstat(lump.segment.descriptor).st_mode & 0o777 == 0o600
    foreign = opened(memory, lump)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.pwrite(foreign.segment.descriptor, b"x", HEAD)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.ENOMEM])
def test_memory_that_the_system_does_not_have_is_refused_and_said_once(memory, monkeypatch, caplog, code):
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "dgo.memory"):
        patched.setattr(os, "posix_fallocate", refuse)
        assert memory.keep(filled(1)) is None
        assert memory.keep(filled(1)) is None
    assert len(caplog.records) == 1
    assert "DGO_SHARED_MEMORY=0" in caplog.text
    assert segments() == 0
    assert memory.keep(filled(1)) is not None, "there is room again"


def test_a_system_that_forbids_it_is_asked_once(memory, monkeypatch):
    asked = []

    def refuse(*_: Any) -> int:
        asked.append(1)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "memfd_create", refuse)
    assert memory.keep(filled(1)) is None
    assert memory.keep(filled(1)) is None
    assert len(asked) == 1


def test_after_the_end_a_segment_lives_as_long_as_its_arrays():
    memory = Memory()
    view = memory.keep(memoryview(bytearray(b"a" * NBYTES))).private()
    memory.close()
    assert memory.keep(filled(1)) is None
    assert bytes(view) == b"a" * NBYTES
    del view
    assert segments() == 0


@pytest.mark.parametrize(("text", "on"), [("0", False), ("off", False), ("1", True), ("", True)])
def test_the_environment_says_whether_memory_is_shared(monkeypatch, text, on):
    monkeypatch.setenv("DGO_SHARED_MEMORY", text)
    memory = shared_memory()
    assert (memory is not None) == on
    if memory is not None:
        memory.close()


def test_a_word_that_is_neither_yes_nor_no_is_refused(monkeypatch):
    monkeypatch.setenv("DGO_SHARED_MEMORY", "maybe")
    with pytest.raises(ValueError, match="maybe"):
        shared_memory()


def test_frozen_values_use_lumps_and_stay_isolated(memory):
    set_keeper(memory.keep)
    block = Block.made(1)
    frozen: Any = freeze(block)
    block.data[0] = 9
    assert type(frozen.buffers[0]) is OwnLump
    first: Any = thaw(frozen)
    first.data[0] = 8
    second: Any = thaw(frozen, last=True)
    assert (second.seeds, first.seeds) == ((1, 1), (8, 1))
    small: Any = freeze(Block.made(1, LUMP_BYTES - 1))
    assert type(small.buffers[0]) is bytearray


def test_threads_that_keep_and_drop_values_at_once_never_see_each_others(memory):
    wrong = []

    def work(seed: int) -> None:
        for turn in range(40):
            source = bytearray([seed]) * NBYTES
            lump = memory.keep(memoryview(source))
            if lump is None:
                continue
            view = lump.private(last=turn % 2 == 0)
            if view[0] != seed or view[-1] != seed:
                wrong.append((seed, turn))
            view[:] = bytes(NBYTES)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
