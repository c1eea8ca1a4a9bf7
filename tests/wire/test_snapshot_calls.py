"""Calls: what of a function is shared, what is captured, and when it is looked at again."""

from __future__ import annotations

import asyncio
import functools
import gc
import math
import time
import weakref
from types import FunctionType
from typing import Any

import pytest

from dgo.errors import SerializationError
from dgo.wire.snapshot import Call, CodeStore, Handle, freeze, snapshot_call, thaw, thaw_call
from dgo.wire.snapshot.plans import MAX_VARIANTS


class Channel(Handle):
    __slots__ = ()


class Adder:
    def __init__(self, n: int) -> None:
        self.n = n

    def add(self, x: int) -> int:
        return self.n + x

    def __call__(self, x: int) -> int:
        return self.n + x


def module_level(x: int) -> int:
    return x + 1


def in_main(source: str, **names: Any) -> dict[str, Any]:
    """The namespace of a pretended main script."""
    world = {"__name__": "__main__", "__builtins__": __builtins__, **names}
    exec(source, world)
    return world


def snap(fn: Any, *args: Any, **kwargs: Any) -> Call:
    return snapshot_call(fn, args, kwargs)


def run(call: Call, store: CodeStore | None = None) -> Any:
    fn, args, kwargs = thaw_call(call.key, call.args, call.kwargs, call.payload, store or CodeStore())
    return fn(*args, **kwargs)


@pytest.mark.parametrize("fn", [module_level, print, len, math.floor, time.sleep, Adder, dict])
def test_an_importable_callable_is_shared_as_itself(fn: Any) -> None:
    call = snap(fn, 1)
    assert call.fn is fn
    assert call.key is not None
    assert len(call.key) == 16


def test_a_call_with_immutable_arguments_needs_no_payload() -> None:
    call = snap(module_level, 1)
    assert (call.args, call.kwargs, call.payload, call.codes) == ((1,), {}, None, ())
    assert run(call) == 2


def test_mutable_arguments_are_captured_at_the_call() -> None:
    items = [1]
    call = snap(sum, items)
    items.append(5)
    assert call.key is not None
    assert call.args is None
    assert run(call) == 1


def test_keyword_arguments_travel() -> None:
    assert run(snap(sorted, (3, 1), reverse=True)) == [3, 1]
    assert run(snap(sorted, [3, 1], reverse=True)) == [3, 1]


def test_the_callers_own_dict_of_keywords_is_not_kept() -> None:
    kwargs = {"reverse": True}
    call = snapshot_call(sorted, ((3, 1),), kwargs)
    kwargs["reverse"] = False
    assert run(call) == [3, 1]


def test_a_closed_lambda_is_shared_and_is_the_very_object_here() -> None:
    fn = lambda x: x + 1  # noqa: E731  a lambda is what is tested
    call = snap(fn, 1)
    assert call.fn is fn
    assert snap(fn, 1).key == call.key
    assert run(call) == 2


def test_the_name_is_readable() -> None:
    assert snap(lambda: 0).name == "test_the_name_is_readable.<lambda>"
    assert snap(Adder(1).add, 1).name == "Adder.add"
    assert snap(functools.partial(module_level, 1)).name == "module_level"
    assert snap(Adder(1), 1).name == "Adder"


def test_lambdas_in_a_loop_capture_their_own_values() -> None:
    calls = []
    for i in range(3 * MAX_VARIANTS):
        calls.append(snap(lambda: i))  # noqa: B023  the late binding is what is tested
    assert [run(call) for call in calls] == list(range(3 * MAX_VARIANTS))


def test_the_copy_that_runs_here_does_not_see_a_closure_variable_bound_anew() -> None:
    x = 1
    call = snap(lambda: x)
    x = 2
    assert call.fn is not None
    assert call.fn() == 1


def test_a_lambda_that_captures_ever_new_values_stops_making_blobs() -> None:
    def make(i: int) -> Any:
        return lambda: i

    calls = [snap(make(1000 + i)) for i in range(MAX_VARIANTS + 5)]
    assert [call.key is None for call in calls].count(True) == 5
    assert len({call.codes for call in calls if call.key is None}) == 1


def test_a_global_bound_anew_after_the_call_is_not_seen() -> None:
    main = in_main("N = 1\ndef f(): return N")
    before = snap(main["f"])
    main["N"] = 2
    assert run(before) == 1
    assert before.fn is not None
    assert before.fn() == 1


def test_a_global_bound_anew_before_the_call_is_seen() -> None:
    main = in_main("N = 1\ndef f(): return N")
    snap(main["f"])
    main["N"] = 2
    assert run(snap(main["f"])) == 2


