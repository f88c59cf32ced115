"""Groups of runs as a table of a paper: what never differs is left out, names are short."""

from __future__ import annotations

from collections.abc import Sequence

from meticulous.query import importance
from meticulous.query.importance import ARGUMENTS, RESULTS
from meticulous.query.question import Table
from meticulous.query.rows import Row
from meticulous.views import text

__all__ = ["ENDINGS", "ready"]

ENDINGS = ("md", "tex")


def ready(
    table: Table, rows: Sequence[Row], names: Sequence[str], *, folds: bool
) -> tuple[list[Row], list[str], str]:
    """Return the rows, the names of the columns, and a note of what is the same in all rows.

    Args:
        table: the groups.
        rows: their rows, with mean and deviation in one text.
        names: the columns.
        folds: whether what never differs is left out: keys go into the note, results are dropped,
            and so are groups without any result, such as those of runs that all failed.
    """
    constant: Row = {}
    results = [name for name in names if name in table.spreads]
    if folds:
        told = [any(row.get(name) is not None for name in results) for row in rows]
        table = table._replace(rows=[row for row, one in zip(table.rows, told, strict=True) if one])
        rows = [row for row, one in zip(rows, told, strict=True) if one]
    if folds and len(rows) > 1:
        constant = {name: rows[0].get(name) for name in names if _is_constant(table, rows, name)}
    kept = [name for name in names if name not in constant]
    heads = _heads(kept)
    note = ", ".join(
        f"{name}={text.short(value)}" for name, value in constant.items() if name in table.by
    )
    renamed = [{heads[name]: row.get(name) for name in kept} for row in rows]
    return renamed, list(heads.values()), note and f"in all rows: {note}"


def _is_constant(table: Table, rows: Sequence[Row], name: str) -> bool:
    if name in table.spreads:
        means = [row.get(table.spreads[name].mean) for row in table.rows]
        return importance.is_constant(means)
    is_key = name in table.by and name.startswith(ARGUMENTS)
    return is_key and importance.is_constant([row.get(name) for row in rows])


def _heads(names: Sequence[str]) -> dict[str, str]:
    """Return a short head for each column: without what says where it is from, where that is clear."""
    short = {
        name: name.removeprefix(next((p for p in (ARGUMENTS, *RESULTS) if name.startswith(p)), ""))
        for name in names
    }
    taken = list(short.values())
    return {name: one if taken.count(one) == 1 else name for name, one in short.items()}
