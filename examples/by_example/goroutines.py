"""Goroutines: a function, started to run beside its caller, in another process."""

import os

import dgo


def f(who: str) -> None:
    for i in range(3):
        print(who, ":", i)


def main() -> None:
    f("direct")  # an ordinary call: main goes on when it has returned

    first = dgo.go(f, "goroutine")  # these two return at once
    second = dgo.go(lambda word: print(word), "going")

    first.wait()  # the handles tell when their goroutines have ended
    second.wait()

    pid = dgo.go(os.getpid).result()  # unlike in Go, there is a result
    print("in a process of its own:", pid != os.getpid())


if __name__ == "__main__":
    main()
