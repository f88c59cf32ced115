"""Which columns of runs tell most: the one answer for tables, comparisons and notebooks.

A reader of many runs wants to know, in this order: which run it is and whether it went wrong, what
was varied, what came out, and when. :func:`weigh` puts the columns in that order, says which are
left out first where there is too little room, and takes out the arguments that never vary.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from meticulous.query.rows import Row, flatten, is_missing
from meticulous.runfolder import SUCCESS

__all__ = [
    "ARGUMENTS",
    "DEEPEST",
    "LAST",
    "RESULTS",
    "Program",
    "Weighed",
    "is_constant",
    "is_seed",
    "opened",
    "weigh",
]

ARGUMENTS = "args_"
RESULTS = ("summary_", "metrics_")

_IDENTITY = ("expid", "status", "tags", "program", "runs")
LAST = ("start_time", "duration", "description")
"""When it was and what was said about it: they stand last, and are left out first."""
DEEPEST = 50
"""Levels to which nested values are opened."""
_FIRST_ARGUMENTS, _FIRST_RESULTS = 4, 2
"""So many come before all others; where programs are mixed, half as many of each program."""
_FEW_RUNS = 3
"""Among so few runs, a text that each has for itself may well be what was varied."""


class Program(NamedTuple):
    """The runs of one program: how many, and the arguments that are the same in all of them."""

    name: str | None
    runs: int
    constant: Row


class Weighed(NamedTuple):
    """The columns to show, in the order in which they stand, and what was taken out.

    ``ranks`` has a number for each: the highest is left out first, 0 never. ``programs`` has
    several items where runs of several programs are mixed. ``arguments`` and ``results`` are those
    of ``names`` that are of these kinds and no keys.
    """

    names: list[str]
    ranks: dict[str, int]
    programs: list[Program]
    arguments: list[str]
    results: list[str]


def opened(
    rows: Sequence[Row], names: Iterable[str], prefixes: tuple[str, ...] = (ARGUMENTS, *RESULTS)
) -> tuple[Sequence[Row], list[str]]:
    """Open nested values of the columns that begin so, however deep: ``args_fit`` -> ``args_fit.lr`` ….

    Returns the rows and their names; the rows are the same objects where nothing is nested.
    """
    found = list(names)
    nested = [name for name in found if name.startswith(prefixes) and _is_nested(rows, name)]
    if not nested:
        return rows, found
    inside: dict[str, dict[str, None]] = {name: {} for name in nested}
    flat_rows = []
    for row in rows:
        flat = row.copy()
        for name in nested:
            if name in flat:
                leaves = flatten({name: flat.pop(name)}, DEEPEST)
                inside[name].update(dict.fromkeys(leaves))
                flat.update(leaves)
        flat_rows.append(flat)
    leaves_too = chain.from_iterable(inside.get(name, (name,)) for name in found)
    return flat_rows, list(dict.fromkeys(leaves_too))


def _is_nested(rows: Iterable[Row], name: str) -> bool:
    return dict in {*map(type, [row.get(name) for row in rows])}


def is_seed(name: str, seeds: Sequence[str]) -> bool:
    """Return whether the argument `name`, or the last part of it, is called as one of `seeds`."""
    whole = name.removeprefix(ARGUMENTS)
    parts = (whole, whole.rpartition(".")[2])
    return any(fnmatch.fnmatchcase(part, seed) for part in parts for seed in seeds)


def is_constant(values: Sequence[Any]) -> bool:
    """Return whether all `values` are one; 1, 1.0 and True are three."""
    if not values:
        return True
    first = values[0]
    if len(set(map(type, values))) > 1:
        return False
    return values.count(first) == len(values) or all(map(is_missing, values))


def weigh(
    rows: Sequence[Row],
    names: Sequence[str],
    *,
    keys: Sequence[str] = (),
    seeds: Sequence[str] = ("seed",),
    fold: bool = True,
) -> Weighed:
    """Weigh the columns `names` of `rows`, whose nested values have been :func:`opened`.

    Args:
        rows: runs, or groups of runs.
        names: the columns that may be shown. Of the header only what identifies a run, and when
            it was, is ever shown.
        keys: the columns by which runs were grouped; they stand first and are never left out.
        seeds: the arguments that only repeat an experiment; they stand behind the others.
        fold: whether arguments that never vary are taken out.
    """
    members: dict[Any, list[Row]] = {}
    for row in rows:
        members.setdefault(row.get("program"), []).append(row)
    arguments = [name for name in names if name.startswith(ARGUMENTS)]
    programs, varying = [], []
    for program, own in members.items():
        held = [name for name in arguments if any(name in row for row in own)]
        constant = _constant(own, held, is_alone=len(members) == 1) if fold else {}
        programs.append(Program(program, len(own), constant))
        varying.append([name for name in held if name not in constant])
    shown = {*chain.from_iterable(varying)} if fold else {*arguments}
    free = [name for name in arguments if name in shown and name not in keys]
    free.sort(key=lambda name: is_seed(name, seeds))
    results = [name for name in names if name.startswith(RESULTS) and name not in keys]
    last = [name for name in LAST if name in names and _is_held(rows, name)]
    identity = [name for name in keys if name in shown or not name.startswith(ARGUMENTS)]
    identity += [
        name
        for name in _IDENTITY
        if name in names and name not in keys and _identifies(rows, name, len(members))
    ]
    ranked = _by_importance(list(members.values()), varying, results, seeds)
    order = [*ranked, *free, *reversed(last), *results]
    ranks = {name: place for place, name in enumerate(dict.fromkeys(order), 3)}
    ranks |= dict.fromkeys(identity, 0)
    ranks |= {name: 1 for name in ("tags",) if name in ranks and name not in keys}
    return Weighed([*identity, *free, *results, *last], ranks, programs, free, results)


def _is_held(rows: Iterable[Row], name: str) -> bool:
    return any(row.get(name) not in (None, "") for row in rows)


def _identifies(rows: Sequence[Row], name: str, programs: int) -> bool:
    """Return whether the column tells one of `rows` from others: a status is told if it is not SUCCESS."""
    if name == "status":
        return any(row.get(name) != SUCCESS for row in rows)
    if name == "program":
        return programs > 1
    return name in ("expid", "runs") or _is_held(rows, name)


def _constant(rows: Sequence[Row], arguments: Sequence[str], *, is_alone: bool) -> Row:
    """Return the `arguments` that never vary among the `rows` of a program that have them.

    Runs without any argument, such as those that ended before they had read theirs, do not count.
    That some runs have an argument and others do not is a difference, unless it follows from
    another one, as the options of a subcommand do. Of a single run nothing varies: its arguments
    are constant only where it is not `is_alone`.
    """
    counting = [row for row in rows if any(name in row for name in arguments)]
    if len(counting) < 2 and is_alone:
        return {}
    found: Row = {}
    partial = []
    for name in arguments:
        values = [row[name] for row in counting if name in row]
        if not is_constant(values):
            continue
        if len(values) == len(counting):
            found[name] = values[0]
        else:
            partial.append(name)
    if partial:
        switches = [name for name in arguments if name not in found and _is_switch(counting, name)]
        for name in partial:
            if any(_follows(counting, name, switch) for switch in switches if switch != name):
                found[name] = next(row[name] for row in counting if name in row)
    return {name: found[name] for name in arguments if name in found}


def _is_switch(rows: Sequence[Row], name: str) -> bool:
    """Return whether the argument names what is done: text, and the same in several runs."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return bool(values) and {*map(type, values)} == {str} and len({*values}) < len(values)


