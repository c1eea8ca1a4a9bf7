"""Small tables for notebooks: what ``_repr_html_`` returns. Every text is escaped here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

__all__ = ["card", "listing"]

LONGEST = 200  # characters of one text


def card(title: str, facts: Mapping[str, object]) -> str:
    """A table of names and values; a value that is None is left out."""
    rows = [(name, value) for name, value in facts.items() if value is not None]
    lines = "".join(f"<tr><th style='text-align:left'>{_text(name)}</th>{_cell(value)}</tr>" for name, value in rows)
    return f"<table><caption style='text-align:left'><b>{_text(title)}</b></caption><tbody>{lines}</tbody></table>"


def listing(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table with a line of headings."""
    heads = "".join(f"<th style='text-align:left'>{_text(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(value: object) -> str:
    return f"<td style='text-align:left'>{_text(value)}</td>"


def _text(value: object) -> str:
    text = str(value)
    return escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
