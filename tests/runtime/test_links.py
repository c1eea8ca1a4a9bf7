"""Links: messages arrive once and in order, whatever becomes of the paths."""

from __future__ import annotations

import logging

import pytest

from dgo.wire.frames import Kind, encode_header
from dgo.wire.messages import Msg, ProtocolError, encode_body

from .test_links_network import COORDINATOR, World


def texts(count: int, start: int = 0) -> list[str]:
    return [f"text {number}" for number in range(start, start + count)]


def say_all(world: World, what: list[str]) -> None:
    """One batch each, from member 1 to member 2."""
    for text in what:
        world.one.say(2, text)
        world.one.links.flush()


# ---- the good case -----------------------------------------------------------------------------------


@pytest.mark.parametrize("addresses", [("a", "b"), ("", "b"), ("a", "")])
def test_messages_arrive_once_and_in_order_whoever_can_be_dialled(addresses):
    world = World(addresses)
    say_all(world, texts(20))
    world.settle()
    assert world.two.heard_from(1) == texts(20)
    world.two.say(1, "back")
    world.settle()
    assert world.one.heard_from(2) == ["back"]
    assert len(world.direct()) == 1, "one connection serves both directions"


def test_a_value_goes_directly_and_not_through_the_coordinator():
    world = World()
    say_all(world, texts(3))
    world.settle()
    assert world.two.heard_from(1) == texts(3)
    assert world.relayed() == 0


def test_messages_posted_between_two_flushes_are_one_batch():
    world = World()
    say_all(world, ["first"])
    world.settle()
    before = world.one.sent_to(2).count(Kind.DATA)
    for text in texts(50):
        world.one.say(2, text)
    world.settle()
    assert world.one.sent_to(2).count(Kind.DATA) == before + 1
    assert world.two.heard_from(1) == ["first", *texts(50)]


def test_everything_is_acknowledged_when_it_is_quiet():
    world = World()
    say_all(world, texts(5))
    world.pass_time(2)
    assert world.one.links.unsent() == world.two.links.unsent() == world.coordinator.links.unsent() == 0


def test_both_ends_may_begin_at_the_same_time():
    world = World()
    for number in range(10):
        world.one.say(2, f"from one {number}")
        world.two.say(1, f"from two {number}")
        world.settle()
    assert world.two.heard_from(1) == [f"from one {number}" for number in range(10)]
    assert world.one.heard_from(2) == [f"from two {number}" for number in range(10)]


# ---- bad paths ---------------------------------------------------------------------------------------


def trouble(seed: int, count: int) -> None:
    world = World(seed=seed)
    world.network.trouble = 0.15
    said = 0
    for _ in range(count):
        say_all(world, texts(2, said))
        world.two.say(1, f"text {said // 2}")
        said += 2
        world.pass_time(0.25)
        if world.network.random.random() < 0.1:
            for wire in world.direct():
                wire.queues[0].clear()
                wire.queues[1].clear()
        heard = world.two.heard_from(1)
        assert heard == texts(said)[: len(heard)], f"seed {seed}"
    world.network.trouble = 0.0
    world.until(lambda: len(world.two.got) >= said and len(world.one.got) >= count)
    assert world.two.heard_from(1) == texts(said), f"seed {seed}"
    assert world.one.heard_from(2) == texts(count), f"seed {seed}"
    world.until(lambda: not world.one.links.unsent() and not world.two.links.unsent())
    assert world.one.links.malformed == world.two.links.malformed == 0


@pytest.mark.parametrize("seed", range(10))
def test_loss_repetition_and_reordering_change_nothing(seed):
    trouble(seed, 20)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 300))
def test_loss_repetition_and_reordering_change_nothing_in_many_runs(seed):
    trouble(seed, 60)


def test_the_relay_is_used_when_no_direct_path_comes_about():
    world = World()
    world.isolate(noticed=False)
    say_all(world, texts(5))
    world.pass_time(1.5)
    assert world.two.got == []
    world.until(lambda: world.two.heard_from(1) == texts(5), seconds=2)


