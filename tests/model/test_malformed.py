"""What a process that does not keep to the protocol says is refused, and changes nothing."""

from __future__ import annotations

import pytest

from dgo.core.ticket import DONE, HELD
from dgo.errors import ClusterError
from dgo.runtime.shared import Ref
from dgo.wire.messages import Msg, ProtocolError

from .programs import select
from .world import World

pytestmark = pytest.mark.interpreted("a process of the model stands for a Node, which compiled code does not take")

HOME, PEER, OTHER = 3, 4, 5


def one_channel(capacity: int = 0) -> World:
    return World([(HOME, capacity)], [(PEER, ())])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "case",
    [
        [0],
        [0, 0, False],
        [[], 0, False, None],
        ["x", 0, False, None],
        [-1, 0, False, None],
        [0, float("inf"), False, None],
        [0, "0", False, None],
        [0, None, False, None],
        7,
    ],
)
def test_an_offer_with_a_bad_case_is_refused(whole, case):
    home = one_channel().processes[HOME]
    with pytest.raises(ProtocolError):
        home.deliver(PEER, [Msg.OFFER, 1, whole, False, [[0, 0, False, None], case]])
    assert not home.selects.distant
    assert not home.homes.tickets
    assert not home.values.exports[0].receivers


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_a_second_offer_of_the_same_number_is_refused(first, second):
    home = one_channel().processes[HOME]
    home.deliver(PEER, [Msg.OFFER, 1, first, False, [[0, 0, False, None]]])
    with pytest.raises(ProtocolError):
        home.deliver(PEER, [Msg.OFFER, 1, second, False, [[0, 0, False, None]]])
    home.down(PEER)
    assert not home.values.exports[0].receivers


def test_a_second_operation_of_the_same_number_is_refused():
    home = one_channel().processes[HOME]
    home.deliver(PEER, [Msg.OP, 1, 0, "recv", []])
    with pytest.raises(ProtocolError):
        home.deliver(PEER, [Msg.OP, 1, 0, "recv", []])
    home.down(PEER)
    assert not home.values.exports[0].receivers


def agent() -> World:
    """A select of HOME over its channel 0 and channel 1 of PEER waits."""
    world = World([(HOME, 0), (PEER, 0), (OTHER, 0)], [(HOME, (select((0, None), (1, "v"), (2, "w")),))])
    world.goroutines[0].begin()
    return world


def armed() -> World:
    world = agent()
    for home in (PEER, OTHER):
        world.processes[HOME].deliver(home, [Msg.ARMED, 1])
    return world


@pytest.mark.parametrize(
    ("peer", "message"),
    [
        (PEER, [Msg.CLAIM, 1, 1, 0, 1]),  # a case here
        (PEER, [Msg.CLAIM, 1, 1, 2, 1]),  # a case elsewhere
        (PEER, [Msg.CLAIM, 1, 1, 3, 1]),
        (PEER, [Msg.CLAIM, 1, 1, -1, 1]),
        (PEER, [Msg.CLAIM, 1, 1, 1, 0]),
        (PEER, [Msg.COMMIT, 1, 1, None, True, False]),  # not held
        (PEER, [Msg.COMMIT, 1, 0, None, True, False]),
        (7, [Msg.COMMIT, 1, 1, None, True, False]),
        (7, [Msg.SPOILT, 1, "ChannelLost", "no"]),
        (PEER, [Msg.WITHDRAWN, 1]),  # not asked
        (7, [Msg.WITHDRAWN, 1]),
    ],
)
def test_a_home_that_speaks_out_of_turn_is_refused(peer, message):
    world = armed()
    before = world.goroutines[0].ticket
    with pytest.raises(ProtocolError):
        world.processes[HOME].deliver(peer, message)
    assert world.goroutines[0].ticket is before
    assert before.state != DONE
    before.check()
    world.check(False)


def test_a_home_cannot_end_a_select_that_another_one_holds():
    world = armed()
    home = world.processes[HOME]
    home.deliver(PEER, [Msg.CLAIM, 1, 1, 1, 1])
    assert world.goroutines[0].ticket.state == HELD
    with pytest.raises(ProtocolError):
        home.deliver(OTHER, [Msg.COMMIT, 1, 2, None, True, False])
    home.deliver(PEER, [Msg.COMMIT, 1, 1, None, True, False])
    assert world.goroutines[0].outcomes == [((1, None), True, None)]


