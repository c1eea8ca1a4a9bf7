"""The scripts of the suite."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).resolve().parent

#: By name: the script and its mode. In the order of the budgets; what takes the machine for itself comes last.
SCRIPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "local_spawn": ("local_spawn.py", ()),
    "local_pingpong": ("local_pingpong.py", ()),
    "local_values": ("local_values.py", ()),
    "local_sync": ("local_sync.py", ()),
    "parked": ("parked.py", ()),
    "spawn": ("spawn.py", ()),
    "round_trip": ("round_trip.py", ()),
    "pingpong": ("pingpong_bench.py", ()),
    "stream": ("stream.py", ()),
    "large": ("large.py", ()),
    "start": ("start.py", ()),
    "idle": ("idle.py", ()),
    "skynet": ("skynet.py", ()),
    "metg": ("metg.py", ()),
    "executor": ("executor.py", ()),
    "scale": ("scale.py", ()),
    "scale_members": ("scale.py", ("--members",)),
    "parked_million": ("parked.py", ("--million",)),
    "growth": ("parked.py", ("--growth",)),
}


def title_of(file: str) -> str:
    """The first paragraph of a script's docstring."""
    text = ast.get_docstring(ast.parse((HERE / file).read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split())
