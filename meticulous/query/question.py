"""A question about many runs -> a table: filter, group, sort, columns, tail, in this order."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import NamedTuple

from meticulous.errors import UnknownColumnError, UsageError
from meticulous.query import aggregate, filters, importance
from meticulous.query.aggregate import Spread
from meticulous.query.cache.index import Index, Order
from meticulous.query.filters import All, Compare, Condition, HasTag, In
from meticulous.query.rows import HEADER, Row, flatten, usual_metrics
from meticulous.runfolder import STATES

__all__ = ["Question", "Table", "answer", "split_list"]

_SINCE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_HIDDEN = ("default_args_", "metadata_")


class Question(NamedTuple):
    """What is asked, as on the command line of `ls`; empty means everything.

    ``groupby`` may be ``["args"]``: every argument but those called as one of ``seeds``.
    ``runs`` are the ids of those that are meant. ``levels`` is how deep nested values become columns of their own.
    """

    runs: tuple[int | str, ...] = ()
    filter: str | None = None
    since: str | None = None
    status: tuple[str, ...] = ()
    tag: str | None = None
    sweep: int | None = None
    groupby: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ("seed",)
    sort: tuple[str, ...] = ()
    smallest_first: bool = False
    columns: tuple[str, ...] = ()
    head: int | None = None
    tail: int | None = None
    levels: int = 0


class Table(NamedTuple):
    """An answer: rows, in order, and the columns to show of them.

    ``all_names`` are those that could have been shown, ``by`` the columns of a grouping and
    ``spreads`` what the columns of numbers have become in it.
    """

    names: list[str]
    rows: list[Row]
    all_names: list[str]
    by: list[str]
    spreads: Mapping[str, Spread] = MappingProxyType({})


def answer(index: Index, question: Question) -> Table:
    """Answer `question` from `index`; raises UsageError for what it names and is not there."""
    try:
        return _answer(_opened(index, question.levels), question)
    except UnknownColumnError as error:
        # `args_model.lr` where args_model is an object: nested values are opened up to there.
        levels = error.column.count(".")
        if levels <= question.levels:
            raise
        try:
            return _answer(_opened(index, levels), question._replace(levels=levels))
        except UnknownColumnError:
            raise error from None


def _opened(index: Index, levels: int) -> Index:
    if not levels:
        return index
    return Index.of_rows((flatten(row, levels) for row in index.select()), index.directory)


def _answer(index: Index, question: Question) -> Table:
    names = index.names()
    condition = _condition(question, names)
    if condition is not None and filters.leaves(condition):
        from meticulous.query import frames

        frames.answer_leaves(index, condition)
    if question.groupby:
        return _grouped(index.select(condition), question, names)
    for name in question.sort:
        _check(name, names)
    order = [Order(name, not question.smallest_first) for name in question.sort]
    rows = index.select(condition, order, head=question.head, tail=question.tail)
    shown = _chosen(question.columns, names) or _default(rows, names)
    return Table(shown, rows, names, [])


def _grouped(rows: Sequence[Row], question: Question, names: list[str]) -> Table:
    by = list(question.groupby)
    if by == ["args"]:
        rows, names = importance.opened(rows, names)
        had = {name for row in rows for name in row}
        by = aggregate.but_seeds([name for name in names if name in had], question.seeds)
        if len({row.get("program") for row in rows}) > 1:
            by = ["program", *by]  # runs of another program are no repetitions
    for name in by:
        _check(name, names)
    if not any(name.startswith(importance.RESULTS) for name in by):
        rows, names = importance.opened(rows, names, importance.RESULTS)
    found, merged, spreads = aggregate.group(rows, by, _aggregated(question, by, names))
    known = [*found, *(name for name in _plain(names, by, found) if name not in found)]
    sort = [_in_groups(name, spreads)[0] for name in _each(question.sort, known)]
    merged = aggregate.sort(merged, sort, largest_first=not question.smallest_first)
    if question.head is not None:
        merged = merged[: question.head]
    if question.tail is not None:
        merged = merged[max(len(merged) - question.tail, 0) :]
    chosen = found
    if question.columns:
        asked = _chosen(question.columns, known)
        chosen = [*by, *(one for name in asked for one in _in_groups(name, spreads, found))]
    return Table(list(dict.fromkeys(chosen)), merged, found, by, spreads)


def _plain(names: Sequence[str], by: Sequence[str], found: Sequence[str]) -> list[str]:
    """Return the columns of runs that have become columns of groups: they may be asked for as such."""
    return [
        name
        for name in names
        if name not in by and any(f"{name}_{end}" in found for end in ("mean", "std", "count"))
    ]


def _in_groups(
    name: str, spreads: Mapping[str, Spread], found: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return what a column of runs is in groups: its mean and deviation, or its count."""
    if name in spreads:
        return spreads[name].mean, spreads[name].std
    return (f"{name}_count",) if f"{name}_count" in found and name not in found else (name,)


