"""The compiled build: ``DGO_COMPILE=1 pip install .`` makes the hot modules C extensions, with mypyc (part of mypy).

Without the variable this file adds nothing to pyproject.toml: no compiler and no mypy are needed, and the wheel is
pure. What is compiled is the same source; see "The compiled build" in docs/design.md.
"""

from __future__ import annotations

import os
import sys

from setuptools import setup

# A class is compiled with those that it derives from. What calls the program's code (its functions, its pickling)
# stays interpreted: by its frames preemption sees where a goroutine is.
MODULES = (
    *(
        f"dgo/core/{name}.py"
        for name in (
            "queue",
            "line",
            "ticket",
            "handoff",
            "match",
            "case",
            "channel",
            "goroutine",
            "cancellation",
            "select",
            "distant",
            "lease",
            "loan",
            "stock",
            "session",
            "window",
            "timers",
            "references",
        )
    ),
    *(
        f"dgo/runtime/{name}.py"
        for name in (
            "carriers",
            "greenlets",
            "task",
            "reports",
            "execution",
            "node",
            "remote",
            "homes",
            "selects",
            "spawner",
            "values",
            "links",
            "loans",
            "operations",
        )
    ),
    "dgo/wire/frames.py",
    "dgo/wire/messages.py",
)

# What these modules import is not installed where a wheel is built, so its types are unknown there.
OPTIONS = ("--config-file", "pyproject.toml", "--ignore-missing-imports", "--no-warn-unused-ignores")

if not os.environ.get("DGO_COMPILE"):
    setup()
elif {"bdist_wheel", "build_ext"}.isdisjoint(sys.argv):  # the frontend only asks what the build needs
    setup(setup_requires=["mypy>=2.4"])
else:
    from mypyc.build import mypycify

    setup(ext_modules=mypycify([*OPTIONS, *MODULES]))
