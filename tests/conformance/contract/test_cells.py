"""Atomic and Map: shared state that every goroutine sees alike (contract section 5)."""

from __future__ import annotations

import pytest

import dgo

from ..places import LIMIT, elsewhere
from .common import cannot_travel, made

# ---- Atomic --------------------------------------------------------------------------------------


def test_an_atomic_begins_with_its_initial_value(everywhere, home):
    def body(home):
        for initial in (0, -1, 1.5, "text", None, (1, 2), {"key": [1]}):
            assert made(home, dgo.Atomic, initial).load() == initial

    everywhere(body, home)


def test_a_load_gives_what_was_stored_last(everywhere, home):
    def body(home):
        cell = made(home, dgo.Atomic, 0)
        for value in (1, "two", None):
            assert cell.store(value) is None
            assert cell.load() == value
            assert elsewhere(cell.load).result(timeout=LIMIT) == value

    everywhere(body, home)


def test_what_was_stored_elsewhere_is_seen_here(everywhere, home):
    def body(home):
        cell = made(home, dgo.Atomic, 0)
        elsewhere(cell.store, 1).result(timeout=LIMIT)
        assert cell.load() == 1

    everywhere(body, home)


def test_add_returns_the_new_value(everywhere, home):
    def body(home):
        cell = made(home, dgo.Atomic, 5)
        assert cell.add(2) == 7
        assert cell.add(-10) == -3
        assert cell.load() == -3

    everywhere(body, home)


def test_swap_returns_the_old_value(everywhere, home):
    def body(home):
        cell = made(home, dgo.Atomic, "old")
        assert cell.swap("new") == "old"
        assert cell.load() == "new"

    everywhere(body, home)


def test_compare_and_swap_changes_only_what_is_as_expected(everywhere, home):
    def body(home):
        cell = made(home, dgo.Atomic, 1)
        assert cell.compare_and_swap(2, 3) is False
        assert cell.load() == 1
        assert cell.compare_and_swap(1, 3) is True
        assert cell.load() == 3

    everywhere(body, home)


def test_compare_and_swap_compares_by_equality(everywhere, home):
    def body(home):
        cell = made(home, dgo.Atomic, ("a", [1]))
        assert cell.compare_and_swap(("a", [1]), "swapped") is True

    everywhere(body, home)


def test_no_add_is_lost_and_each_returns_another_value(everywhere, home):
    def count(cell):
        return [cell.add(1) for _ in range(10)]

    def body(home):
        cell = made(home, dgo.Atomic, 0)
        counters = [elsewhere(count, cell) for _ in range(6)]
        seen = [value for counter in counters for value in counter.result(timeout=LIMIT)]
        assert sorted(seen) == list(range(1, 61))
        assert cell.load() == 60

    everywhere(body, home)


def test_of_many_that_compare_and_swap_one_succeeds(everywhere, home):
    def body(home):
        cell = made(home, dgo.Atomic, "free")
        tries = [elsewhere(cell.compare_and_swap, "free", i) for i in range(6)]
        won = [i for i, one in enumerate(tries) if one.result(timeout=LIMIT)]
        assert [cell.load()] == won

    everywhere(body, home)


def test_swaps_hand_each_value_to_one_goroutine(everywhere, home):
    def body(home):
        cell = made(home, dgo.Atomic, "first")
        swaps = [elsewhere(cell.swap, i) for i in range(6)]
        seen = [one.result(timeout=LIMIT) for one in swaps]
        assert sorted(map(str, [*seen, cell.load()])) == ["0", "1", "2", "3", "4", "5", "first"]

    everywhere(body, home)


def test_an_atomic_and_its_users_share_no_mutable_state(everywhere, home):
    def body(home):
        value = [1]
        cell = made(home, dgo.Atomic, value)
        value.append("initial")
        cell.load().append("loaded")
        assert cell.load() == [1]
        cell.store(value)
        value.append("stored")
        assert cell.load() == [1, "initial"]
        cell.swap([]).append("swapped")
        assert cell.load() == []

    everywhere(body, home)


def test_an_add_that_makes_no_sense_is_a_type_error_and_changes_nothing(everywhere, home):
    def body(home):
        cell = made(home, dgo.Atomic, 1)
        with pytest.raises(TypeError):
            cell.add("one")
        assert cell.load() == 1
        text = made(home, dgo.Atomic, "text")
        with pytest.raises(TypeError):
            text.add(1)
        assert text.load() == "text"

    everywhere(body, home)


def test_a_value_that_cannot_travel_is_refused_and_changes_nothing(everywhere, home):
    def body(home):
        with pytest.raises(dgo.SerializationError):
            dgo.Atomic(cannot_travel())
        cell = made(home, dgo.Atomic, 1)
        for use in (cell.store, cell.swap, lambda value: cell.compare_and_swap(1, value)):
            with pytest.raises(dgo.SerializationError):
                use(cannot_travel())
        assert cell.load() == 1

    everywhere(body, home)


# ---- Map -----------------------------------------------------------------------------------------