def test_a_relay_gives_way_to_a_direct_path_without_loss_or_reorder():
    world = World()
    world.isolate(noticed=False)
    say_all(world, texts(5))
    world.pass_time(3)
    say_all(world, texts(5, 5))  # on their way through the coordinator
    for wire in world.direct():
        wire.silent = False
    say_all(world, texts(5, 10))
    world.pass_time(2)
    relayed = world.relayed()
    say_all(world, texts(5, 15))
    world.settle()
    assert world.two.heard_from(1) == texts(20)
    assert world.relayed() == relayed, "the direct path is used"


def test_a_lost_inbound_path_is_replaced_without_loss_or_reorder():
    world = World()
    world.two.say(1, "two dials one")
    world.settle()
    say_all(world, texts(3))
    world.direct()[0].cut(noticed=True)
    say_all(world, texts(3, 3))
    world.until(lambda: world.two.heard_from(1) == texts(6))


def test_what_was_lost_with_its_path_is_relayed_even_if_nothing_more_is_said():
    world = World()
    world.two.say(1, "two dials one")
    world.settle()
    say_all(world, ["the last word"])
    world.isolate(noticed=True)
    world.until(lambda: world.two.heard_from(1) == ["the last word"])


def test_a_dialled_path_that_is_known_to_be_dead_is_replaced():
    world = World()
    say_all(world, texts(1))
    world.settle()
    world.isolate(noticed=True)
    say_all(world, texts(1, 1))
    world.until(lambda: world.two.heard_from(1) == texts(2))


@pytest.mark.xfail(
    strict=True,
    reason="nothing counts SYNCs that stay unanswered: a silently dead path is kept for ever",
)
def test_a_direct_path_that_dies_in_silence_is_replaced():
    world = World()
    say_all(world, texts(1))
    world.settle()
    world.isolate(noticed=False)
    say_all(world, texts(1, 1))
    world.until(lambda: world.two.heard_from(1) == texts(2))


def test_what_came_by_the_relay_is_acknowledged_by_a_receiver_that_has_nothing_to_say():
    world = World()
    world.isolate(noticed=False)
    say_all(world, texts(5))
    world.until(lambda: world.two.heard_from(1) == texts(5))
    world.until(lambda: world.one.links.unsent() == 0)


def test_what_the_relay_lost_is_repeated():
    world = World()
    world.isolate(noticed=False)
    say_all(world, texts(1))
    world.until(lambda: world.two.heard_from(1) == texts(1))
    say_all(world, texts(1, 1))
    world.to_coordinator[1].queues[1].clear()
    world.until(lambda: world.two.heard_from(1) == texts(2))


def test_the_coordinator_speaks_again_to_a_member_whose_connection_was_gone_for_a_moment():
    """The connection comes back by itself (same route, no new JOIN): what the member says shows it."""
    world = World()
    wire = world.to_coordinator[1]
    wire.dead = wire.silent = True
    world.coordinator.say(1, "while it was gone")
    world.settle()
    wire.dead = wire.silent = False
    world.one.say(COORDINATOR, "here I am")
    world.until(lambda: world.one.heard_from(COORDINATOR) == ["while it was gone"])


def test_what_was_posted_while_a_member_was_away_leaves_when_it_joins_again():
    world = World()
    world.to_coordinator[1].cut(noticed=True)
    world.coordinator.links.housekeeping()
    world.coordinator.say(1, "while it was gone")
    world.settle()
    world.join(world.one)
    world.until(lambda: world.one.heard_from(COORDINATOR) == ["while it was gone"])


