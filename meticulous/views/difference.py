"""What differs between runs, and runs side by side."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meticulous.base.text import harmless
from meticulous.base.units import format_duration
from meticulous.query.rows import Row, is_missing, same
from meticulous.runfolder import keys
from meticulous.views import numbers, text
from meticulous.views.side_by_side import EXACT, fitted
from meticulous.views.table import GAP, Column, draw

__all__ = ["between", "differs", "lines"]

_CODE = (
    keys.GITHEAD_SHA,
    keys.GITHEAD_MESSAGE,
    keys.BRANCH,
    keys.DIRTY,
    keys.SNAPSHOT_SHA,
    keys.REMOTE,
)
_RUN = ("command", "cwd", "host", "user")
_ABSENT = "-"

Pair = tuple[Any, Any]
Difference = dict[str, dict[str, Pair]]


def between(one: Mapping[str, Any], other: Mapping[str, Any]) -> Difference:
    """Return what differs between two records of :func:`meticulous.views.detail.record`.

    Returns section -> name -> the two values, None where a run has none. Sections are ``outcome``,
    ``arguments``, ``code``, ``command``, ``summary``, ``environment`` and ``packages``; those in
    which nothing differs are left out.
    """
    sections = {
        "outcome": [_picked(run, ("status", "duration")) for run in (one, other)],
        "arguments": [_leaves(run["args"]) for run in (one, other)],
        "code": [_picked(run["metadata"], _CODE) for run in (one, other)],
        "command": [_picked(run["metadata"], _RUN) for run in (one, other)],
        "summary": [_leaves(run["summary"]) for run in (one, other)],
        "environment": [_leaves(_but_packages(run["environment"])) for run in (one, other)],
        "packages": [dict(run["environment"].get("packages") or {}) for run in (one, other)],
    }
    found = {title: _different(*pair) for title, pair in sections.items()}
    return {title: pairs for title, pairs in found.items() if pairs}


def _picked(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if not is_missing(values.get(name))}


def _but_packages(environment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in environment.items() if name != "packages"}


def _leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Open nested objects up: ``{"a": {"b": 1}}`` -> ``{"a.b": 1}``."""
    if not isinstance(value, dict) or (name and not value):
        return {name: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found.update(_leaves(item, f"{name}.{key}" if name else key))
    return found


def _different(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Pair]:
    names = dict.fromkeys([*one, *other])
    pairs = {name: (one.get(name), other.get(name)) for name in names}
    return {
        name: pair
        for name, pair in pairs.items()
        if (name in one) != (name in other) or not same(*pair)
    }


def differs(rows: Sequence[Row], name: str) -> bool:
    """Return whether the column `name` is not the same in all `rows`."""
    return not all(same(row.get(name), rows[0].get(name)) for row in rows)


def lines(found: Difference, titles: tuple[str, str], limit: int | None) -> Iterator[str]:
    """Draw what :func:`between` found, a section after the other, the two runs side by side.

    Numbers are followed by how far the second is from the first. Where values are cut, it is so
    that the first difference is in view.
    """
    if not found:
        yield f"{titles[0]} and {titles[1]} do not differ."
        return
    for place, (section, pairs) in enumerate(found.items()):
        if place:
            yield ""
        yield from _section(section, pairs, titles, limit)


def _section(
    section: str, pairs: Mapping[str, Pair], titles: tuple[str, str], limit: int | None
) -> list[str]:
    names = [harmless(name) for name in pairs]
    cells = [_cells(section, name, pair) for name, pair in pairs.items()]
    changes = [numbers.change(*pair) for pair in pairs.values()]
    if limit is not None:
        taken = max(map(text.width, (section, *names)))
        taken += max(map(text.width, changes)) + len(GAP) * (2 + any(changes))
        cells = [[*pair] for pair in fitted([titles, *cells], max(limit - taken, 2))[1:]]
    columns = [Column(section, names)]
    columns += [Column(title, [pair[side] for pair in cells]) for side, title in enumerate(titles)]
    columns += [Column("", changes)] * any(changes)
    return draw(columns).lines


def _cells(section: str, name: str, pair: Pair) -> list[str]:
    """Return the texts of two values; numbers with as many digits as tell them apart."""
    if name != "duration" and all(type(value) in (int, float) for value in pair):
        is_chosen = section != "summary"
        return numbers.as_given(pair) if is_chosen else numbers.measured(pair, EXACT, 1.0)
    return [_cell(name, value) for value in pair]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return _ABSENT
    if name == "duration":
        return format_duration(value)
    if name == "command" and isinstance(value, list):
        return harmless(shlex.join(map(str, value)))
    return harmless(value.strip()) if isinstance(value, str) else text.full(value)
