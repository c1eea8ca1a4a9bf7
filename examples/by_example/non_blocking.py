"""Operations that do not wait: select with a default, and the nowait methods."""

import dgo


def look(messages: dgo.Chan[str], signals: dgo.Chan[bool]) -> None:
    chosen = dgo.select(dgo.recv(messages), dgo.recv(signals), default=True)
    if chosen.index == dgo.DEFAULT:
        print("no activity")
    else:
        print("received", chosen.value)


def main() -> None:
    messages: dgo.Chan[str] = dgo.Chan(1)
    signals: dgo.Chan[bool] = dgo.Chan()

    look(messages, signals)
    sent = dgo.select(dgo.send(messages, "hi"), default=True)
    print("sent" if sent.index == 0 else "not sent")
    dgo.go(look, messages, signals).wait()  # the same question, asked in another process

    try:
        signals.recv_nowait()
    except dgo.WouldBlock:
        print("no signal")


if __name__ == "__main__":
    main()
