"""A channel that says when something is finished, and the handle that does so without one."""

import dgo


def work(done: dgo.Chan[bool]) -> None:
    print("working", end=", ")
    print("done")
    done.send(True)


def total(prices: list[int]) -> int:
    return sum(prices)


def main() -> None:
    done: dgo.Chan[bool] = dgo.Chan(1)
    dgo.go(work, done)
    done.recv()  # what was printed before the send is on the screen now
    print("main knows")

    g = dgo.go(total, [3, 4, 5])
    g.wait()  # until it has ended
    print("total:", g.result())  # and what it returned


if __name__ == "__main__":
    main()
