"""Runs beside each other: a column for each run, a line for each thing in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from meticulous.base.text import harmless
from meticulous.query.direction import HIGHER, better
from meticulous.query.importance import ARGUMENTS, RESULTS, is_constant
from meticulous.query.rows import HEADER, Row, is_missing, is_numeric
from meticulous.views import numbers, text
from meticulous.views.cell import cell, message, whole_cell
from meticulous.views.table import GAP, Column, draw

__all__ = ["EXACT", "fitted", "for_people", "for_programs"]

EXACT = 17
"""Digits with which no two different numbers look alike."""
_BEST = "*"
_ABSENT = "-"
_WIDEST = 20
"""Longer values of a run are cut rather than keep others away from its side."""
_SECTIONS = {"arguments": (ARGUMENTS,), "results": RESULTS}


class _Line(NamedTuple):
    """What stands in front, and the texts of the runs; a title has none."""

    name: str
    cells: list[str]


def for_programs(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Draw whole values under the whole names, a line for each of `names` that a run has."""
    held = [name for name in names if any(not is_missing(row.get(name)) for row in rows)]
    first = Column("", [harmless(name) for name in held])
    runs = [
        Column(str(row["expid"]), [whole_cell(name, row) or _ABSENT for name in held])
        for row in rows
    ]
    return draw([first, *runs]).lines


def for_people(
    rows: Sequence[Row], names: Sequence[str], said: Mapping[str, str], limit: int
) -> list[str]:
    """Draw for a terminal of `limit` columns: arguments, results, and when it was, each with a title.

    Results are followed by how far they are from those of the first run, and the best has a star.
    Where a line is too short for all runs, they follow in further tables.

    Args:
        rows: the runs; nested values have been opened.
        names: what to tell of them.
        said: which columns are better high or low, as :func:`better` takes it.
        limit: columns of the terminal.
    """
    lines: list[_Line] = []
    for title, some in _sections(names):
        told = [_line(name, rows, said) for name in some if _is_held(name, rows)]
        lines += [_Line(title, [""] * len(rows))] * bool(told and title) + told
    drawn: list[str] = []
    broad = max((text.width(line.name) for line in lines), default=0)
    for first, end in _abreast(lines, rows, limit - broad):
        room = limit - broad - len(GAP) * (end - first)
        cut = [line._replace(cells=line.cells[first:end]) for line in lines]
        cells = fitted([line.cells for line in cut], room)
        columns = [Column("", [line.name for line in cut])]
        columns += [
            Column(str(row["expid"]), [one[place] for one in cells])
            for place, row in enumerate(rows[first:end])
        ]
        drawn += ["", *draw(columns).lines]
    return drawn[1:] + _legend(lines, rows)


def fitted(lines: Sequence[Sequence[str]], room: int) -> list[Sequence[str]]:
    """Cut the cells of `lines` so that a line takes `room` columns, from where they differ on.

    Columns that need less than their share leave the rest to others.
    """
    widths = [max(map(text.width, cells)) for cells in zip(*lines, strict=True)]
    left, share = room, 1
    for place, size in enumerate(sorted(widths)):
        share = max(left // (len(widths) - place), 1)
        if size > share:
            break
        left -= size
    else:
        share = max(widths, default=1)
    return [text.clip_alike(cells, share) for cells in lines]


def _sections(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Sort `names` into sections with their titles: what identifies a run has none."""
    yield "", [name for name in ("status", "status_message", "program", "tags") if name in names]
    for title, prefixes in _SECTIONS.items():
        yield title, [name for name in names if name.startswith(prefixes)]
    yield "run", [name for name in HEADER if name in names and name not in _IDENTITY]


_IDENTITY = ("expid", "status", "status_message", "program", "tags")


def _is_held(name: str, rows: Sequence[Row]) -> bool:
    return any(not is_missing(row.get(name)) and row.get(name) != "" for row in rows)


def _line(name: str, rows: Sequence[Row], said: Mapping[str, str]) -> _Line:
    plain = name
    for prefix in (ARGUMENTS, *RESULTS):
        if name.startswith(prefix):
            plain = "  " + name.removeprefix(prefix)
    if name == "status_message":
        return _Line("message", [message(row) for row in rows])
    if not plain.startswith(" ") or not is_numeric(rows, name):
        indent = "" if name in _IDENTITY or plain.startswith(" ") else "  "
        return _Line(indent + harmless(plain), [cell(name, row) or _ABSENT for row in rows])
    values = [row.get(name) for row in rows]
    if name.startswith(ARGUMENTS):
        texts = numbers.as_given(values)
        return _Line(harmless(plain), [one or _ABSENT for one in texts])
    texts = numbers.measured(values, EXACT, 1.0)
    best = _best(name, rows, said)
    cells = []
    for place, value in enumerate(values):
        parts = [(texts[place] or _ABSENT) + _BEST * (place in best)]
        parts.append(numbers.change(values[0], value) if place and value is not None else "")
        cells.append(" ".join(filter(None, parts)))
    return _Line(harmless(plain), cells)


def _best(name: str, rows: Sequence[Row], said: Mapping[str, str]) -> set[int]:
    """Return the places of the runs with the best value, if it is known which that is."""
    values = [row.get(name) for row in rows]
    known: list[float] = [value for value in values if value is not None and not is_missing(value)]
    way = better(name, said)
    if way is None or len(known) < 2 or is_constant(known):
        return set()
    best = max(known) if way == HIGHER else min(known)
    return {place for place, value in enumerate(values) if value == best}


def _legend(lines: Sequence[_Line], rows: Sequence[Row]) -> list[str]:
    """Explain the star and the percentages, where there are any."""
    cells = [one for line in lines for one in line.cells]
    star = any(one.partition(" ")[0].endswith(_BEST) for one in cells)
    share = any(one.endswith(" %") or " ×" in one for one in cells)
    parts = [f"{_BEST} best"] * star + [f"% and × against run {rows[0]['expid']}"] * share
    return ["", "; ".join(parts)] if parts else []


def _abreast(lines: Sequence[_Line], rows: Sequence[Row], room: int) -> Iterator[tuple[int, int]]:
    """Return (first, end) of as many runs at a time as find room, long values cut; at least one."""
    first, left = 0, room
    for place, row in enumerate(rows):
        widths = [text.width(line.cells[place]) for line in lines]
        needed = min(max([len(str(row["expid"])), *widths]), _WIDEST) + len(GAP)
        if place > first and needed > left:
            yield first, place
            first, left = place, room
        left -= needed
    yield first, len(rows)
