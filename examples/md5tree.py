"""MD5 sums of all files in a folder, by a bounded number of goroutines.

The program of Go's article on pipelines and cancellation, in its bounded form. One goroutine walks the
folder and sends paths; a fixed number of digesters receive paths and send sums; main collects them. However
large the folder is, no more than ``--digesters`` files are open at a time, and no more paths wait than the
channel holds: a walker that is too fast is stopped by its own send.

The three endings of a channel pipeline, each in its place:

* the walker closes ``paths`` when there are no more, whatever happened to it, so the digesters' loops end;
* the results have many senders, so none of them may close: ``close_after`` does it when the last one has
  ended;
* an error is a value like any other: a file that cannot be read is a result that says why, the rest goes
  on, and the program's exit status is 1.

The folder must exist, under the same name, where the goroutines run: always true on the embedded cluster;
on another one (``DGO_ADDRESS``) it needs a shared file system.

Run it::

    python examples/md5tree.py some/folder --verify
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Iterator

import dgo

# A file's path, its sum or None, and what went wrong or None.
Result = tuple[str, str | None, str | None]


def files(root: str) -> Iterator[Result]:
    """Yields every file below a folder (no sum yet), and each folder that cannot be listed (its error)."""
    if not os.path.isdir(root):
        raise NotADirectoryError(f"{root!r} is not a folder here (process {os.getpid()})")
    unlisted: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=unlisted.append):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(folder, name), None, None
    for error in unlisted:
        yield str(error.filename), None, reason(error)


def reason(error: OSError) -> str:
    """The short form of an error: what it says, without the path that is printed beside it."""
    return error.strerror or str(error)


def digest(path: str) -> Result:
    """The sum of one file, or why there is none."""
    try:
        with open(path, "rb") as file:
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    except OSError as error:
        return path, None, reason(error)
    return path, md5.hexdigest(), None


def walk(root: str, paths: dgo.Chan[str], results: dgo.Chan[Result]) -> None:
    """Sends every path below ``root``, and closes ``paths`` at the end."""
    try:
        for path, _, error in files(root):
            if error is None:
                paths.send(path)
            else:
                results.send((path, None, error))
    finally:
        paths.close()


def digester(paths: dgo.Chan[str], results: dgo.Chan[Result]) -> None:
    """Turns paths into results until there are no more."""
    for path in paths:
        results.send(digest(path))


def close_after(senders: list[dgo.Goroutine[None]], results: dgo.Chan[Result]) -> None:
    """Closes ``results`` when all that send on it have ended, in whatever way."""
    for sender in senders:
        sender.wait()
    results.close()


def digest_all(root: str, digesters: int) -> list[Result]:
    """The sums of all files below a folder, sorted by path.

    Args:
        root: the folder, as the workers see it.
        digesters: how many goroutines read files at the same time.

    Raises:
        NotADirectoryError: the folder does not exist on the walker's worker.
    """
    paths: dgo.Chan[str] = dgo.Chan(2 * digesters)
    results: dgo.Chan[Result] = dgo.Chan(2 * digesters)
    spread = dgo.go.options(spread=True)
    goroutines = [spread(walk, root, paths, results)]
    goroutines += [spread(digester, paths, results) for _ in range(digesters)]
    dgo.go(close_after, goroutines, results)
    collected = sorted(results)
    # Digesters first: if all of them were lost, the walker waits for them for ever.
    for goroutine in reversed(goroutines):
        goroutine.result()
    return collected


def digest_sequentially(root: str) -> list[Result]:
    """The same without goroutines: what ``--verify`` compares with."""
    return sorted(digest(path) if error is None else (path, None, error) for path, _, error in files(root))


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Prints the MD5 sums of all files in a folder.")
    parser.add_argument("folder", help="must exist on the workers, under the same name")
    parser.add_argument("--digesters", type=int, default=8, help="files open at once (default: %(default)s)")
    parser.add_argument("--verify", action="store_true", help="compare with a sequential run on this machine")
    parser.add_argument(
        "--workers", type=int, help="worker processes (default: one a core; ignored when DGO_ADDRESS is set)"
    )
    args = parser.parse_args()
    if args.digesters < 1:
        parser.error("--digesters must be at least 1")
    return args


def main() -> int:
    """Prints sums on stdout, errors on stderr; 1 if a file could not be read or the check failed, else 0."""
    args = options()
    root = os.path.abspath(args.folder)
    with dgo.init(workers=None if "DGO_ADDRESS" in os.environ else args.workers):
        started = time.perf_counter()
        try:
            results = digest_all(root, args.digesters)
        except NotADirectoryError as error:
            print(f"md5tree: {error}", file=sys.stderr)
            return 1
        seconds = time.perf_counter() - started
    errors = 0
    for path, md5, error in results:
        if error is None:
            print(f"{md5}  {path}")
        else:
            errors += 1
            print(f"md5tree: {path}: {error}", file=sys.stderr)
    print(f"{len(results) - errors} files, {errors} errors, {args.digesters} digesters, {seconds:.3f} s")
    if args.verify:
        right = results == digest_sequentially(root)
        print("verified: the same as a sequential run" if right else "WRONG: a sequential run says otherwise")
        return 0 if right and not errors else 1
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
