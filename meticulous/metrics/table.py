"""Lines of metrics.jsonl -> columns of numbers.

A :class:`Table` holds what some lines say: for each line its step, time, attempt and rank, and for
each name the lines that have it, with their values. Names that stand in a few lines only take little
room. ``json`` parses many lines at once, which takes half the time of one after the other; ``orjson``
does it where it is installed.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

__all__ = ["FIRST_ATTEMPT", "Column", "Table", "parse"]

FIRST_ATTEMPT = 1
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_LARGEST = 0xFFFF
"""Attempts and ranks are kept in two bytes."""
_DEEPEST = 20
"""Nested objects beyond this stay values."""

Loads = Callable[[bytes], Any]


class Column:
    """One name: the lines that have it, and its values there.

    Attributes:
        rows: numbers of the lines, rising; None where it is all lines of the table.
        numbers: the values, float64; NaN where one is no number.
        texts: place in `numbers` -> the value that is no number (text, a list).

    """

    __slots__ = ("numbers", "rows", "texts")

    def __init__(
        self, rows: array[int] | None, numbers: array[float], texts: dict[int, Any] | None = None
    ) -> None:
        self.rows, self.numbers, self.texts = rows, numbers, texts or {}

    def __len__(self) -> int:
        return len(self.numbers)

    def places(self) -> Sequence[int]:
        """Return the numbers of the lines that have the name."""
        return range(len(self.numbers)) if self.rows is None else self.rows


class Table:
    """Some lines as columns.

    Attributes:
        count: the number of lines.
        steps, times: float64, one for each line; a line without a step has its number as one, a
            line without a time has NaN.
        attempts, ranks: uint16, one for each line; None where all are the first (1 and 0).
        columns: name -> :class:`Column`.
        broken: the number of lines that hold no JSON object.

    """

    def __init__(self) -> None:
        self.count = self.broken = 0
        self.steps, self.times = array("d"), array("d")
        self.attempts: array[int] | None = None
        self.ranks: array[int] | None = None
        self.columns: dict[str, Column] = {}

    def attempt_of(self, row: int) -> int:
        """Return the attempt that wrote line `row`, from 1."""
        return FIRST_ATTEMPT if self.attempts is None else self.attempts[row]

    def rank_of(self, row: int) -> int:
        """Return the rank that wrote line `row`, from 0."""
        return 0 if self.ranks is None else self.ranks[row]

    def extend(self, other: Table, names: Iterable[str] | None = None) -> None:
        """Add the lines of `other` behind these; of the columns only `names`, if given."""
        before, total = self.count, self.count + other.count
        if self.attempts is not None or other.attempts is not None:
            self.attempts = _filled(self, self.attempts, 1) + _filled(other, other.attempts, 1)
        if self.ranks is not None or other.ranks is not None:
            self.ranks = _filled(self, self.ranks, 0) + _filled(other, other.ranks, 0)
        self.steps += other.steps
        self.times += other.times
        self.count = total
        self.broken += other.broken
        wanted = other.columns if names is None else set(names) & set(other.columns)
        for name in [name for name in other.columns if name in wanted]:
            _extend_column(self.columns, name, before, other.columns[name])
        for column in self.columns.values():
            if column.rows is None and len(column) != total:
                column.rows = array("I", range(len(column)))


def _filled(table: Table, numbers: array[int] | None, usual: int) -> array[int]:
    return array("H", [usual]) * table.count if numbers is None else numbers


def _extend_column(columns: dict[str, Column], name: str, before: int, new: Column) -> None:
    """Add `new`, whose lines come behind `before` others, to the column `name`."""
    old = columns.get(name)
    if old is None:
        old = columns[name] = Column(None if before == 0 else array("I"), array("d"))
    if new.rows is None and old.rows is None and len(old) == before:
        pass  # in all lines still
    else:
        if old.rows is None:
            old.rows = array("I", range(len(old)))
        if new.rows is None:
            old.rows.extend(range(before, before + len(new)))
        elif before:
            old.rows.extend([before + row for row in new.rows])
        else:
            old.rows.extend(new.rows)
    if new.texts:
        shift = len(old)
        old.texts.update({shift + place: value for place, value in new.texts.items()})
    old.numbers += new.numbers


def parse(content: bytes, first: int = 0) -> Table:
    """Parse whole lines; `first` is the number of the first one in its file.

    Empty lines are nothing, and lines that hold no JSON object are counted as broken.
    """
    rows, broken = _objects(content)
    table = _of_uniform(rows) or _of_any(rows) or _of_any([_opened(row) for row in rows])
    if table is None:
        raise AssertionError  # opened lines hold nothing nested
    table.broken = broken
    _take_own(table, first)
    return table


def _objects(content: bytes) -> tuple[list[dict[str, Any]], int]:
    """Return the objects of the lines, and how many lines hold none."""
    count = content.count(b"\n") + (not content.endswith(b"\n"))
    joined = b"[" + content.rstrip(b"\n").replace(b"\n", b",") + b"]"
    for loads in _parsers():
        try:
            rows = loads(joined)
        except (ValueError, RecursionError):
            continue
        # Two halves of lines must not become one whole.
        if len(rows) == count and set(map(type, rows)) <= {dict}:
            return rows, 0
    rows = [_object(line) for line in content.split(b"\n") if line.strip()]
    found = [row for row in rows if row is not None]
    return found, len(rows) - len(found)


def _parsers() -> Iterator[Loads]:
    try:
        import orjson
    except ImportError:
        pass
    else:
        yield orjson.loads
    yield json.loads  # which takes NaN without quotes


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _of_uniform(rows: list[dict[str, Any]]) -> Table | None:
    """Make a table of lines with the same names; None where they are not, or hold nested objects."""
    if len(set(map(len, rows))) != 1:
        return None
    table = Table()
    table.count = len(rows)
    for name in rows[0]:
        try:
            column = _column(range(len(rows)), list(map(itemgetter(name), rows)))
        except KeyError:
            return None
        if column is None:
            return None
        table.columns[_unicode(name)] = column
    return table


def _of_any(rows: list[dict[str, Any]]) -> Table | None:
    """Make a table of lines of several kinds; None where nested objects are among the values."""
    table = Table()
    table.count = len(rows)
    kinds: dict[tuple[str, ...], list[int]] = {}
    for number, row in enumerate(rows):
        kinds.setdefault(tuple(row), []).append(number)
    holders: dict[str, list[list[int]]] = {}
    for names, numbers in kinds.items():
        for name in names:
            holders.setdefault(name, []).append(numbers)
    for name, parts in holders.items():
        where: Sequence[int] = range(len(rows))
        if len(parts) < len(kinds):
            where = parts[0] if len(parts) == 1 else sorted(chain.from_iterable(parts))
        column = _column(where, [rows[number][name] for number in where])
        if column is None:
            return None
        table.columns[_unicode(name)] = column
    return table


def _column(rows: Sequence[int], values: Sequence[Any]) -> Column | None:
    """Make a column of `values`; a range of `rows` is all. None where there are nested objects."""
    try:
        return Column(None if isinstance(rows, range) else array("I", rows), array("d", values))
    except (TypeError, OverflowError):
        return _converted(rows, values)


def _opened(row: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Return `row` with the names of nested objects behind those of the outer: ``a.b``."""
    opened: dict[str, Any] = {}
    for name, value in row.items():
        if type(value) is dict and depth < _DEEPEST:
            inner = _opened(value, depth + 1)
            opened.update({f"{name}.{key}": item for key, item in inner.items()})
        else:
            opened[name] = str(value) if type(value) is dict else value
    return opened