def test_a_withdrawal_confirmed_twice_is_refused_and_does_not_make_a_default():
    world = World([(PEER, 0), (OTHER, 0)], [(HOME, (select((0, "v"), (1, "w"), flags=("default",)),))])
    world.goroutines[0].begin()
    home = world.processes[HOME]
    home.deliver(PEER, [Msg.ARMED, 1])
    home.deliver(OTHER, [Msg.ARMED, 1])
    home.deliver(PEER, [Msg.WITHDRAWN, 1])
    with pytest.raises(ProtocolError):
        home.deliver(PEER, [Msg.WITHDRAWN, 1])
    assert world.goroutines[0].outcomes == []
    home.deliver(OTHER, [Msg.WITHDRAWN, 1])
    assert world.goroutines[0].outcomes == [((-1, None), False, None)]


def test_a_select_granted_to_two_claims_at_a_time_is_refused():
    world = World([(HOME, 0), (HOME, 0)], [(PEER, ())])
    home = world.processes[HOME]
    home.deliver(OTHER, [Msg.OFFER, 9, False, False, [[0, 0, True, None], [1, 1, True, None]]])
    home.deliver(PEER, [Msg.OP, 1, 0, "recv", []])
    home.deliver(PEER, [Msg.OP, 2, 1, "recv", []])
    home.deliver(OTHER, [Msg.GRANT, 1, "first"])  # tied: its value is on its way to PEER
    with pytest.raises(ProtocolError):
        home.deliver(OTHER, [Msg.GRANT, 2, "second"])
    home.deliver(PEER, [Msg.TAKEN, 1])
    assert not home.selects.distant
    assert not home.selects.claims
    assert all(channel.match is None and not channel.handoffs for channel in home.values.exports.values())


def test_a_loan_of_less_than_nothing_is_refused():
    peer = World([(HOME, 3)], [(PEER, ())]).processes[PEER]
    peer.values.imports[0] = ref = Ref(HOME, 0, [])
    ref.joined = True
    with pytest.raises(ProtocolError):
        peer.deliver(HOME, [Msg.LEND, 0, -2])
    assert peer.values.imports[0].credit == 0


def lent() -> World:
    world = World([(HOME, 5)], [(PEER, ())])
    for number in (1, 2):
        world.processes[HOME].deliver(PEER, [Msg.OP, number, 0, "send", ["v"]])
    world.processes[HOME].flush()
    assert world.processes[HOME].values.exports[0].lent == 3
    return world


@pytest.mark.parametrize("epoch", [1, 2, 99])
def test_slots_that_come_back_without_a_recall_are_refused(epoch):
    home = lent().processes[HOME]
    with pytest.raises(ProtocolError):
        home.deliver(PEER, [Msg.GIVE_BACK, 0, epoch])
    assert home.values.exports[0].lent == 3


def test_a_loan_ends_with_the_answer_to_its_recall_whatever_became_of_the_slots():
    # A process that drops its handle and gets another one before it could say so has forgotten its slots.
    home = lent().processes[HOME]
    channel = home.values.exports[0]
    closed = []
    channel.loan.before(lambda: closed.append(channel.close()))
    home.deliver(PEER, [Msg.GIVE_BACK, 0, 1])
    assert closed
    assert channel.closed
    assert not channel.lent


def test_a_late_answer_to_a_recall_says_nothing_about_the_next_loan():
    home = lent().processes[HOME]
    channel = home.values.exports[0]
    channel.loan.before(list)
    home.loans.lost(channel, PEER)  # its LEAVE has crossed the RECALL
    for number in range(3, 7):
        channel.try_recv()
        home.deliver(PEER, [Msg.OP, number, 0, "send", ["v"]])
    home.flush()
    assert channel.lent == 3
    happened = []
    channel.loan.before(lambda: happened.append(channel.lent))
    home.deliver(PEER, [Msg.GIVE_BACK, 0, 1])  # the answer to the first RECALL
    assert channel.lent == 3
    assert not happened
    home.deliver(PEER, [Msg.GIVE_BACK, 0, 2])
    assert happened == [0]


def test_a_select_that_ends_with_its_cluster_leaves_no_case_behind():
    world = armed()
    world.goroutines[0].ticket.abort(ClusterError("gone"))
    assert world.goroutines[0].outcomes == [(None, True, "ClusterError")]
    channel = world.processes[HOME].values.exports[0]
    assert not channel.receivers
    assert not world.processes[HOME].selects.agents
