"""Every example, run as its users run it: a program of its own, judged by what it prints.

Speed is printed by the examples and measured in ``benchmarks/``; no test here depends on it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TIMEOUT_SECONDS = 60
SLOW_TIMEOUT_SECONDS = 300

FIRST_PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71]


def run(
    name: str, *arguments: object, status: int = 0, timeout_seconds: float = TIMEOUT_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Runs an example on an embedded cluster; fails with all that it printed if it ends in another way."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DGO_")}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    assert done.returncode == status, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small tree: two Python files, one of them deeper, and one file that is no Python."""
    (tmp_path / "deeper").mkdir()
    (tmp_path / "one.py").write_text("spam spam = eggs_2\n")
    (tmp_path / "deeper" / "two.py").write_text("spam 4 eggs ham")
    (tmp_path / "notes.txt").write_text("spam in a text\n")
    return tmp_path


# goroutines.py


def test_the_first_program_prints_what_its_call_and_its_goroutines_say() -> None:
    lines = run("goroutines.py").stdout.splitlines()
    assert lines[:3] == ["direct : 0", "direct : 1", "direct : 2"]
    assert [line for line in lines if line.startswith("goroutine")] == [
        "goroutine : 0",
        "goroutine : 1",
        "goroutine : 2",
    ]
    assert lines.count("going") == 1
    assert lines[-1] == "done"
    assert len(lines) == 8


def test_the_first_program_says_on_stderr_how_long_its_goroutines_took() -> None:
    assert re.search(r"^the goroutines took \d+\.\d{3} s", run("goroutines.py").stderr, re.MULTILINE)


# wordcount.py


def test_the_word_count_of_a_folder_is_right(folder: Path) -> None:
    lines = run("wordcount.py", folder, "--workers", 2).stdout.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["3", "spam"],
        ["1", "eggs"],
        ["1", "eggs_2"],
        ["1", "ham"],
    ]
    assert lines[4] == "words: 6 (4 different)"
    assert lines[5] == "files: 2 (0.0 MB), 0 unreadable"


def test_the_word_count_verifies_itself_against_a_sequential_one(folder: Path) -> None:
    printed = run("wordcount.py", folder, "--workers", 2, "--verify").stdout
    assert "verified: the same as without goroutines" in printed
    assert re.search(r"sequential: \d+\.\d{3} s, speed-up \d+\.\d\d", printed)


def test_the_word_count_counts_its_corpus_several_times_over(folder: Path) -> None:
    printed = run("wordcount.py", folder, "--workers", 1, "--repeat", 3, "--verify").stdout
    assert "words: 18 (4 different)" in printed
    assert "files: 6 " in printed
    assert "verified" in printed


def test_the_word_count_takes_other_files_when_told_their_suffix(folder: Path) -> None:
    assert "words: 4 (4 different)" in run("wordcount.py", folder, "--suffix", ".txt", "--workers", 1).stdout


def test_the_word_count_of_an_empty_folder_is_zero(tmp_path: Path) -> None:
    assert "words: 0 (0 different)" in run("wordcount.py", tmp_path, "--workers", 1, "--verify").stdout


def test_the_word_count_says_that_its_folder_is_missing_on_the_worker(tmp_path: Path) -> None:
    done = run("wordcount.py", tmp_path / "missing", "--workers", 1, status=1)
    assert "missing' is not a folder on this worker" in done.stderr


def test_the_help_of_the_word_count_says_that_the_workers_read_the_folder() -> None:
    assert "must exist on each of them" in " ".join(run("wordcount.py", "--help").stdout.split())


@pytest.mark.slow
def test_the_word_count_of_the_standard_library_is_right() -> None:
    done = run("wordcount.py", "--workers", 2, "--repeat", 3, "--verify", timeout_seconds=SLOW_TIMEOUT_SECONDS)
    assert "verified: the same as without goroutines" in done.stdout
    assert "on 2 worker(s)" in done.stdout


# sieve.py


def test_the_sieve_finds_the_first_primes_in_order() -> None:
    printed = run("sieve.py", "--primes", 20, "--workers", 2, "--verify").stdout
    assert printed.splitlines()[0].split() == [str(prime) for prime in FIRST_PRIMES]
    assert "verified: the same as trial division" in printed


