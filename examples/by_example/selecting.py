"""Select: one goroutine waits on channels of several processes."""

import dgo


def source(name: str, opened: dgo.Chan[dgo.Chan[str]]) -> None:
    values: dgo.Chan[str] = dgo.Chan()  # it lives here, in the process of this goroutine
    opened.send(values)
    for n in range(3):
        values.send(f"{name} {n}")
    values.close()


def main() -> None:
    opened: dgo.Chan[dgo.Chan[str]] = dgo.Chan()
    spread = dgo.go.options(spread=True)  # each on another worker
    for name in ("left", "right"):
        spread(source, name, opened)
    sources = [opened.recv(), opened.recv()]

    while sources:
        chosen = dgo.select(*map(dgo.recv, sources))  # whichever has a value first
        if chosen.ok:
            print(chosen.value)
        else:
            del sources[chosen.index]  # closed and drained


if __name__ == "__main__":
    main()
