"""Keeps a cluster busy while it grows, and ends when the new workers take part.

grow.py WORKERS_AT_START WORKERS_AT_END
"""

import json
import socket
import sys
import time

import dgo

BATCH = 20
PATIENCE_SECONDS = 60


def square(number: int) -> tuple[int, str]:
    time.sleep(0.1)
    return number * number, socket.gethostname()


def run_batch() -> tuple[int, set[str]]:
    """Runs one batch everywhere; how many results were wrong, and the hosts that took part."""
    spread = dgo.go.options(spread=True)
    results = [goroutine.result(timeout=30) for goroutine in [spread(square, n) for n in range(BATCH)]]
    wrong = sum(value != n * n for n, (value, _host) in enumerate(results))
    return wrong, {host for _value, host in results}


def main() -> None:
    at_start, at_end = int(sys.argv[1]), int(sys.argv[2])
    cluster = dgo.init()
    cluster.wait_for_workers(at_start, timeout=30)
    found_at_start = len(cluster.workers())

    wrong, hosts = run_batch()
    print("STARTED", flush=True)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (len(cluster.workers()) < at_end or len(hosts) < at_end) and time.monotonic() < deadline:
        wrong_now, hosts_now = run_batch()
        wrong += wrong_now
        hosts |= hosts_now

    seen = {
        "workers_at_start": found_at_start,
        "workers_at_end": len(cluster.workers()),
        "hosts": sorted(hosts),
        "wrong_results": wrong,
    }
    dgo.shutdown()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