def _each(columns: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    for name in columns:
        _check(name, names)
    return columns


def _aggregated(question: Question, by: list[str], names: list[str]) -> list[str]:
    """Return the columns to aggregate: those that are asked for, or the usual ones."""
    if not question.columns:
        usual = {*usual_metrics(names)}
        return [
            name
            for name in names
            if not name.startswith(_HIDDEN) and (not name.startswith("metrics_") or name in usual)
        ]
    results = {f"{name}_{end}": name for name in names for end in ("mean", "std", "count")}
    results |= {name: name for name in names if name not in aggregate.NOT_AGGREGATED}
    wanted = [*question.sort, *question.columns]
    found = _chosen(wanted, [*by, aggregate.RUNS, *results])
    return list(dict.fromkeys(results[name] for name in found if name in results))


def _condition(question: Question, names: Sequence[str]) -> Condition | None:
    parts: list[Condition] = []
    if question.runs:
        parts.append(In("expid", question.runs))
    if question.status:
        parts.append(In("status", tuple(_state(word) for word in question.status)))
    if question.tag is not None:
        parts.append(HasTag(question.tag))
    if question.sweep is not None:
        parts.append(Compare("metadata_sweep_id", "==", question.sweep))
    if question.since is not None:
        parts.append(Compare("start_time", ">=", since(question.since)))
    if question.filter is not None:
        parts.append(filters.parse(question.filter, names))
    return All(tuple(parts)) if parts else None


def _state(word: str) -> str:
    state = word.upper()
    if state not in STATES:
        raise UsageError(f"there is no status {word!r}", f"Give {', '.join(STATES)}")
    return state


def since(text: str) -> str:
    """Read ``2d``, ``12h``, ``30m`` before now, or a date or time; return it as columns hold times."""
    match = _SINCE.fullmatch(text)
    try:
        if match:
            back = timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
            moment = datetime.now(timezone.utc) - back
        else:
            moment = datetime.fromisoformat(text).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        hint = "Write 30m, 12h, 2d, 1w, or a date such as 2026-11-23"
        raise UsageError(f"cannot understand --since {text!r}", hint) from None
    return moment.isoformat(timespec="microseconds")


def split_list(words: Sequence[str]) -> tuple[str, ...]:
    """Read a list of columns, separated by commas or spaces; backticks keep a name together."""
    parts = re.findall(r"`([^`]*)`|([^,\s`]+)", ",".join(words))
    return tuple(quoted or plain for quoted, plain in parts)


def _check(name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise UnknownColumnError(name, names)


def _chosen(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the columns asked for, in the order asked; ``*`` in one matches many."""
    chosen: dict[str, None] = {}
    for column in columns:
        if column in names:
            chosen[column] = None
            continue
        found = fnmatch.filter(names, column) if "*" in column else []
        if not found:
            raise UnknownColumnError(column, names)
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def _default(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Return the header, and the arguments and results that `rows` have."""
    present = {name for row in rows for name in row} | set(HEADER)
    if len({row.get("program") for row in rows}) < 2:
        present.discard("program")
    present -= {name for name in present if name.startswith("metrics_")} - {
        *usual_metrics(name for name in names if name in present)
    }
    return [name for name in names if name in present and not name.startswith(_HIDDEN)]
