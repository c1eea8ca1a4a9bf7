"""Mutexes: several steps that nobody may come between."""

import dgo


class Container:
    """Counters by name. What is shared is what dgo shares: the Mutex and the Map."""

    def __init__(self) -> None:
        self.mutex = dgo.Mutex()
        self.counters: dgo.Map[str, int] = dgo.Map()

    def inc(self, name: str) -> None:
        with self.mutex:  # one goroutine at a time, in whatever process
            self.counters[name] = self.counters.get(name, 0) + 1


def count(container: Container, name: str, times: int) -> None:
    for _ in range(times):
        container.inc(name)


def main() -> None:
    container = Container()
    with dgo.WaitGroup() as wg:
        wg.go(count, container, "a", 50)
        wg.go(count, container, "a", 50)
        wg.go(count, container, "b", 50)
    print(sorted(container.counters.items()))


if __name__ == "__main__":
    main()
