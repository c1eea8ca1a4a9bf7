"""Closing a channel: no more values will come."""

import dgo


def work(jobs: dgo.RecvChan[int], done: dgo.SendChan[int]) -> None:
    count = 0
    while True:
        job, more = jobs.recv_ok()  # Go's `job, more := <-jobs`
        if not more:
            break
        print("received job", job)
        count += 1
    done.send(count)


def main() -> None:
    jobs: dgo.Chan[int] = dgo.Chan(5)
    for job in (1, 2, 3):
        jobs.send(job)
    jobs.close()  # what is stored can still be received

    done: dgo.Chan[int] = dgo.Chan()
    dgo.go(work, jobs.receiver(), done.sender())
    print("received all", done.recv(), "jobs")

    print(jobs.recv_ok(), jobs.closed)
    try:
        jobs.send(4)
    except dgo.ChannelClosed:  # a panic in Go
        print("closed: nothing can be sent")


if __name__ == "__main__":
    main()
