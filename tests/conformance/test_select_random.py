"""Random programs in simulated clusters: whatever they do, their history is one that channels can have."""

from __future__ import annotations

import pytest

from dgo.testing import LocalCluster

from .history import CHOSEN, CLOSED, NOTHING, violations
from .random_programs import plan, run

QUICK = range(200)
MANY = range(1_000, 3_000)
EXPLORED = range(1_000)


def check(seed, explore=False):
    program = plan(seed)
    with LocalCluster(nodes=3, seed=seed, explore=explore) as cluster:
        log = cluster.run(run, program)
        assert cluster.panics == []
    found = violations(log, program.capacities)
    assert found == [], f"seed {seed}, capacities {program.capacities}\n{log}"


def check_with_a_death(seed, explore=False):
    program = plan(seed)
    with LocalCluster(nodes=3, seed=seed, explore=explore) as cluster:
        log = cluster.run(run, program, lambda: cluster.kill(1 + seed % 2))
    # What was stored in the dead process is gone, and what the dead had seen is not known.
    found = [text for text in violations(log, program.capacities) if "never received" not in text]
    assert found == [], f"seed {seed}, capacities {program.capacities}\n{log}"


@pytest.mark.parametrize("seed", QUICK)
def test_a_random_program_has_a_history_that_channels_can_have(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_many_random_programs_have_histories_that_channels_can_have(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", EXPLORED)
def test_a_history_is_one_that_channels_can_have_wherever_goroutines_are_switched_out(seed):
    check(seed, explore=True)
    check_with_a_death(seed, explore=True)


@pytest.mark.parametrize("seed", QUICK)
def test_a_random_program_that_loses_a_worker_has_a_history_that_channels_can_have(seed):
    check_with_a_death(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MANY)
def test_many_random_programs_that_lose_a_worker_have_histories_that_channels_can_have(seed):
    check_with_a_death(seed)


def test_the_random_programs_are_worth_running():
    """They select, wait in vain, close, and pass values; else a checker that finds nothing would mean little."""
    outcomes: dict[str, int] = {}
    for seed in range(20):
        program = plan(seed)
        with LocalCluster(nodes=3, seed=seed) as cluster:
            for call in cluster.run(run, program).calls:
                kind = "select " if len(call.alternatives) > 1 else "plain "
                outcomes[kind + call.outcome] = outcomes.get(kind + call.outcome, 0) + 1
    for kind in ("select ", "plain "):
        assert outcomes[kind + CHOSEN] > 100, outcomes
        assert outcomes[kind + NOTHING] > 30, outcomes
        assert outcomes[kind + CLOSED] > 5, outcomes
