"""The benchmark suite, for its tests: it is a folder of scripts, whose modules find each other by the path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
TIMEOUT_SECONDS = 300

sys.path.insert(0, str(FOLDER))  # as for a script that runs alone


def run(file: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs a script to its end."""
    return subprocess.run(
        [sys.executable, str(FOLDER / file), *options],
        env={key: value for key, value in os.environ.items() if not key.startswith("DGO_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def findings(printed: str) -> list[dict[str, Any]]:
    """What a script found: its lines of JSON."""
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
