"""A goroutine that owns its state: others ask it, over channels, and need no lock."""

from typing import NamedTuple

import dgo


class Read(NamedTuple):
    key: int
    reply: dgo.Chan[int]


class Write(NamedTuple):
    key: int
    value: int
    reply: dgo.Chan[bool]


def keeper(reads: dgo.Chan[Read], writes: dgo.Chan[Write]) -> None:
    state: dict[int, int] = {}  # nobody else can reach it
    while True:
        match dgo.select(dgo.recv(reads), dgo.recv(writes)).value:
            case Read(key, answer):
                answer.send(state.get(key, 0))
            case Write(key, value, done):
                state[key] = value
                done.send(True)


def write(writes: dgo.Chan[Write], key: int) -> None:
    reply: dgo.Chan[bool] = dgo.Chan()
    for value in range(1, 11):
        writes.send(Write(key, key * value, reply))
        reply.recv()


def main() -> None:
    reads: dgo.Chan[Read] = dgo.Chan()
    writes: dgo.Chan[Write] = dgo.Chan()
    dgo.go(keeper, reads, writes)  # ends with the program

    with dgo.WaitGroup() as wg:
        for key in range(3):
            wg.go(write, writes, key)

    reply: dgo.Chan[int] = dgo.Chan()
    for key in range(4):
        reads.send(Read(key, reply))
        print(key, "->", reply.recv())


if __name__ == "__main__":
    main()
