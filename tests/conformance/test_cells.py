"""Atomic and Map (contract section 5, Go's rules of sync/atomic and sync.Map)."""

from __future__ import annotations

import pytest

import dgo

from .places import LIMIT, build, build_away, elsewhere


@pytest.fixture(params=[build, build_away], ids=["here", "away"])
def make(request):
    return request.param


class Point:
    """A key and value with an equality of its own."""

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return isinstance(other, Point) and self.x == other.x

    def __hash__(self):
        return hash(self.x)


class Quarrelsome:
    """Compares with nothing."""

    def __eq__(self, other):
        raise ArithmeticError("expected by the test")

    def __hash__(self):
        return 1


# ---- Atomic --------------------------------------------------------------------------------------


def test_no_addition_is_lost(everywhere, make):
    def add(atomic):
        return [atomic.add(1) for _ in range(20)]

    def body(make):
        atomic = make(dgo.Atomic, 0)
        results = [goroutine.result(timeout=LIMIT) for goroutine in [elsewhere(add, atomic) for _ in range(5)]]
        assert atomic.load() == 100
        seen = sorted(number for result in results for number in result)
        assert seen == list(range(1, 101)), "each addition has a result of its own"

    everywhere(body, make)


def test_of_many_that_compare_and_swap_one_succeeds(everywhere, make):
    def body(make):
        atomic = make(dgo.Atomic, [0])
        goroutines = [elsewhere(atomic.compare_and_swap, [0], [number]) for number in range(1, 6)]
        results = [goroutine.result(timeout=LIMIT) for goroutine in goroutines]
        assert results.count(True) == 1
        assert atomic.load() == [results.index(True) + 1]

    everywhere(body, make)


def test_the_operations_of_an_atomic(everywhere, make):
    def body(make):
        atomic = make(dgo.Atomic, 1)
        assert atomic.load() == 1
        atomic.store("a")
        assert atomic.swap(2) == "a"
        assert atomic.add(0.5) == 2.5
        assert atomic.add(10**30) == 10**30 + 2.5
        atomic.store(10**30)
        assert atomic.add(-1) == 10**30 - 1
        assert not atomic.compare_and_swap(1, 5)
        assert atomic.compare_and_swap(10**30 - 1, 5)
        assert atomic.compare_and_swap(5.0, None), "equality is Python's"
        assert atomic.load() is None

    everywhere(body, make)


def test_add_is_for_numbers(everywhere, make):
    def body(make):
        with pytest.raises(TypeError):
            make(dgo.Atomic, 0).add("1")
        for value in ("text", [1]):
            atomic = make(dgo.Atomic, value)
            with pytest.raises(TypeError, match="numbers"):
                atomic.add(1)
            assert atomic.load() == value

    everywhere(body, make)


def test_an_atomic_shares_nothing_mutable(everywhere, make):
    def body(make):
        value = [1]
        atomic = make(dgo.Atomic, value)
        value.append(2)
        atomic.load().append(3)
        assert atomic.load() == [1]
        atomic.store(value)
        value.append(4)
        assert atomic.swap(value) == [1, 2]

    everywhere(body, make)


def test_compare_and_swap_uses_the_equality_of_users_classes(everywhere, make):
    def body(make):
        atomic = make(dgo.Atomic, Point(1))
        assert not atomic.compare_and_swap(Point(2), Point(3))
        assert atomic.compare_and_swap(Point(1), Point(2))
        assert atomic.load() == Point(2)
        atomic.store(Quarrelsome())
        with pytest.raises(ArithmeticError, match="expected"):
            atomic.compare_and_swap(1, 2)

    everywhere(body, make)


def test_what_cannot_travel_is_refused_and_nothing_changes(everywhere, make):
    def body(make):
        atomic, shared = make(dgo.Atomic, 0), make(dgo.Map)
        unsendable = (number for number in range(3))
        for use in (atomic.store, atomic.swap, lambda value: shared.store("key", value)):
            with pytest.raises(dgo.SerializationError):
                use(unsendable)
        assert atomic.load() == 0
        assert len(shared) == 0

    everywhere(body, make)


# ---- Map -----------------------------------------------------------------------------------------


def test_of_many_that_load_or_store_one_stores_and_all_see_that(everywhere, make):
    def body(make):
        shared = make(dgo.Map)
        goroutines = [elsewhere(shared.load_or_store, "key", number) for number in range(6)]
        results = [goroutine.result(timeout=LIMIT) for goroutine in goroutines]
        assert [loaded for _, loaded in results].count(False) == 1
        assert {actual for actual, _ in results} == {shared["key"]}

    everywhere(body, make)


