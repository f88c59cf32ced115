"""What columns there are, and what they hold: ``ls --list-columns``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meticulous.base.text import harmless
from meticulous.query.rows import Row, is_missing, is_numeric
from meticulous.views import text
from meticulous.views.table import Column, draw

__all__ = ["listing"]

_EXAMPLES = 3
_LONGEST = 40


def listing(rows: Sequence[Row], names: Sequence[str], limit: int | None) -> list[str]:
    """Return a line for each column: its name, how many runs have a value, and which."""
    found = {name: _values(rows, name) for name in names}
    held = [name for name in names if found[name]]
    return draw(
        [
            Column("column", [harmless(name) for name in held]),
            Column("runs", [str(len(found[name])) for name in held], right=True),
            Column("values", [_summary(rows, name, found[name]) for name in held], flexible=True),
        ],
        limit,
    ).lines


def _values(rows: Sequence[Row], name: str) -> list[Any]:
    return [row[name] for row in rows if name in row and not is_missing(row[name])]


def _summary(rows: Sequence[Row], name: str, values: Sequence[Any]) -> str:
    texts = dict.fromkeys(text.clip(text.short(value), _LONGEST) or "''" for value in values)
    if len(texts) <= _EXAMPLES:
        return ", ".join(texts)
    if is_numeric(rows, name):
        return f"{text.short(min(values))} to {text.short(max(values))}"
    return ", ".join(list(texts)[:_EXAMPLES]) + f" and {len(texts) - _EXAMPLES} more"
