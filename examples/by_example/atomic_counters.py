"""Atomic counters: a number that goroutines of all processes change in one step."""

import dgo

ordinary = {"ops": 0}


def count(ops: dgo.Atomic[int]) -> None:
    for _ in range(20):
        ops.add(1)  # one step, wherever this runs
        ordinary["ops"] += 1  # this goroutine's own copy: nobody else sees it


def main() -> None:
    ops = dgo.Atomic(0)
    with dgo.WaitGroup() as wg:
        for _ in range(25):
            wg.go(count, ops)

    print("ops:", ops.load())
    print("ordinary:", ordinary["ops"])

    print(ops.compare_and_swap(500, 0), ops.compare_and_swap(500, 1), ops.load())


if __name__ == "__main__":
    main()
