"""Options of the programs: on the command line, else from the environment, else a default.

Each program has one table of :class:`Option`; its help is made from the table, and so names the variable of
every option. A wrong word on the command line is a usage error (64), a wrong variable a configuration error
(78), each with the name of the culprit.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from dgo.cli.exits import Exit, fail

__all__ = [
    "Option",
    "Parser",
    "add_options",
    "amounts",
    "count",
    "labels",
    "one_of",
    "read_options",
    "seconds",
    "yes",
]


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        flag: ``--name``; the value is found under ``name``.
        variable: the environment variable that says the same.
        help: what it means, for people.
        convert: makes the value of a text; raises ``ValueError`` with the reason.
        default: the value when nobody says anything.
        metavar: how the help shows the value; empty for a switch.
        many: may be given more than once, and separated by commas in the variable; the values are merged.
        shown: the default in the help, if its value does not say enough.
    """

    flag: str
    variable: str
    help: str
    convert: Callable[[str], Any] = str
    default: Any = None
    metavar: str = ""
    many: bool = False
    shown: str = ""

    @property
    def name(self) -> str:
        """The attribute under which the value is found."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def full_help(self) -> str:
        """The help with the variable and the default."""
        default = self.shown or ("" if self.default in (None, False, {}) else f"{self.default}")
        facts = f"${self.variable}" + (f"; default: {default}" if default else "")
        return f"{self.help} [{facts}]".replace("%", "%%")


class Parser(argparse.ArgumentParser):
    """An argument parser that ends with 64, keeps the examples' lines, and takes no abbreviations."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        """Ends the program as every wrong command line does."""
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE, f"{self.prog}: {message}\nTry `{self.prog} --help`.\n")


def add_options(parser: argparse.ArgumentParser, options: Iterable[Option]) -> None:
    """Adds the table to a parser."""
    for option in options:
        settings: dict[str, Any] = {"dest": option.name, "default": None, "help": option.full_help}
        if option.metavar:
            settings |= {"metavar": option.metavar, "type": _checked(option.convert)}
            settings["action"] = "append" if option.many else "store"
        else:
            settings["action"] = "store_true"
        parser.add_argument(option.flag, **settings)


def _checked(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def checked(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked


def read_options(
    arguments: argparse.Namespace, options: Iterable[Option], environment: Mapping[str, str] = os.environ
) -> None:
    """Fills in what the command line did not say. An empty variable counts as unset.

    Raises:
        Failure: you: a variable's value makes no sense (78).
    """
    for option in options:
        value = getattr(arguments, option.name)
        if value is None and environment.get(option.variable):
            value = _from_environment(option, environment[option.variable])
        if value is None:
            value = option.default
        elif option.many:
            value = {key: item for part in value for key, item in part.items()}
        setattr(arguments, option.name, value)


def _from_environment(option: Option, text: str) -> Any:
    try:
        if option.many:
            return [option.convert(part) for part in text.split(",") if part.strip()]
        return option.convert(text)
    except ValueError as error:
        fail(Exit.CONFIGURATION, f"the environment variable {option.variable}={text!r} is wrong: {error}")


# ---- conversions -------------------------------------------------------------------------------------


def yes(text: str) -> bool:
    """A switch in a variable."""
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"{text!r} is neither 1 nor 0")


def count(text: str) -> int:
    """A whole number, 1 or more."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise ValueError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """A time, zero or more; ``8``, ``0.5`` or ``8s``."""
    try:
        value = float(text.strip().removesuffix("s"))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ValueError(f"{text!r} is not a number of seconds")
    return value


def labels(text: str) -> dict[str, str]:
    """``key=value``."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ValueError(f"{text!r} does not have the form key=value")
    return {key.strip(): value.strip()}


def amounts(text: str) -> dict[str, float]:
    """``key=amount``."""
    ((key, value),) = labels(text).items()
    try:
        amount = float(value)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise ValueError(f"{text!r} does not have the form key=amount, with an amount of zero or more")
    return {key: amount}


def one_of(*words: str) -> Callable[[str], str]:
    """One of a few words, in any case."""

    def convert(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return word

    return convert
