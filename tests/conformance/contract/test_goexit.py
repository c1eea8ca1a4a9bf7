"""goexit() and gosched() (contract section 3, Go's runtime.Goexit and runtime.Gosched)."""

from __future__ import annotations

import dgo

from ..places import LIMIT, elsewhere


def test_the_result_after_goexit_is_none(everywhere):
    def body():
        goroutine = elsewhere(dgo.goexit)
        assert goroutine.result(timeout=LIMIT) is None
        assert goroutine.exception(timeout=LIMIT) is None

    everywhere(body)


def test_a_goroutine_that_exits_was_not_cancelled(everywhere):
    def body():
        goroutine = elsewhere(dgo.goexit)
        goroutine.wait(timeout=LIMIT)
        assert goroutine.done() is True
        assert goroutine.cancelled() is False

    everywhere(body)


def test_goexit_leaves_any_number_of_calls(everywhere):
    def leave(ch, depth):
        if depth == 0:
            dgo.goexit()
        leave(ch, depth - 1)
        ch.send("after goexit", timeout=LIMIT)

    def body():
        ch = dgo.Chan(10)
        elsewhere(leave, ch, 5).wait(timeout=LIMIT)
        assert len(ch) == 0

    everywhere(body)


def test_with_blocks_are_left_in_order_and_may_block(everywhere):
    def leave(outer, inner, log):
        with outer:
            try:
                with inner:
                    dgo.goexit()
            finally:
                log.send(inner.try_lock(), timeout=LIMIT)
                inner.unlock()

    def body():
        outer, inner, log = dgo.Mutex(), dgo.Mutex(), dgo.Chan()
        goroutine = elsewhere(leave, outer, inner, log)
        assert log.recv(timeout=LIMIT) is True
        goroutine.wait(timeout=LIMIT)
        assert outer.try_lock() is True
        outer.unlock()

    everywhere(body)


def test_goexit_ends_one_goroutine_and_not_those_that_it_started(everywhere):
    def leave(children, gate):
        children.send(elsewhere(gate.recv_ok), timeout=LIMIT)
        dgo.goexit()

    def body():
        children, gate = dgo.Chan(1), dgo.Chan()
        elsewhere(leave, children, gate).wait(timeout=LIMIT)
        child = children.recv(timeout=LIMIT)
        gate.close()
        assert child.result(timeout=LIMIT) == (None, False)

    everywhere(body)


def test_a_goroutine_that_yields_lets_those_of_its_worker_run(output):
    assert output("""
        import dgo
        def spin(flag):
            while len(flag) == 0:
                dgo.gosched()
        def run():
            flag = dgo.Chan(1)
            spinner = dgo.go(spin, flag)
            dgo.gosched()
            dgo.go(flag.send, None)
            spinner.result(timeout=20)
            return "both ran"
        dgo.init(workers=1)
        print(dgo.go(run).result(timeout=30))
    """) == ["both ran"]


def test_a_goroutine_of_the_same_worker_runs_before_one_that_yields_goes_on(simulated):
    def run():
        order = dgo.Chan(2)
        dgo.go(order.send_nowait, "other")
        dgo.gosched()
        order.send_nowait("this")
        return [order.recv_nowait() for _ in range(2)]

    assert simulated(lambda: elsewhere(run).result(timeout=LIMIT)) == ["other", "this"]