def test_a_direct_path_comes_back_to_a_peer_that_cannot_be_dialled():
    """Its connection broke and came back by itself: it is asked to say HELLO again."""
    world = World(("a", ""))
    say_all(world, texts(1))
    world.settle()
    wire = world.direct()[0]
    wire.dead = True
    world.one.transport.found_broken.append(wire.routes[1])
    world.one.links.housekeeping()
    wire.dead = False
    say_all(world, texts(1, 1))
    world.pass_time(4)
    relayed = world.relayed()
    say_all(world, texts(1, 2))
    world.pass_time(4)
    assert world.two.heard_from(1) == texts(3)
    assert world.relayed() == relayed, "the direct path is used again"


def test_one_gap_is_complained_of_once():
    """Each RESEND makes the peer repeat all that is not acknowledged: once a gap is enough."""
    world = World()
    say_all(world, texts(1))
    world.pass_time(2)
    wire = world.direct()[0]
    say_all(world, texts(1, 1))
    wire.queues[1].clear()
    say_all(world, texts(30, 2))
    before = world.one.sent_to(2).count(Kind.DATA)
    world.settle()
    assert world.two.heard_from(1) == texts(32)
    assert world.one.sent_to(2).count(Kind.DATA) - before <= 2 * 31


# ---- bad input ---------------------------------------------------------------------------------------


def inject(world: World, *frames: bytes) -> None:
    """Member 1 sends these frames to member 2 along their connection."""
    wire = world.direct()[0]
    wire.queues[1].append(list(frames))
    world.settle()


def joined() -> World:
    world = World()
    say_all(world, ["hello"])
    world.settle()
    return world


@pytest.mark.parametrize(
    "frames",
    [[], [b""], [b"x" * 36], [encode_header(99, 1, 2)], [encode_header(Kind.DATA, 1, 3, 2)]],
    ids=["nothing", "empty", "foreign", "unknown kind", "for another"],
)
def test_a_malformed_frame_set_is_counted_each_time_and_logged_once(caplog, frames):
    world = joined()
    with caplog.at_level(logging.WARNING, "dgo.links"):
        for _ in range(3):
            inject(world, *frames)
    assert world.two.links.malformed == 3
    assert len(caplog.records) == 1
    say_all(world, ["still here"])
    world.settle()
    assert world.two.heard_from(1) == ["hello", "still here"]


def test_a_malformed_batch_is_counted_each_time_and_logged_once_and_its_number_is_used_up(caplog):
    world = joined()
    session = world.one.links.link(2).session
    with caplog.at_level(logging.WARNING, "dgo.links"):
        for bad in (b"\xc1", encode_body([[999]]), encode_body([[int(Msg.OUTPUT), "1", 2]])):
            inject(world, encode_header(Kind.DATA, 1, 2, session.number([bad])) + bad)
        inject(world, encode_header(Kind.DATA, 1, 2, session.number([])))  # no body
    assert world.two.links.malformed == 4
    assert len(caplog.records) == 1
    say_all(world, ["still here"])
    world.settle()
    assert world.two.heard_from(1) == ["hello", "still here"]


def test_a_message_that_its_handler_refuses_does_not_take_the_others_of_its_batch_with_it():
    world = joined()
    deliver = world.two.deliver

    def refuse(peer, message, frames):
        if message[-1] == "bad":
            raise ProtocolError("not in this state")
        deliver(peer, message, frames)

    world.two.links._deliver = refuse
    for text in ("before", "bad", "after"):
        world.one.say(2, text)
    world.settle()
    assert world.two.heard_from(1) == ["hello", "before", "after"]
    assert world.two.links.malformed == 1


# ---- the dead ----------------------------------------------------------------------------------------


def test_nothing_is_believed_of_the_forgotten():
    world = joined()
    world.two.links.forget(1)
    session = world.one.links.link(2).session
    body = encode_body([[int(Msg.OUTPUT), 1, "from the dead"]])
    inject(world, encode_header(Kind.HELLO, 1, 2))
    inject(world, encode_header(Kind.DATA, 1, 2, session.sent + 1) + body)
    inject(world, encode_header(Kind.DATA, 1, 2, 1) + body)
    assert world.two.heard_from(1) == ["hello"]
    assert 1 not in [peer for peer, *_ in world.two.links.counters()]


