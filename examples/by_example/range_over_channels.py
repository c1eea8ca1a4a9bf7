"""Iterating over a channel: until it is closed and drained."""

import dgo


def squares(below: int, out: dgo.Chan[int]) -> None:
    for n in range(below):
        out.send(n * n)
    out.close()  # ends the loop of whoever receives


def main() -> None:
    queue: dgo.Chan[str] = dgo.Chan(2)
    queue.send("one")
    queue.send("two")
    queue.close()
    for word in queue:
        print(word)

    numbers: dgo.Chan[int] = dgo.Chan()
    dgo.go(squares, 5, numbers)
    print(list(numbers))  # a channel is an iterable like any other


if __name__ == "__main__":
    main()
