"""Arguments and results of different programs in one column each: ``lr=0.1 batch_size=32``."""

from __future__ import annotations

from collections.abc import Sequence

from meticulous.base.text import harmless
from meticulous.query.aggregate import RUNS
from meticulous.query.importance import ARGUMENTS, LAST, RESULTS, Weighed
from meticulous.query.rows import Row
from meticulous.views.cell import cells
from meticulous.views.table import GAP, Column, full_width
from meticulous.views.text import HARD_SPACE, width

__all__ = ["columns"]

_MOST_RESULTS = 3
_SHARE_OF_ARGUMENTS = 0.6
_TITLES = ("arguments", "results")


def columns(
    rows: Sequence[Row], weighed: Weighed, beside: Sequence[Column], limit: int
) -> tuple[list[Column], list[str]]:
    """Return the columns `beside` with two more for what varied and what came out.

    Each row names what its own program varied, and its most important results. Where the two do not
    fit in one line, what says when it was makes room for them. Returns also the columns that are
    not shown of any row.
    """
    constant = {one.name: one.constant for one in weighed.programs}
    keys = [name for name in weighed.names if name.startswith(ARGUMENTS)]
    own = [
        [name for name in keys if name in row and name not in constant.get(row.get("program"), {})]
        for row in rows
    ]
    ranked = sorted(weighed.results, key=weighed.ranks.__getitem__)
    best = [[name for name in ranked if row.get(name) is not None][:_MOST_RESULTS] for row in rows]
    arguments = _pairs(rows, own, _short_names(weighed))
    results = _pairs(rows, best, {name: _plain(name) for name in weighed.results})
    first = [column for column in beside if column.name not in LAST]
    last = [column for column in beside if column.name in LAST]
    room = limit - sum(full_width(column) + len(GAP) for column in first)
    sizes = _sizes(arguments, results, room - len(GAP))
    packed = [
        Column(title, cells, flexible=True, wraps=True, narrowest=size)
        for title, cells, size in zip(_TITLES, (arguments, results), sizes, strict=True)
        if any(cells)
    ]
    left_out = {name for row in rows for name in weighed.results if row.get(name) is not None}
    left_out -= {name for names in best for name in names}
    if sum(sizes) + len(GAP) > room - len(GAP) and last:
        left_out |= {column.name for column in last}
        last = []
    return [*first, *packed, *last], sorted(left_out)


def _sizes(arguments: Sequence[str], results: Sequence[str], room: int) -> tuple[int, int]:
    """Share the room between two columns, either of which may do with less."""
    broad, other = (
        max(len(title), *map(width, cells))
        for title, cells in zip(_TITLES, (arguments, results), strict=True)
    )
    size = min(broad, max(int(room * _SHARE_OF_ARGUMENTS), room - other))
    return size, min(other, max(room - size, len(_TITLES[1])))


def _pairs(rows: Sequence[Row], names: Sequence[Sequence[str]], short: dict[str, str]) -> list[str]:
    """Write of each row the values of its own `names`: ``lr=0.1 batch_size=32``."""
    texts = {name: cells(name, rows) for name in {name for some in names for name in some}}
    return [
        " ".join(
            f"{short[name]}={_value(texts[name][place], row)}".replace(" ", HARD_SPACE)
            for name in some
        )
        for place, (some, row) in enumerate(zip(names, rows, strict=True))
    ]


def _value(written: str, row: Row) -> str:
    """Return a value of `row`; how many it is the mean of, only where that is not all its runs."""
    return written.strip().removesuffix(f" ({row.get(RUNS)})")


def _short_names(weighed: Weighed) -> dict[str, str]:
    """Return the last part of each nested argument, where no other argument is called so."""
    arguments = [name for name in weighed.names if name.startswith(ARGUMENTS)]
    every = {*arguments, *(name for one in weighed.programs for name in one.constant)}
    ends = [name.removeprefix(ARGUMENTS).rpartition(".")[2] for name in every]
    plain = {name: _plain(name) for name in arguments}
    return {
        name: end if ends.count(end := whole.rpartition(".")[2]) == 1 else whole
        for name, whole in plain.items()
    }


def _plain(name: str) -> str:
    prefix = next((one for one in (ARGUMENTS, *RESULTS) if name.startswith(one)), "")
    return harmless(name.removeprefix(prefix))
