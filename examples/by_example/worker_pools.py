"""A pool: three goroutines take jobs from one channel and put results into another."""

import dgo


def work(jobs: dgo.RecvChan[int], results: dgo.SendChan[tuple[int, int]]) -> None:
    for job in jobs:  # each job goes to one of those who ask
        results.send((job, job * 2))


def double(job: int) -> int:
    return job * 2


def main() -> None:
    jobs: dgo.Chan[int] = dgo.Chan(100)
    results: dgo.Chan[tuple[int, int]] = dgo.Chan(100)
    for _ in range(3):
        dgo.go(work, jobs.receiver(), results.sender())

    for job in range(1, 6):
        jobs.send(job)
    jobs.close()

    found = [results.recv() for _ in range(5)]  # in the order in which they were ready
    print(sorted(found))

    # The same without channels of one's own: three calls in flight, results in order.
    print(list(dgo.map(double, range(1, 6), limit=3)))


if __name__ == "__main__":
    main()
