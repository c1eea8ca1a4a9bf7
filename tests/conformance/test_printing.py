"""What goroutines print, as the user of a program sees it (contract section 1)."""

from __future__ import annotations

import re

import pytest


def test_the_first_program_of_the_contract_prints_its_lines(output):
    lines = output("""
        import dgo

        def f(who):
            for i in range(3):
                print(who, ":", i)

        def main():
            f("direct")
            wg = dgo.WaitGroup()
            wg.go(f, "goroutine")
            wg.go(lambda msg: print(msg), "going")
            wg.wait()
            print("done")

        if __name__ == "__main__":
            main()
    """)
    assert lines[:3] == [f"direct : {i}" for i in range(3)]
    assert [line for line in lines if "goroutine" in line] == [f"goroutine : {i}" for i in range(3)]
    assert sorted(lines[3:7]) == ["going", "goroutine : 0", "goroutine : 1", "goroutine : 2"]
    assert lines[7:] == ["done"]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param("g = dgo.go(say, i); g.wait()", id="wait"),
        pytest.param("g = dgo.go(say, i); g.result()", id="result"),
        pytest.param("g = dgo.go(say, i); g.exception()", id="exception"),
        pytest.param("wg = dgo.WaitGroup(); wg.go(say, i); wg.wait()", id="WaitGroup.go"),
        pytest.param("wg = dgo.WaitGroup(); wg.add(1); dgo.go(say, i, wg.done); wg.wait()", id="done"),
        pytest.param("ch = dgo.Chan(); dgo.go(say, i, ch.send, 1); ch.recv()", id="send"),
        pytest.param("ch = dgo.Chan(5); dgo.go(say, i, ch.send, 1); ch.recv()", id="buffered send"),
        pytest.param("ch = dgo.Chan(); dgo.go(say, i, ch.close); list(ch)", id="close"),
    ],
)
def test_output_is_visible_before_the_driver_receives_the_event_that_follows_it(output, event):
    lines = output(f"""
        import dgo

        def say(i, then=None, *args):
            print("goroutine", i)
            if then:
                then(*args)

        for i in range(20):
            {event}
            print("driver", i)
    """)
    assert lines == [f"{who} {i}" for i in range(20) for who in ("goroutine", "driver")]


def test_lines_of_many_writers_stay_whole(output):
    lines = output("""
        import sys, dgo

        def write(name):
            for i in range(50):
                print("<", name, i, "x" * 200, ">")
                for piece in ("<", f" {name} ", f"{i} ", "x" * 200, " >\\n"):
                    sys.stdout.write(piece)
                    dgo.gosched()

        wg = dgo.WaitGroup()
        for name in "abcdefgh":
            wg.go(write, name)
        for i in range(50):
            print("<", "driver", i, "x" * 200, ">")
        wg.wait()
    """)
    assert len(lines) == 8 * 100 + 50
    assert not [line for line in lines if not re.fullmatch(r"< \w+ \d+ x{200} >", line)]


def test_the_lines_of_one_goroutine_keep_their_order(output):
    lines = output("""
        import dgo

        def write(name):
            for i in range(200):
                print(name, i)

        wg = dgo.WaitGroup()
        for name in "abcd":
            wg.go(write, name)
        wg.wait()
    """)
    for name in "abcd":
        assert [line for line in lines if line.startswith(name)] == [f"{name} {i}" for i in range(200)]


def test_what_a_goroutine_writes_to_stderr_appears_on_stderr(program):
    ended = program("""
        import sys, dgo
        def complain():
            print("complaint", file=sys.stderr)
        dgo.go(complain).result()
    """)
    assert ended.stdout == ""
    assert ended.stderr == "complaint\n"


def test_a_last_line_without_a_newline_is_not_lost(program):
    ended = program("""
        import dgo
        dgo.go(print, "tail", end="").result()
    """)
    assert "tail" in ended.stdout


def test_output_written_before_the_program_ends_is_printed(output):
    lines = output("""
        import dgo

        def speak(heard, for_ever):
            print("spoken")
            heard.send(None)
            for_ever.recv()

        def relay(heard, known):
            heard.recv()
            known.send(None)

        heard, known, for_ever = dgo.Chan(), dgo.Chan(), dgo.Chan()
        dgo.go(speak, heard, for_ever)
        dgo.go(relay, heard, known)
        known.recv()
    """)
    assert lines == ["spoken"]


def test_a_line_in_any_writing_system_arrives_unchanged(output):
    assert output("""
        import dgo
        dgo.go(print, "gr\\u00fc\\u00df \\u4f60\\u597d \\U0001f40d").result()
    """) == ["gr\u00fc\u00df \u4f60\u597d \U0001f40d"]