def test_a_closure_variable_bound_anew_makes_a_new_plan() -> None:
    x = 1

    def f() -> int:
        return x

    first = snap(f)
    x = 2
    second = snap(f)
    assert first.key != second.key
    assert (run(first), run(second)) == (1, 2)


def test_a_default_replaced_makes_a_new_plan() -> None:
    main = in_main("def f(a=1, *, b=1): return a, b")
    f = main["f"]
    assert run(snap(f)) == (1, 1)
    f.__defaults__ = (2,)
    assert run(snap(f)) == (2, 1)
    f.__kwdefaults__["b"] = 3
    assert run(snap(f)) == (2, 3)


def test_a_helper_defined_later_is_found_by_the_next_call() -> None:
    main = in_main("def f(): return helper()")
    with pytest.raises(NameError):
        run(snap(main["f"]))
    exec("def helper(): return 7", main)
    assert run(snap(main["f"])) == 7


def test_a_change_in_a_helper_of_a_helper_is_noticed() -> None:
    main = in_main("N = 1\ndef h(): return N\ndef g(): return h()\ndef f(): return g()")
    assert run(snap(main["f"])) == 1
    main["N"] = 2
    assert run(snap(main["f"])) == 2


def test_a_helper_that_becomes_mutable_data_is_captured_each_time() -> None:
    main = in_main("data = 1\ndef f(): return data")
    assert snap(main["f"]).key is not None
    main["data"] = [1]
    call = snap(main["f"])
    main["data"].append(2)
    assert call.key is None
    assert run(call) == [1]


def test_two_functions_that_call_each_other_are_shared() -> None:
    main = in_main("def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)")
    call = snap(main["even"], 10)
    assert call.key is not None
    assert run(call) is True


def test_a_nested_function_may_call_itself() -> None:
    def factorial(n: int) -> int:
        return 1 if n == 0 else n * factorial(n - 1)

    assert run(snap(factorial, 5)) == 120


def test_a_global_counter_is_isolated_in_each_call() -> None:
    main = in_main("n = 0\ndef f():\n global n\n n += 1\n return n")
    call = snap(main["f"])
    assert call.key is None
    assert (run(call), run(call), main["n"]) == (1, 1, 0)


def test_a_nonlocal_counter_is_isolated_in_each_call() -> None:
    n = 0

    def f() -> int:
        nonlocal n
        n += 1
        return n

    call = snap(f)
    assert call.key is None
    assert (run(call), run(call), n) == (1, 1, 0)


def test_a_nonlocal_store_in_a_function_inside_counts_too() -> None:
    n = 0

    def f() -> int:
        def g() -> None:
            nonlocal n
            n += 1

        g()
        return n

    assert snap(f).key is None
    assert run(snap(f)) == 1


def test_a_mutable_default_is_new_in_each_call() -> None:
    def f(x: int, seen: list[int] = []) -> list[int]:  # noqa: B006  that is what is tested
        seen.append(x)
        return seen

    call = snap(f, 1)
    assert (run(call), run(call), f.__defaults__) == ([1], [1], ([],))


@pytest.mark.parametrize("name", ["globals", "vars", "exec", "eval"])
def test_code_that_can_look_behind_its_names_is_not_shared(name: str) -> None:
    assert snap(in_main(f"def f(): return {name}")["f"]).key is None


def test_a_method_that_is_called_eval_does_not_matter() -> None:
    assert snap(in_main("def f(model): return model.eval()")["f"], 1).key is not None


def test_a_function_with_attributes_is_captured_with_them() -> None:
    main = in_main("def f(): return f.n")
    main["f"].n = [3]
    call = snap(main["f"])
    main["f"].n.append(4)
    assert call.key is None
    assert run(call) == [3]


def test_a_class_body_in_a_function_reads_globals_too() -> None:
    main = in_main("N = 3\ndef f():\n class C:\n  n = N\n return C.n")
    assert run(snap(main["f"])) == 3
    main["N"] = [4]
    assert run(snap(main["f"])) == [4]


def test_a_captured_handle_is_never_part_of_a_shared_function() -> None:
    channel = Channel()
    call = snap(lambda: channel)
    assert call.key is None
    assert call.payload is not None
    assert call.payload.handles == (channel,)
    assert run(call) is channel


def test_a_captured_handle_is_not_kept_alive_once_the_call_is_gone() -> None:
    def make() -> tuple[Call, weakref.ref[Channel]]:
        channel = Channel()
        return snap(lambda: channel), weakref.ref(channel)

    call, alive = make()
    gc.collect()
    assert alive() is not None
    del call
    gc.collect()
    assert alive() is None