def _converted(rows: Sequence[int], values: Sequence[Any]) -> Column | None:
    """Make a column of values of any type; None is missing. None where objects are among them."""
    kept, numbers, texts = array("I"), array("d"), {}
    for row, value in zip(rows, values, strict=True):
        if value is None:
            continue
        if isinstance(value, (int, float)):
            try:
                number = float(value)
            except OverflowError:  # an integer beyond floating point
                number = math.inf if value > 0 else -math.inf
        elif type(value) is dict:
            return None
        elif value in ("NaN", "Infinity", "-Infinity"):
            number = _WORDS[value]
        else:
            texts[len(numbers)] = _unicode(value) if isinstance(value, str) else value
            number = math.nan
        kept.append(row)
        numbers.append(number)
    is_whole = len(kept) == len(values) and isinstance(rows, range)
    return Column(None if is_whole else kept, numbers, texts)


def _unicode(text: str) -> str:
    """Return `text` with half of a character, which JSON can hold, as its escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _take_own(table: Table, first: int) -> None:
    """Move what is of the line itself out of the columns."""
    steps = _whole(table, "step")
    if steps is None or not math.isfinite(sum(steps)):
        numbers = steps if steps is not None else [math.nan] * table.count
        steps = array(
            "d", [step if math.isfinite(step) else first + row for row, step in enumerate(numbers)]
        )
    times = _whole(table, "time")
    table.steps = steps
    table.times = array("d", [math.nan]) * table.count if times is None else times
    table.attempts = _small(_whole(table, "attempt"), 1)
    table.ranks = _small(_whole(table, "rank"), 0)


def _whole(table: Table, name: str) -> array[float] | None:
    """Take the column `name` out of `table`, with NaN in lines that lack it."""
    column = table.columns.pop(name, None)
    if column is None or column.rows is None:
        return None if column is None else column.numbers
    values = array("d", [math.nan]) * table.count
    for row, value in zip(column.rows, column.numbers, strict=True):
        values[row] = value
    return values


def _small(values: array[float] | None, usual: int) -> array[int] | None:
    if values is None:
        return None
    found = [
        min(max(int(value), 0), _LARGEST) if math.isfinite(value) else usual for value in values
    ]
    return None if found.count(usual) == len(found) else array("H", found)
