"""Rate limiting: a ticker says when the next request may go."""

import time

import dgo

SECONDS = 0.05


def main() -> None:
    started = time.monotonic()
    limiter = dgo.Ticker(SECONDS)
    for request in range(1, 4):
        limiter.c.recv()  # waits for the next tick
        print("request", request)
    print("not faster than allowed:", time.monotonic() - started >= 2 * SECONDS)

    # A short burst is allowed: three permits are there already, then one with each tick.
    permits: dgo.Chan[None] = dgo.Chan(3)
    for _ in range(3):
        permits.send(None)

    def refill() -> None:
        while True:
            limiter.c.recv()
            permits.send(None)

    dgo.go(refill)  # ends with the program
    for request in range(1, 6):
        permits.recv()
        print("bursty request", request)


if __name__ == "__main__":
    main()
