"""Counts the words in many files, through a pipeline of goroutines and channels.

::

    walker ──paths──> reader ──texts──> counter ──partials──> merger
                      reader ──texts──> counter ──┘           (main)
                       ...one pair for each worker

* The **walker** sends lists of paths that hold about a megabyte together: one message for a hundred small
  files.
* Each **reader** takes such a list whenever it is ready for one, so a faster worker gets more of them. It
  reads the files where it runs, and sends their text to the counter beside it: that channel is made by the
  reader, and a channel lives in the process that made it, so the megabytes do not leave the worker.
* Each **counter** adds up what its reader sends and, once, at the end, sends its sums.
* Main is the **merger**: it adds the sums of all counters.

The grain decides whether this pays. A message costs some microseconds and a megabyte of text takes tens of
milliseconds to count, so sending is not noticed; with a message for each word it would be all there is.

Words are runs of ASCII letters, digits and underscores that do not start with a digit. The corpus is the
standard library of the running Python, or a folder. A worker reads its own copy of it: on a cluster of
containers from one image that is the same for all, and a folder given as an argument must exist on every
worker.

Run it::

    python examples/wordcount.py --verify
    python examples/wordcount.py --repeat 10 --workers 2 --verify
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import dgo

WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9]*")
BATCH_BYTES = 1_000_000
NOT_THE_LIBRARY = {"site-packages", "dist-packages", "__pycache__"}

# How many files were read, how many bytes they held, and how many could not be read.
Totals = tuple[int, int, int]

# The result: how often each word occurs, and the totals.
Counted = tuple[Counter[bytes], Totals]


def find(corpus: str | None, suffix: str) -> Iterator[tuple[str, int]]:
    """Yields path and size of each file of the corpus.

    Args:
        corpus: a folder; None for the standard library of the Python that runs this.
        suffix: how the names of the files end.

    Raises:
        NotADirectoryError: the folder does not exist here.
    """
    root = corpus or sysconfig.get_path("stdlib")
    if not os.path.isdir(root):
        raise NotADirectoryError(f"{root!r} is not a folder on this worker (process {os.getpid()})")
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if corpus or name not in NOT_THE_LIBRARY)
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name.endswith(suffix) and os.path.isfile(path):
                yield path, os.path.getsize(path)


def batches(files: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Groups paths into lists whose files hold about ``BATCH_BYTES`` together."""
    batch: list[str] = []
    size = 0
    for path, nbytes in files:
        batch.append(path)
        size += nbytes
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def read(batch: list[str]) -> tuple[bytes, Totals]:
    """The text of all files of a batch, one after the other, and their totals."""
    texts: list[bytes] = []
    unreadable = 0
    for path in batch:
        try:
            with open(path, "rb") as file:
                texts.append(file.read())
        except OSError:
            unreadable += 1
    # The line ends keep the last word of a file apart from the first of the next.
    return b"\n".join(texts), (len(texts), sum(map(len, texts)), unreadable)


def add(left: Totals, right: Totals) -> Totals:
    """The sums of two totals."""
    return left[0] + right[0], left[1] + right[1], left[2] + right[2]


def walker(corpus: str | None, suffix: str, repeat: int, paths: dgo.Chan[list[str]]) -> None:
    """Sends the whole corpus, ``repeat`` times over, and closes ``paths`` at the end, whatever happened."""
    try:
        for _ in range(repeat):
            for batch in batches(find(corpus, suffix)):
                paths.send(batch)
    finally:
        paths.close()


def reader(paths: dgo.Chan[list[str]], partials: dgo.Chan[Counter[bytes]]) -> Totals:
    """Reads batches until there are no more, and has a counter beside it count them.

    Returns:
        The totals of what it read, when its counter has sent its sums.
    """
    texts: dgo.Chan[bytes] = dgo.Chan(2)
    counting = dgo.go(counter, texts, partials)
    totals: Totals = (0, 0, 0)
    for batch in paths:
        text, of_batch = read(batch)
        totals = add(totals, of_batch)
        texts.send(text)
    texts.close()
    counting.result()
    return totals


def counter(texts: dgo.Chan[bytes], partials: dgo.Chan[Counter[bytes]]) -> None:
    """Counts the words of all texts and sends the sums, once."""
    words: Counter[bytes] = Counter()
    for text in texts:
        words.update(WORD.findall(text))
    partials.send(words)


def close_after(readers: list[dgo.Goroutine[Totals]], partials: dgo.Chan[Counter[bytes]]) -> None:
    """Closes ``partials`` when all readers, and so their counters, have ended, in whatever way."""
    for one in readers:
        one.wait()
    partials.close()


