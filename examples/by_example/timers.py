"""Timers: one event in the future, which can be called off."""

import dgo


def main() -> None:
    first = dgo.Timer(0.05)
    first.c.recv()  # the moment at which it fires comes here
    print("timer 1 fired")

    second = dgo.Timer(60)
    dgo.go(second.stop).wait()  # whoever has a timer can stop it, in any process
    print("timer 2 runs on:", second.stop())  # False: it had been stopped already

    third = dgo.Timer(60)
    third.reset(0.05)  # another 0.05 seconds from now instead
    third.c.recv()
    print("timer 3 fired early")

    said: dgo.Chan[str] = dgo.Chan()
    dgo.after_func(0.05, said.send, "a goroutine that a timer started")
    print(said.recv())


if __name__ == "__main__":
    main()
