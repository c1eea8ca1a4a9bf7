"""WaitGroups: wait until several goroutines have ended."""

import dgo


def work(number: int) -> None:
    print("worker", number, "starting")
    dgo.sleep(0.05)
    print("worker", number, "done")


def main() -> None:
    wg = dgo.WaitGroup()
    for number in (1, 2, 3):
        wg.go(work, number)  # add, start, and done at its end, however it ends
    wg.wait()

    with dgo.WaitGroup() as group:  # waits when the block ends
        for number in (4, 5):
            group.go(work, number)
    print("all done")


if __name__ == "__main__":
    main()
