"""The daemons' log: one line an event on stderr, JSON for machines or text for a terminal."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from dgo.cli.options import Option, one_of

__all__ = ["LOG_OPTIONS", "set_up_log"]

LOG_OPTIONS = (
    Option(
        "--log-level",
        "DGO_LOG_LEVEL",
        "debug, info, warning or error",
        one_of("debug", "info", "warning", "error"),
        "info",
        "LEVEL",
    ),
    Option(
        "--log-format",
        "DGO_LOG_FORMAT",
        "json (an object a line) or text",
        one_of("json", "text"),
        None,
        "FORMAT",
        shown="text on a terminal, else json",
    ),
)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "event": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def set_up_log(level: str, style: str | None, stream: TextIO | None = None) -> str:
    """Sends the process's log to ``stream`` (default: stderr); returns the style chosen."""
    target = stream or sys.stderr
    style = style or ("text" if target.isatty() else "json")
    handler = logging.StreamHandler(target)
    if style == "json":
        handler.setFormatter(_Json())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    return style
