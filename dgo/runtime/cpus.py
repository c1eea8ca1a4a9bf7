"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["usable_cpus"]


def usable_cpus(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """The cores in this process's affinity mask, or fewer if a cgroup limits its CPU time; at least 1.

    Args:
        root: where cgroups are mounted.
        own: the file that names this process's cgroups.
    """
    count = len(os.sched_getaffinity(0))
    quota = _quota(root, own)
    if quota is not None:
        count = min(count, max(1, math.ceil(quota)))
    return max(1, count)


def _quota(root: Path, own: Path) -> float | None:
    """The tightest CPU limit of this process's cgroups, in cores; None if there is none."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2: one hierarchy, limits at each level
            folder = root / path.lstrip("/")
            for level in (folder, *folder.parents):
                if level != root and root not in level.parents:
                    break
                limits.append(_version2(level / "cpu.max"))
        elif "cpu" in controllers.split(","):
            for folder in (
                root / controllers / path.lstrip("/"),
                root / "cpu" / path.lstrip("/"),
                root / "cpu",
            ):
                limits.append(_version1(folder))
    found = [limit for limit in limits if limit is not None]
    return min(found, default=None)


def _version2(file: Path) -> float | None:
    try:
        quota, period = file.read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _version1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
        return quota / period if quota > 0 and period > 0 else None
    except (OSError, ValueError):
        return None