def _follows(rows: Sequence[Row], name: str, switch: str) -> bool:
    """Return whether the value of `switch` decides if a run has the argument `name`."""
    decided: dict[Any, bool] = {}
    return all(decided.setdefault(row.get(switch), name in row) == (name in row) for row in rows)


def _by_importance(
    members: Sequence[Sequence[Row]],
    varying: Sequence[Sequence[str]],
    results: Sequence[str],
    seeds: Sequence[str],
) -> list[str]:
    """List what varies, the most important first: no program comes after all of another.

    The first arguments come before the first results, and then both take turns.
    """
    several = len(members) > 1
    arguments = _in_turn(
        [
            sorted(names, key=lambda name: (_tells_little(own, name), is_seed(name, seeds)))
            for own, names in zip(members, varying, strict=True)
        ]
    )
    came_out = _in_turn([[name for name in results if _varies(own, name)] for own in members])
    first = _FIRST_ARGUMENTS // (1 + several) * len(members)
    second = _FIRST_RESULTS // (1 + several) * len(members)
    rest = _in_turn([arguments[first:], came_out[second:]])
    return [*arguments[:first], *came_out[:second], *rest]


def _varies(rows: Sequence[Row], name: str) -> bool:
    """Return whether a result is not the same in all `rows` that have it; of one run each varies."""
    values = [row[name] for row in rows if name in row]
    return bool(values) and (len(rows) == 1 or not is_constant(values))


def _tells_little(rows: Sequence[Row], name: str) -> bool:
    """Return whether an argument is a text that each of many runs has for itself, such as a path.

    Or it is the same in all runs that have it, and only some have it.
    """
    values = [row[name] for row in rows if name in row]
    if len(values) <= _FEW_RUNS:
        return False
    return is_constant(values) or ({*map(type, values)} == {str} and len({*values}) == len(values))


def _in_turn(lists: Sequence[Sequence[str]]) -> list[str]:
    """Return the first of each list, then the second of each …, each name once."""
    found = chain.from_iterable(zip_longest(*lists))
    return list(dict.fromkeys(name for name in found if name is not None))
