"""Prints the cluster's workers as JSON as soon as there are so many.

wait_for_workers.py COUNT
"""

import json
import sys

import dgo


def main() -> None:
    cluster = dgo.init()
    cluster.wait_for_workers(int(sys.argv[1]), timeout=60)
    listed = [{"name": w.name, "host": w.host, "pid": w.pid, "state": w.state} for w in cluster.workers()]
    dgo.shutdown()
    print(json.dumps(listed))


if __name__ == "__main__":
    main()
