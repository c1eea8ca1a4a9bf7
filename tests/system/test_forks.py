"""A program that forks: the child has no cluster, and the parent's goes on."""

from __future__ import annotations

import subprocess
import sys

LIMIT = 60

FORKS = """
import os, sys
import dgo

def square(n):
    return n * n

def through(balls, returns):
    for ball in balls:
        returns.send(ball + 1)

if __name__ == "__main__":
    with dgo.init(workers=2) as cluster:
        assert dgo.go(square, 2).result() == 4
        child = os.fork()
        if child == 0:
            assert not dgo.is_initialized()
            sys.exit(7)  # runs what is to be run at the end of a program
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert os.path.isdir(cluster.address.removeprefix("unix://").rpartition("/")[0])
        balls, returns = dgo.Chan(), dgo.Chan()
        spread = dgo.go.options(spread=True)
        partners = [spread(through, balls, returns) for _ in range(4)]  # on workers that nobody has dialled yet
        for ball in range(20):
            balls.send(ball)
            assert returns.recv() == ball + 1
        balls.close()
        for partner in partners:
            partner.result()
    child = os.fork()
    if child == 0:
        print("child", dgo.go(square, 5).result(), flush=True)  # a cluster of its own
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print("parent", dgo.go(square, 6).result(), flush=True)
"""


def test_a_forked_child_ends_and_its_parents_cluster_goes_on(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(FORKS)
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=LIMIT, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["child", "25", "parent", "36"]