def test_the_sieve_works_over_unbuffered_channels() -> None:
    printed = run("sieve.py", "--primes", 10, "--workers", 2, "--capacity", 0, "--verify").stdout
    assert printed.splitlines()[0].split() == [str(prime) for prime in FIRST_PRIMES[:10]]


def test_the_sieve_of_one_prime_is_two() -> None:
    assert run("sieve.py", "--primes", 1, "--workers", 1, "--verify").stdout.startswith("2\n")


@pytest.mark.slow
def test_a_sieve_of_500_stages_runs_on_three_workers() -> None:
    done = run("sieve.py", "--primes", 500, "--workers", 3, "--verify", timeout_seconds=SLOW_TIMEOUT_SECONDS)
    assert "500 primes from 500 stages on 3 worker(s)" in done.stdout
    assert "verified" in done.stdout


# md5tree.py


def sums(printed: str) -> dict[str, str]:
    """The sums that md5tree printed, by path."""
    found = re.findall(r"^([0-9a-f]{32})  (.+)$", printed, re.MULTILINE)
    return {path: digest for digest, path in found}


def test_md5tree_prints_the_sum_of_every_file(folder: Path) -> None:
    printed = run("md5tree.py", folder, "--workers", 2, "--verify").stdout
    expected = {
        str(path): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert sums(printed) == expected
    assert "3 files, 0 errors" in printed
    assert "verified: the same as a sequential run" in printed


def test_md5tree_reports_a_file_that_cannot_be_read_and_sums_the_others(folder: Path) -> None:
    (folder / "broken").symlink_to(folder / "nowhere")
    done = run("md5tree.py", folder, "--workers", 2, status=1)
    assert len(sums(done.stdout)) == 3
    assert "3 files, 1 errors" in done.stdout
    assert f"{folder / 'broken'}: No such file or directory" in done.stderr


def test_md5tree_works_with_one_digester(folder: Path) -> None:
    assert "3 files, 0 errors, 1 digesters" in run("md5tree.py", folder, "--workers", 1, "--digesters", 1).stdout


def test_md5tree_says_that_its_folder_is_missing(tmp_path: Path) -> None:
    done = run("md5tree.py", tmp_path / "missing", "--workers", 1, status=1)
    assert "missing' is not a folder here" in done.stderr


@pytest.mark.slow
def test_md5tree_digests_more_files_than_it_has_goroutines_or_buffers(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number:04}").write_text(str(number))
    printed = run("md5tree.py", tmp_path, "--workers", 2, "--verify").stdout
    assert "3000 files, 0 errors" in printed
    assert "verified" in printed


# pingpong.py


def test_ping_and_pong_exchange_all_their_balls() -> None:
    printed = run("pingpong.py", "--count", 200, "--workers", 1).stdout
    assert re.search(r"^200 round trips on one worker in \S+ s: [\d,]+ a second", printed)


def test_ping_and_pong_play_across_two_workers() -> None:
    printed = run("pingpong.py", "--count", 200, "--spread", "--workers", 2).stdout
    assert "200 round trips on two workers" in printed


@pytest.mark.slow
def test_ping_and_pong_play_a_long_game_across_two_workers() -> None:
    done = run("pingpong.py", "--count", 20_000, "--spread", "--workers", 2)
    assert "20000 round trips on two workers" in done.stdout


# daisychain.py


def test_a_daisy_chain_counts_its_stages() -> None:
    lines = run("daisychain.py", "--stages", 50, "--workers", 2).stdout.splitlines()
    assert lines[0] == "51"
    assert lines[1].startswith("50 stages on 2 worker(s)")


@pytest.mark.slow
def test_a_daisy_chain_of_a_thousand_stages_counts_them() -> None:
    assert run("daisychain.py", "--stages", 1000, "--workers", 2).stdout.startswith("1001\n")


# all of them


@pytest.mark.parametrize("name", ["wordcount.py", "sieve.py", "md5tree.py", "pingpong.py", "daisychain.py"])
def test_every_example_with_options_explains_them(name: str) -> None:
    assert "--workers" in run(name, "--help").stdout


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("wordcount.py", "--repeat"),
        ("sieve.py", "--primes"),
        ("pingpong.py", "--count"),
        ("daisychain.py", "--stages"),
    ],
)
def test_an_example_refuses_to_do_nothing(name: str, option: str) -> None:
    assert f"{option} must be at least 1" in run(name, option, 0, status=2).stderr