def test_what_follows_in_a_batch_is_not_believed_when_its_sender_is_forgotten_meanwhile():
    world = joined()
    deliver = world.two.deliver

    def deliver_and_forget(peer, message, frames):
        deliver(peer, message, frames)
        if message[-1] == "last":
            world.two.links.forget(1)

    world.two.links._deliver = deliver_and_forget
    for text in ("before", "last", "after"):
        world.one.say(2, text)
    world.settle()
    assert world.two.heard_from(1) == ["hello", "before", "last"]


def test_to_the_forgotten_nothing_is_sent():
    world = joined()
    world.one.links.forget(2)
    before = world.one.sent_to(2)
    world.one.say(2, "too late")
    world.pass_time(5)
    assert world.one.sent_to(2) == before
    assert world.one.links.unsent() == 0
    assert world.one.transport.hung_up


def test_to_the_forgotten_nothing_is_sent_also_if_somebody_asks_for_the_link():
    """The writing of a value asks for the link of its reader, dead or not."""
    world = joined()
    world.one.links.forget(2)
    before = world.one.sent_to(2)
    world.one.links.link(2)
    world.one.say(2, "too late")
    world.pass_time(5)
    assert world.one.sent_to(2) == before
    assert world.one.links.unsent() == 0


def test_the_coordinator_believes_nobody_who_has_not_joined():
    world = World()
    stranger = 77
    wire = world.to_coordinator[1]
    body = encode_body([[int(Msg.OUTPUT), 1, "let me in"]])
    for hello in (False, True):
        if hello:
            wire.queues[1].append([encode_header(Kind.HELLO, stranger, COORDINATOR)])
        wire.queues[1].append([encode_header(Kind.DATA, stranger, COORDINATOR, 1) + body])
        world.coordinator.links.receive()
        assert world.coordinator.sent_to(stranger)[-1] == Kind.UNKNOWN
        assert world.coordinator.heard_from(stranger) == []


def test_a_relay_to_someone_who_is_gone_is_nobodys_fault():
    """It is dropped; the sender is told of the death, and is not blamed for a malformed message."""
    world = World()
    world.isolate(noticed=False)
    say_all(world, texts(1))
    world.pass_time(3)
    world.coordinator.links.forget(2)
    say_all(world, texts(1, 1))
    world.settle()
    assert world.coordinator.links.malformed == 0


# ---- what nobody waits for ---------------------------------------------------------------------------


def test_an_idle_message_leaves_with_the_next_one_and_before_it():
    world = World()
    say_all(world, ["first"])
    world.settle()
    before = world.one.sent_to(2).count(Kind.DATA)
    world.one.links.post_idly(2, [int(Msg.OUTPUT), 1, "idle"])
    world.settle()
    assert world.two.heard_from(1) == ["first"]
    world.one.say(2, "wanted")
    world.settle()
    assert world.two.heard_from(1) == ["first", "idle", "wanted"]
    assert world.one.sent_to(2).count(Kind.DATA) == before + 1


def test_an_idle_message_leaves_with_the_housekeeping_or_in_a_hurry():
    world = World()
    say_all(world, ["first"])
    world.settle()
    world.one.links.post_idly(2, [int(Msg.OUTPUT), 1, "idle"])
    world.pass_time(1)
    assert world.two.heard_from(1) == ["first", "idle"]
    world.one.links.post_idly(2, [int(Msg.OUTPUT), 1, "urgent after all"])
    world.one.links.hurry(2)
    world.settle()
    assert world.two.heard_from(1) == ["first", "idle", "urgent after all"]


def test_an_idle_message_to_nobody_is_dropped():
    world = World()
    world.one.links.post_idly(77, [int(Msg.OUTPUT), 1, "idle"])
    world.one.links.hurry(77)
    world.pass_time(1)
    assert world.one.links.unsent() == 0
