"""Context variables in what travels."""

from __future__ import annotations

import contextvars

import pytest

from dgo.wire.snapshot import freeze, thaw


def test_a_context_variable_that_comes_home_is_the_same():
    variable = contextvars.ContextVar("variable")
    back, again = thaw(freeze([variable, variable], "the value"))
    assert back is variable
    assert again is variable


def test_a_context_variable_brings_its_default_and_not_its_value():
    from dgo.wire.snapshot import context_variables

    variable = contextvars.ContextVar("variable", default=("a", 1))
    variable.set(("b", 2))
    rebuild, arguments = context_variables.reduce_context_variable(variable)
    elsewhere = (b"of another process", *arguments[1:])
    copy = rebuild(*elsewhere)
    assert copy is not variable
    assert copy is rebuild(*elsewhere)
    assert (copy.name, copy.get()) == ("variable", ("a", 1))


def test_a_context_variable_without_a_default_has_none_elsewhere():
    from dgo.wire.snapshot import context_variables

    rebuild, (_, name) = context_variables.reduce_context_variable(contextvars.ContextVar("bare"))
    copy = rebuild(b"of yet another process", name)
    with pytest.raises(LookupError):
        copy.get()


def test_two_variables_of_one_name_stay_two():
    one, other = contextvars.ContextVar("name"), contextvars.ContextVar("name")
    back = thaw(freeze((one, other, []), "the value"))
    assert back[0] is one
    assert back[1] is other
