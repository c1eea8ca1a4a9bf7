"""What a notebook shows of handles, channels and the cluster: small tables, from what this process knows."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

import dgo

from . import places

HOSTILE = "<script>alert('x')</script> & \"quoted\""


class Cells(HTMLParser):
    """The texts of a table's cells, and the names of its tags."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag in ("td", "th", "b"):
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data


def shown(thing: Any) -> dict[str, str]:
    """The pairs of a table of names and values."""
    title, *texts = Cells(thing._repr_html_()).texts
    return {"title": title, **dict(zip(texts[::2], texts[1::2], strict=True))}


def fail(message: str) -> None:
    raise ValueError(message)


@pytest.mark.usefixtures("cluster")
class TestHandles:
    def test_a_channel_shows_its_name_its_capacity_and_what_it_stores(self):
        ch: dgo.Chan[int] = dgo.Chan(3, name="numbers")
        ch.send(1)
        seen = shown(ch)
        assert seen == {
            "title": "Chan", "name": "numbers", "id": seen["id"], "capacity": "3", "stored": "1",
            "receivers waiting": "0", "senders waiting": "0", "state": "open",
        }  # fmt: skip

    def test_a_closed_channel_says_so_and_a_channel_without_a_name_shows_none(self):
        ch: dgo.Chan[int] = dgo.Chan()
        ch.close()
        assert shown(ch)["state"] == "closed"
        assert "name" not in shown(ch)

    @pytest.mark.parametrize("view", ["sender", "receiver"])
    def test_a_direction_shows_what_its_channel_shows(self, view):
        ch: dgo.Chan[int] = dgo.Chan(3)
        seen = shown(getattr(ch, view)())
        assert seen.pop("title") == {"sender": "SendChan", "receiver": "RecvChan"}[view]
        assert seen == {name: text for name, text in shown(ch).items() if name != "title"}

    def test_a_channel_that_lives_elsewhere_shows_what_is_known_here(self):
        seen = shown(places.away(2))
        assert seen == {"title": "Chan", "id": seen["id"], "capacity": "2", "lives": "elsewhere"}

    def test_the_channels_of_timers_and_contexts_can_be_shown(self):
        ctx, cancel = dgo.with_cancel(dgo.background())
        assert shown(ctx.done())["state"] == "open"
        cancel()
        assert shown(ctx.done())["state"] == "closed"
        assert shown(dgo.after(60))["title"] == "RecvChan"

    def test_a_goroutine_shows_its_name_and_state(self):
        ch: dgo.Chan[int] = dgo.Chan()
        g = dgo.go.options(name="waiter")(ch.recv)
        ch.send(1)
        g.wait()
        assert shown(g) == {"title": "Goroutine", "name": "waiter", "id": g.id, "state": "returned"}

    def test_a_goroutine_that_waits_shows_that_it_has_not_ended(self):
        ch: dgo.Chan[int] = dgo.Chan()
        g = dgo.go(ch.recv)
        assert shown(g)["state"] in ("submitted", "placed", "running")
        ch.close()
        g.exception()

    def test_a_goroutine_that_failed_shows_its_error(self):
        g = dgo.go(fail, "too few")
        g.exception()
        assert shown(g)["state"] == "raised"
        assert shown(g)["error"] == "builtins.ValueError: too few"

    def test_a_cancelled_goroutine_says_so(self):
        g = dgo.go(dgo.Chan().recv)
        g.cancel()
        g.wait()
        assert shown(g)["state"] == "was cancelled"

    def test_a_goroutine_that_was_spawned_elsewhere_says_so(self):
        g = dgo.go(lambda: dgo.go(len, "abc")).result()
        assert shown(g)["state"] == "spawned elsewhere"

    def test_hostile_texts_are_text(self):
        ch: dgo.Chan[int] = dgo.Chan(name=HOSTILE)
        g = dgo.go.options(name=HOSTILE)(fail, HOSTILE)
        g.exception()
        for thing in (ch, ch.sender(), g):
            assert "script" not in Cells(thing._repr_html_()).tags
            assert shown(thing)["name"] == HOSTILE
        assert shown(g)["error"] == f"builtins.ValueError: {HOSTILE}"

    def test_a_long_text_is_cut(self):
        assert len(shown(dgo.Chan(name="x" * 10_000))["name"]) == 200

    def test_the_cluster_shows_its_workers(self):
        cells = Cells(dgo.cluster()._repr_html_()).texts
        assert cells[:5] == ["Cluster", "address", dgo.cluster().address, "workers", "2"]
        for worker in dgo.cluster().workers():
            assert worker.name in cells
            assert str(worker.pid) in cells


def test_showing_a_failed_goroutine_does_not_count_as_asking_how_it_ended(program):
    ended = program("""
        import dgo

        def fail():
            raise ValueError("nobody asked")

        g = dgo.go(fail)
        g.wait()
        assert "nobody asked" in g._repr_html_()
    """)
    assert "ValueError: nobody asked" in ended.stderr


def test_a_cluster_that_was_left_can_be_shown(output):
    left, closed, returned = output("""
        import dgo

        cluster = dgo.init(workers=1)
        ch = dgo.Chan(1)
        g = dgo.go(abs, -1)
        g.wait()
        dgo.shutdown()
        for thing in (cluster, ch, g):
            print(thing._repr_html_())
    """)
    assert "not known: this program has left its cluster" in left
    assert "open" in closed
    assert "returned" in returned


def test_a_coordinator_that_does_not_answer_does_not_block_the_table(output):
    (line,) = output("""
        import os, signal
        import dgo

        cluster = dgo.init(workers=1)
        cluster.workers()
        coordinator = cluster._processes.pid
        os.kill(coordinator, signal.SIGSTOP)
        print(cluster._repr_html_())
        os.kill(coordinator, signal.SIGCONT)
    """)
    assert "not known: nothing happened within" in line
