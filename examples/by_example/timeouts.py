"""Timeouts: a wait can have an end."""

import dgo


def answer(after_seconds: float, answers: dgo.Chan[str]) -> None:
    dgo.sleep(after_seconds)
    answers.send("an answer")


def main() -> None:
    never: dgo.Chan[str] = dgo.Chan()
    slow = dgo.go(answer, 60, never)

    # As in Go: a select, one case of which is a timer.
    chosen = dgo.select(dgo.recv(never), dgo.recv(dgo.after(0.1)))
    print("timeout" if chosen.index == 1 else chosen.value)

    # Shorter: what waits takes a timeout, in seconds.
    for wait in (never.recv, slow.result):
        try:
            wait(timeout=0.1)
        except dgo.Timeout:  # also a TimeoutError
            print("timeout")

    soon: dgo.Chan[str] = dgo.Chan()
    dgo.go(answer, 0.05, soon)
    print(soon.recv(timeout=30))


if __name__ == "__main__":
    main()
