"""Channels: how goroutines pass values to one another."""

import dgo


def order(orders: dgo.Chan[list[str]]) -> None:
    table = ["tea"]
    orders.send(table)  # a copy leaves here, now
    table.append("cake")  # who received the first list does not see this
    orders.send(table)


def main() -> None:
    messages: dgo.Chan[str] = dgo.Chan()
    dgo.go(lambda: messages.send("ping"))
    print(messages.recv())  # waits until somebody sends

    orders: dgo.Chan[list[str]] = dgo.Chan()
    dgo.go(order, orders)
    first, second = orders.recv(), orders.recv()
    print(first, second)

    replies: dgo.Chan[dgo.Chan[str]] = dgo.Chan()  # a channel is a value too
    dgo.go(lambda: replies.recv().send("the answer"))
    mine: dgo.Chan[str] = dgo.Chan()
    replies.send(mine)
    print(mine.recv())


if __name__ == "__main__":
    main()