def test_of_many_that_load_and_delete_one_gets_the_value(everywhere, make):
    def body(make):
        shared = make(dgo.Map)
        shared.store(("a", 1), "value")
        goroutines = [elsewhere(shared.load_and_delete, ("a", 1)) for _ in range(6)]
        results = [goroutine.result(timeout=LIMIT) for goroutine in goroutines]
        assert results.count(("value", True)) == 1
        assert results.count((None, False)) == 5

    everywhere(body, make)


def test_the_operations_of_a_map(everywhere, make):
    def body(make):
        shared = make(dgo.Map)
        assert shared.load("a") == (None, False)
        shared.store("a", 1)
        assert shared.load("a") == (1, True)
        assert shared.load_or_store("a", 2) == (1, True)
        assert shared.load_or_store("b", [2]) == ([2], False)
        assert list(shared.range()) == [("a", 1), ("b", [2])]
        assert shared.load_and_delete("a") == (1, True)
        assert shared.load_and_delete("a") == (None, False)
        shared.delete("a")
        shared.delete("b")
        assert list(shared.range()) == []

    everywhere(body, make)


def test_a_map_is_a_mapping(everywhere, make):
    def body(make):
        shared = make(dgo.Map)
        shared["a"] = 1
        shared.update({"b": 2}, c=3)
        assert shared["a"] == 1
        assert "a" in shared
        assert "z" not in shared
        assert len(shared) == 3
        assert list(shared) == list(shared.keys()) == ["a", "b", "c"]
        assert list(shared.values()) == [1, 2, 3]
        assert dict(shared) == dict(shared.items()) == {"a": 1, "b": 2, "c": 3}
        assert (2 in shared.values(), 9 in shared.values()) == (True, False)
        assert (shared.get("a"), shared.get("z"), shared.get("z", 0)) == (1, None, 0)
        assert (shared.setdefault("a", 9), shared.setdefault("d", 4)) == (1, 4)
        assert (shared.pop("d"), shared.pop("d", None)) == (4, None)
        del shared["a"]
        for absent in (lambda: shared["a"], lambda: shared.pop("a"), lambda: shared.__delitem__("a")):
            with pytest.raises(KeyError):
                absent()
        assert shared.popitem() == ("c", 3)
        shared.clear()
        assert bool(shared), "it is a handle"
        with pytest.raises(KeyError):
            shared.popitem()

    everywhere(body, make)


def test_keys_are_equal_as_in_a_dict(everywhere, make):
    def body(make):
        shared = make(dgo.Map)
        for key in (1, Point(1), (1, Point(1)), None, b"1", 10**30, frozenset({1})):
            shared[key] = "first"
        assert shared[True] == shared[1.0] == "first"
        assert shared[Point(1)] == "first"
        assert shared[1, Point(1)] == "first"
        assert shared[10**30] == shared[frozenset({1})] == "first"
        assert len(shared) == 7
        assert elsewhere(shared.get, Point(1)).result(timeout=LIMIT) == "first"

    everywhere(body, make)


def test_a_handle_can_be_a_key_and_a_value(everywhere, make):
    def body(make):
        shared, ch = make(dgo.Map), dgo.Chan(1)
        shared[ch] = ch
        shared[ch].send("through it")
        assert list(shared) == [ch]
        assert elsewhere(lambda: shared[ch].recv()).result(timeout=LIMIT) == "through it"

    everywhere(body, make)


def test_a_key_that_cannot_be_hashed_is_a_type_error_at_once(everywhere, make):
    def body(make):
        shared = make(dgo.Map)
        for use in (shared.load, shared.delete, lambda key: shared.store(key, 1), lambda key: key in shared):
            with pytest.raises(TypeError, match="unhashable"):
                use([1])
        assert len(shared) == 0

    everywhere(body, make)


def test_an_error_of_a_key_reaches_who_asked_and_the_map_goes_on(everywhere, make):
    def body(make):
        shared = make(dgo.Map)
        shared[Quarrelsome()] = 1
        for key in (Quarrelsome(), 1):
            with pytest.raises(ArithmeticError, match="expected"):
                shared.load(key)
        shared[2] = 2
        assert len(shared) == 2

    everywhere(body, make)


def test_a_map_shares_nothing_mutable(everywhere, make):
    def body(make):
        shared, value, key = make(dgo.Map), [1], Point(1)
        shared[key] = value
        value.append(2)
        key.x = 2
        shared[Point(1)].append(3)
        next(iter(shared)).x = 3
        assert shared[Point(1)] == [1]
        assert Point(2) not in shared

    everywhere(body, make)


def test_a_range_is_of_the_moment_in_which_it_began(everywhere, make):
    def body(make):
        shared = make(dgo.Map)
        shared.update(dict.fromkeys(range(5)))
        pairs = shared.range()
        for key, _ in pairs:
            del shared[key]
            shared[key + 100] = None
        assert sorted(shared) == [100, 101, 102, 103, 104]

    everywhere(body, make)
