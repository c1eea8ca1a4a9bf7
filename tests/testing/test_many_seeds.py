"""Ten thousand schedules of small programs of channels, of selects and of groups: some 40 s each on an idle core."""

from __future__ import annotations

import pytest

from dgo.testing import LocalCluster

from . import programs

FEW, MANY = 100, 10_000
KINDS = pytest.mark.parametrize("kind", [programs.CHANNELS, programs.SELECTS, programs.GROUPS])


def run_all(kind, seeds):
    """Each program, with a 0 and with a 1, in turn."""
    for seed in range(seeds):
        program = kind[seed % len(kind)]
        with LocalCluster(seed=seed, explore=True, steps=200_000) as cluster:
            try:
                cluster.run(program, seed // len(kind) % 2)
            except BaseException as error:
                error.add_note(f"{program.__name__}, seed {seed}")
                raise
            cluster.report_unasked()
            assert cluster.panics == [], f"{program.__name__}, seed {seed}"


@KINDS
def test_a_hundred_schedules_pass(kind):
    run_all(kind, FEW)


@pytest.mark.slow
@KINDS
def test_ten_thousand_schedules_pass(kind):
    run_all(kind, MANY)