def count_words(corpus: str | None, suffix: str, repeat: int) -> Counted:
    """Counts the corpus with goroutines on every worker.

    Raises:
        NotADirectoryError: the folder does not exist on the walker's worker.
        dgo.WorkerLost: a worker died, and what it had counted with it.
    """
    lanes = max(1, dgo.num_workers())
    paths: dgo.Chan[list[str]] = dgo.Chan(64)  # lets the walker run ahead, so that no reader waits for it
    partials: dgo.Chan[Counter[bytes]] = dgo.Chan(lanes)
    spread = dgo.go.options(spread=True)
    readers = [spread(reader, paths, partials) for _ in range(lanes)]
    walking = spread(walker, corpus, suffix, repeat, paths)
    dgo.go(close_after, readers, partials)

    words: Counter[bytes] = Counter()
    for partial in partials:
        words.update(partial)

    # Readers first: if all of them were lost, the walker waits for them for ever.
    totals: Totals = (0, 0, 0)
    for one in readers:
        totals = add(totals, one.result())
    walking.result()
    return words, totals


def count_sequentially(corpus: str | None, suffix: str, repeat: int) -> Counted:
    """The same in this process, without goroutines: what ``--verify`` compares with."""
    words: Counter[bytes] = Counter()
    totals: Totals = (0, 0, 0)
    for _ in range(repeat):
        for batch in batches(find(corpus, suffix)):
            text, of_batch = read(batch)
            totals = add(totals, of_batch)
            words.update(WORD.findall(text))
    return words, totals


def report(words: Counter[bytes], totals: Totals, top: int, seconds: float, workers: int) -> None:
    """Prints the most frequent words and the totals."""
    files, nbytes, unreadable = totals
    # Words of the same count are sorted by name, so that two runs print the same.
    for word, count in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:top]:
        print(f"{count:>12,}  {word.decode()}")
    print(f"words: {words.total():,} ({len(words):,} different)")
    print(f"files: {files:,} ({nbytes / 1e6:,.1f} MB), {unreadable:,} unreadable")
    print(f"goroutines: {seconds:.3f} s on {workers} worker(s), {nbytes / 1e6 / seconds:,.1f} MB/s")


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Counts words with a pipeline of goroutines.")
    parser.add_argument(
        "folder",
        nargs="?",
        help="what to count (default: Python's standard library); the workers read it,"
        " so it must exist on each of them, under the same name",
    )
    parser.add_argument("--suffix", default=".py", help="what names end with (default: %(default)s)")
    parser.add_argument("--top", type=int, default=10, help="how many words to print (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=1, help="count the corpus so many times over")
    parser.add_argument("--verify", action="store_true", help="compare with a sequential count")
    parser.add_argument(
        "--workers", type=int, help="worker processes (default: one a core; ignored when DGO_ADDRESS is set)"
    )
    args = parser.parse_args()
    if args.repeat < 1:
        parser.error("--repeat must be at least 1")
    return args


def verify(found: Counted, expect: Callable[[], Counted], seconds: float) -> bool:
    """Counts again without goroutines, prints the comparison, and says whether both found the same."""
    started = time.perf_counter()
    expected = expect()
    sequential = time.perf_counter() - started
    print(f"sequential: {sequential:.3f} s, speed-up {sequential / seconds:.2f}")
    right = found == expected
    print("verified: the same as without goroutines" if right else "WRONG: not the same as without goroutines")
    return right


def main() -> int:
    """Counts, prints, and returns the exit status: 0, or 1 if the count failed or is wrong."""
    args = options()
    corpus = os.path.abspath(args.folder) if args.folder else None
    attached = "DGO_ADDRESS" in os.environ
    workers = args.workers or len(os.sched_getaffinity(0))
    with dgo.init(workers=None if attached else workers) as cluster:
        # There is a lane for each worker that is there now: wait for those that are ours.
        cluster.wait_for_workers(1 if attached else workers, timeout=60)
        used = dgo.num_workers()
        started = time.perf_counter()
        try:
            found = count_words(corpus, args.suffix, args.repeat)
        except (NotADirectoryError, dgo.WorkerLost) as error:
            print(f"wordcount: {error}", file=sys.stderr)
            return 1
        seconds = time.perf_counter() - started
    report(*found, args.top, seconds, used)
    if args.verify:
        right = verify(found, lambda: count_sequentially(corpus, args.suffix, args.repeat), seconds)
        return 0 if right else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
