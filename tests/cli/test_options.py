"""Options and addresses, without a process."""

from __future__ import annotations

import argparse

import pytest

from dgo.cli import coordinator, run, status
from dgo.cli.addresses import Endpoint, coordinator_address, interface_towards, parse_endpoint
from dgo.cli.exits import Exit, Failure
from dgo.cli.options import Option, Parser, add_options, amounts, count, labels, read_options, seconds, yes
from dgo_worker import cli as worker

TABLES = (coordinator.OPTIONS, worker.OPTIONS, status.OPTIONS, run.OPTIONS)

NUMBER = Option("--number", "DGO_NUMBER", "a number", count, 3, "N")
LABEL = Option("--label", "DGO_LABELS", "labels", labels, {}, "KEY=VALUE", many=True)
SWITCH = Option("--switch", "DGO_SWITCH", "a switch", yes, False)


def parsed(argv: list[str], environment: dict[str, str]) -> argparse.Namespace:
    options = (NUMBER, LABEL, SWITCH)
    parser = Parser(prog="test")
    add_options(parser, options)
    arguments = parser.parse_args(argv)
    read_options(arguments, options, environment)
    return arguments


def test_the_command_line_comes_before_the_environment_and_that_before_the_default() -> None:
    assert parsed(["--number", "5"], {"DGO_NUMBER": "4"}).number == 5
    assert parsed([], {"DGO_NUMBER": "4"}).number == 4
    assert parsed([], {}).number == 3


def test_an_empty_variable_counts_as_unset() -> None:
    assert parsed([], {"DGO_NUMBER": "", "DGO_LABELS": ""}).number == 3


def test_labels_are_repeated_on_the_command_line_and_separated_by_commas_in_the_variable() -> None:
    assert parsed(["--label", "a=1", "--label", "b=2"], {}).label == {"a": "1", "b": "2"}
    assert parsed([], {"DGO_LABELS": "a=1, b=x=y"}).label == {"a": "1", "b": "x=y"}


@pytest.mark.parametrize(("word", "value"), [("1", True), ("true", True), ("0", False), ("off", False)])
def test_a_switch_can_be_turned_on_and_off_by_its_variable(word: str, value: bool) -> None:
    assert parsed([], {"DGO_SWITCH": word}).switch is value


def test_a_wrong_variable_is_a_configuration_error_that_names_it() -> None:
    with pytest.raises(Failure, match="DGO_NUMBER='many'") as failure:
        parsed([], {"DGO_NUMBER": "many"})
    assert failure.value.status == Exit.CONFIGURATION


def test_a_wrong_word_on_the_command_line_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(["--number", "0"], {})
    assert ended.value.code == Exit.USAGE


@pytest.mark.parametrize("convert", [count, seconds, labels, amounts, yes])
def test_every_conversion_refuses_nonsense_with_a_reason(convert: object) -> None:
    for text in ("-1", "nan", "=", "k=-1" if convert is amounts else "?"):
        with pytest.raises(ValueError, match=r"is n|does not"):
            convert(text)  # type: ignore[operator]


@pytest.mark.parametrize("options", TABLES)
def test_every_option_has_a_variable_and_its_help_names_it(options: tuple[Option, ...]) -> None:
    parser = Parser(prog="test")
    add_options(parser, options)
    text = parser.format_help()
    for option in options:
        assert option.variable.startswith("DGO_")
        assert f"${option.variable}" in text
        assert option.flag in text


@pytest.mark.parametrize("text", ["tcp://127.0.0.1:7117", "tcp://[::1]:1", "127.4.5.6:0", "tcp://[::ffff:127.0.0.1]:1"])
def test_loopback_addresses_reach_this_machine_only(text: str) -> None:
    assert parse_endpoint(text).loopback


@pytest.mark.parametrize(
    "text",
    ["tcp://*:7117", "tcp://0.0.0.0:7117", "tcp://[::]:7117", "10.0.0.1:7117", "no-such-host.invalid:1"],
)
def test_wildcards_other_interfaces_and_unknown_names_reach_beyond_it(text: str) -> None:
    assert not parse_endpoint(text).loopback


def test_the_scheme_and_the_port_may_be_left_out() -> None:
    assert parse_endpoint("somewhere") == Endpoint("somewhere", 7117)
    assert str(parse_endpoint("[::1]")) == "tcp://[::1]:7117"


@pytest.mark.parametrize("text", ["", "tcp://", "ipc:///x", "tcp://a:b", "tcp://a:70000", "tcp://::1", "http://a:1"])
def test_what_is_not_an_address_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ValueError, match="tcp://host:7117"):
        parse_endpoint(text)


@pytest.mark.parametrize("text", ["tcp://0.0.0.0:7117", "*:7117", "tcp://127.0.0.1:0"])
def test_a_listeners_address_is_no_address_to_connect_to(text: str) -> None:
    with pytest.raises(ValueError, match="not one to connect to"):
        coordinator_address(text)


def test_localhost_means_the_address_where_a_coordinator_listens() -> None:
    assert str(coordinator_address("localhost")) == "tcp://127.0.0.1:7117"


def test_the_interface_towards_the_loopback_is_the_loopback() -> None:
    assert interface_towards(Endpoint("127.0.0.1", 7117)) == "127.0.0.1"


def test_the_command_line_of_run_replaces_the_environments_choice_of_a_cluster() -> None:
    chosen = argparse.Namespace(address=None, workers=2)
    made = run._environment(chosen, {"DGO_ADDRESS": "tcp://a:1"})
    assert made == {"DGO_WORKERS": "2"}