def test_a_handle_as_an_argument_needs_no_payload() -> None:
    channel = Channel()
    call = snap(len, channel)
    assert call.args == (channel,)
    assert call.payload is None


def test_what_closure_and_arguments_share_stays_shared() -> None:
    shared: list[int] = []
    fn, args, _ = _thawed(snap(lambda x: x is shared, shared))
    assert fn(*args) is True


def _thawed(call: Call) -> Any:
    return thaw_call(call.key, call.args, call.kwargs, call.payload, CodeStore())


def test_a_shared_function_is_the_same_object_at_every_thaw() -> None:
    main = in_main("N = 1\ndef f(): return N")
    call = snap(main["f"])
    store = CodeStore()
    first = thaw_call(call.key, call.args, call.kwargs, call.payload, store)[0]
    assert thaw_call(call.key, call.args, call.kwargs, call.payload, store)[0] is first


def test_each_thaw_of_a_function_that_is_not_shared_has_its_own_globals() -> None:
    main = in_main("data = []\ndef f(): data.append(1); return data")
    call = snap(main["f"])
    first, second = _thawed(call)[0], _thawed(call)[0]
    assert isinstance(first, FunctionType)
    assert first.__globals__ is not second.__globals__
    assert (first(), second(), main["data"]) == ([1], [1], [])


def test_code_in_a_payload_is_named_not_embedded() -> None:
    data = ["x"]
    call = snap(lambda: (data, "a constant that only the code holds"))
    assert len(call.codes) == 1
    assert call.payload is not None
    assert b"a constant that only" not in call.payload.data


def test_a_function_in_the_arguments_travels_by_code_hash_too() -> None:
    call = snap(map, lambda x: x + 1, (1, 2))
    assert call.key is not None
    assert len(call.codes) == 1
    assert list(run(call)) == [2, 3]


def test_a_function_sent_as_a_value_carries_its_code() -> None:
    n = [1]
    back: Any = thaw(freeze(lambda: n))
    n.append(2)
    assert back() == [1]


@pytest.mark.parametrize(
    "fn",
    [Adder(1).add, Adder(1), functools.partial(lambda a, b: a + b, 1), [0, 1, 2].__getitem__, (2).__mul__],
)
def test_every_callable_object_works(fn: Any) -> None:
    assert run(snap(fn, 1)) in (1, 2)


def test_the_object_of_a_bound_method_is_captured_at_the_call() -> None:
    adder = Adder(1)
    call = snap(adder.add, 1)
    adder.n = 100
    assert run(call) == 2


def test_an_async_function_works() -> None:
    async def f(x: int) -> int:
        return x + 1

    assert asyncio.run(run(snap(f, 1))) == 2


def test_something_that_is_not_callable_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"dgo\.go\(\) needs a function or another callable, got int"):
        snap(3)


def test_a_coroutine_is_refused_with_advice() -> None:
    async def f() -> None: ...

    coroutine = f()
    with pytest.raises(TypeError, match="pass the function and its arguments"):
        snap(coroutine)
    coroutine.close()


def test_an_annotation_does_not_keep_a_function_from_being_shared() -> None:
    main = in_main("class Job: pass\ndef f(job: Job, n: int) -> 'Job': return n")
    call = snap(main["f"], 1, 2)
    assert call.key is not None
    blob = CodeStore().blob(call.key)
    assert blob is not None
    assert b"Job" in blob  # the string annotation is kept
    assert b"_make_skeleton_class" not in blob


def test_a_store_refuses_a_blob_that_is_not_what_its_name_says() -> None:
    with pytest.raises(ValueError, match="does not hash to its name"):
        CodeStore().add(b"x" * 16, b"blob")


def test_code_made_here_is_never_missing_here() -> None:
    data = [1]
    for call in (snap(lambda: 1), snap(lambda: data)):
        assert CodeStore().missing(call.key, call.codes) == []


def test_unknown_code_is_missing_until_it_is_added() -> None:
    store = CodeStore()
    key = b"k" * 16
    assert store.missing(key, (b"c" * 16,)) == [key, b"c" * 16]
    with pytest.raises(LookupError):
        thaw_call(key, (), {}, None, store)


def test_a_payload_of_a_call_is_not_a_value() -> None:
    data = [1]
    call = snap(lambda: data)
    with pytest.raises(SerializationError, match="thaw_call"):
        thaw(call.payload)