def test_a_map_gives_back_what_was_stored(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        assert m.load("key") == (None, False)
        assert m.store("key", 1) is None
        assert m.load("key") == (1, True)
        m.store("key", 2)
        assert elsewhere(m.load, "key").result(timeout=LIMIT) == (2, True)

    everywhere(body, home)


def test_a_stored_none_is_there(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        m.store("key", None)
        assert m.load("key") == (None, True)

    everywhere(body, home)


def test_load_or_store_stores_only_what_is_missing(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        assert m.load_or_store("key", 1) == (1, False)
        assert m.load_or_store("key", 2) == (1, True)
        assert m.load("key") == (1, True)

    everywhere(body, home)


def test_of_many_that_load_or_store_one_stores_and_all_see_its_value(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        calls = [elsewhere(m.load_or_store, "key", i) for i in range(6)]
        outcomes = [call.result(timeout=LIMIT) for call in calls]
        stored = [i for i, (_, loaded) in enumerate(outcomes) if not loaded]
        assert len(stored) == 1
        assert {actual for actual, _ in outcomes} == set(stored)

    everywhere(body, home)


def test_load_and_delete_takes_what_is_there(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        m.store("key", 1)
        assert m.load_and_delete("key") == (1, True)
        assert m.load_and_delete("key") == (None, False)
        assert m.load("key") == (None, False)

    everywhere(body, home)


def test_of_many_that_load_and_delete_one_gets_the_value(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        m.store("key", 1)
        calls = [elsewhere(m.load_and_delete, "key") for _ in range(6)]
        outcomes = sorted((call.result(timeout=LIMIT) for call in calls), key=lambda pair: pair[1])
        assert outcomes == [(None, False)] * 5 + [(1, True)]

    everywhere(body, home)


def test_delete_of_what_is_missing_does_nothing(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        m.store("kept", 1)
        assert m.delete("missing") is None
        m.store("gone", 2)
        m.delete("gone")
        assert dict(m.range()) == {"kept": 1}

    everywhere(body, home)


def test_range_gives_every_pair_once(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        for i in range(20):
            m.store(i, str(i))
        assert sorted(m.range()) == [(i, str(i)) for i in range(20)]

    everywhere(body, home)


def test_the_map_may_change_during_a_range(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        for i in range(5):
            m.store(i, i)
        seen = []
        for key, _ in m.range():
            seen.append(key)
            m.delete(key)
            m.store(key + 100, "new")
        assert sorted(key for key in seen if key < 100) == [0, 1, 2, 3, 4]
        assert len(seen) == len(set(seen))

    everywhere(body, home)


def test_a_map_is_used_like_a_mapping(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        m["a"] = 1
        m["b"] = 2
        assert m["a"] == 1
        assert "a" in m
        assert "c" not in m
        assert len(m) == 2
        assert m.get("c") is None
        assert m.get("c", 3) == 3
        assert sorted(m) == sorted(m.keys()) == ["a", "b"]
        assert sorted(m.values()) == [1, 2]
        assert sorted(m.items()) == [("a", 1), ("b", 2)]
        assert dict(m) == {"a": 1, "b": 2}
        del m["a"]
        assert "a" not in m

    everywhere(body, home)


def test_a_missing_key_is_a_key_error(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        with pytest.raises(KeyError, match="missing"):
            m["missing"]
        with pytest.raises(KeyError, match="missing"):
            del m["missing"]

    everywhere(body, home)


def test_keys_are_compared_by_equality(everywhere, home):
    def body(home):
        m, ch = made(home, dgo.Map), dgo.Chan()
        m.store(("a", 1), "tuple")
        m.store(ch, "channel")
        m.store(None, "none")
        assert m.load(("a", 1)) == ("tuple", True)
        assert elsewhere(m.load, ch).result(timeout=LIMIT) == ("channel", True)
        assert m.load(None) == ("none", True)

    everywhere(body, home)


def test_a_key_that_cannot_be_hashed_is_a_type_error_and_changes_nothing(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        for use in (m.load, m.delete, m.load_and_delete, lambda key: m.store(key, 1)):
            with pytest.raises(TypeError):
                use(["list"])
        assert list(m.range()) == []

    everywhere(body, home)


def test_a_map_and_its_users_share_no_mutable_state(everywhere, home):
    def body(home):
        m, value = made(home, dgo.Map), [1]
        m.store("key", value)
        value.append("stored")
        m.load("key")[0].append("loaded")
        m["key"].append("item")
        m.load_or_store("key", [])[0].append("load_or_store")
        for _, each in m.range():
            each.append("range")
        assert m.load("key") == ([1], True)
        m.load_or_store("other", value)[0].append("stored by load_or_store")
        assert m.load("other") == ([1, "stored"], True)

    everywhere(body, home)


def test_a_map_value_that_cannot_travel_is_refused_and_changes_nothing(everywhere, home):
    def body(home):
        m = made(home, dgo.Map)
        m.store("key", 1)
        for use in (m.store, m.load_or_store, m.__setitem__):
            with pytest.raises(dgo.SerializationError):
                use("key", cannot_travel())
        assert dict(m.range()) == {"key": 1}

    everywhere(body, home)


def test_counters_in_a_map_guarded_by_a_mutex_lose_nothing(everywhere, home):
    def count(m, mutex):
        for _ in range(5):
            with mutex:
                m["n"] = m.get("n", 0) + 1

    def body(home):
        m, mutex = made(home, dgo.Map), made(home, dgo.Mutex)
        for counter in [elsewhere(count, m, mutex) for _ in range(4)]:
            counter.result(timeout=LIMIT)
        assert m["n"] == 20

    everywhere(body, home)
