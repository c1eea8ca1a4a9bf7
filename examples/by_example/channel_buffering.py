"""Buffered channels: so many values are stored before anybody receives."""

import dgo


def main() -> None:
    messages: dgo.Chan[str] = dgo.Chan(2)

    messages.send("buffered")  # nobody receives yet: stored, and main goes on
    messages.send("channel")
    print(len(messages), "of", messages.capacity)

    try:
        messages.send_nowait("one too many")  # a plain send would wait for a receiver
    except dgo.WouldBlock:
        print("full")

    print(messages.recv())
    print(messages.recv())

    unbuffered: dgo.Chan[str] = dgo.Chan()
    try:
        unbuffered.send_nowait("to nobody")  # a send needs its receiver
    except dgo.WouldBlock:
        print("no receiver")


if __name__ == "__main__":
    main()
