"""What tells runs apart in a legend: only what differs between them; and a colour that stays."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from meticulous.base.text import harmless
from meticulous.query.rows import Row, same

__all__ = ["COLOURS", "differing", "labels", "short", "slots"]

COLOURS = (
    "#3b7dd8", "#e07b1a", "#2f9e57", "#d6405b", "#8a5fd0",
    "#12a0b4", "#b07a18", "#d457a8", "#7d9a1f", "#7a7f87",
)  # fmt: skip
"""Ten colours that differ in lightness too, and are read on white and on black."""

_MOST = 6
_LONGEST = 32


def short(value: Any) -> str:
    """Return `value` on one line, numbers with six digits."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = harmless(str(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def differing(rows: Sequence[Row]) -> list[str]:
    """Return the columns of arguments in which `rows` differ; else program, description or tags."""
    names = dict.fromkeys(name for row in rows for name in row if name.startswith("args_"))
    found = [name for name in names if _differs(name, rows)]
    if not found:
        found = [name for name in ("description", "tags") if _differs(name, rows)]
    if _differs("program", rows):
        found.insert(0, "program")
    return found


def _differs(name: str, rows: Sequence[Row]) -> bool:
    return any(not same(row.get(name), rows[0].get(name)) for row in rows[1:])


def labels(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """Return ``lr=0.1 seed=2`` for each of `rows`; of many columns the first."""
    return ["  ".join(_pairs(row, columns[:_MOST])) for row in rows]


def _pairs(row: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    pairs = []
    for name in columns:
        value = row.get(name)
        if not name.startswith("args_"):
            pairs.append(short(value) if value else "")
        elif name in row:
            pairs.append(f"{harmless(name.removeprefix('args_'))}={short(value)}")
    return [pair for pair in pairs if pair]


def slots(keys: Sequence[Any], size: int = len(COLOURS)) -> list[int]:
    """Return the number of a colour for each of `keys`, from 0 on.

    A run keeps its colour in every picture. Where two of one picture have the same, the later one
    takes the next that is free.
    """
    taken: set[int] = set()
    found = []
    for key in keys:
        wanted = key if isinstance(key, int) else zlib.crc32(str(key).encode())
        slot = wanted % size
        if len(taken) < size:
            while slot in taken:
                slot = (slot + 1) % size
            taken.add(slot)
        found.append(slot)
    return found
