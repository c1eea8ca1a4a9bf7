"""Channel directions: an end of a channel that can only send, or only receive."""

import dgo


def ping(pings: dgo.SendChan[str], message: str) -> None:
    pings.send(message)


def pong(pings: dgo.RecvChan[str], pongs: dgo.SendChan[str]) -> None:
    pongs.send(pings.recv())


def main() -> None:
    pings: dgo.Chan[str] = dgo.Chan(1)
    pongs: dgo.Chan[str] = dgo.Chan(1)

    dgo.go(ping, pings.sender(), "passed message")
    dgo.go(pong, pings.receiver(), pongs.sender())
    print(pongs.recv())

    end = pings.sender()
    print("can receive:", hasattr(end, "recv"))  # a type checker says so before the program runs
    print("the same channel:", end == pings)


if __name__ == "__main__":
    main()
