"""When a worker's garbage collector goes through everything: the more goroutines live, the later."""

import gc
from collections.abc import Iterator

import pytest

from dgo_worker.collector import OBJECTS, Collector

DEFAULT = (700, 10, 10)


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*DEFAULT)
    yield
    gc.set_threshold(*before)


def test_with_few_goroutines_nothing_changes() -> None:
    collector = Collector()
    collector.adjust(1000)
    assert gc.get_threshold() == DEFAULT


def test_as_many_objects_as_those_of_the_goroutines_are_allocated_before_all_is_gone_through() -> None:
    collector = Collector()
    collector.adjust(1_000_000)
    young, middle, old = gc.get_threshold()
    assert (young, middle) == DEFAULT[:2]
    assert young * middle * (old + 1) > 1_000_000 * OBJECTS >= young * middle * old


def test_when_they_have_ended_it_is_as_before() -> None:
    collector = Collector()
    collector.adjust(1_000_000)
    collector.adjust(0)
    assert gc.get_threshold() == DEFAULT


@pytest.mark.parametrize("own", [(0, 10, 10), (5000, 20, 100)])
def test_what_a_program_has_set_is_left_alone(own: tuple[int, int, int]) -> None:
    collector = Collector()
    collector.adjust(1_000_000)
    gc.set_threshold(*own)
    collector.adjust(2_000_000)
    assert gc.get_threshold() == own


def test_where_it_was_off_at_first_it_stays_off() -> None:
    gc.set_threshold(0)
    before = gc.get_threshold()
    collector = Collector()
    collector.adjust(1_000_000)
    assert gc.get_threshold() == before
