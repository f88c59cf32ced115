"""The last, lowest and highest value of each name that a run has logged: columns of tables of runs.

For a name ``loss`` these are ``loss`` (the last value), ``loss_step`` (the step of it), ``loss_min``,
``loss_min_step``, ``loss_max`` and ``loss_max_step``; of text only the first two. NaN is never lowest
or highest, but it may be last. Where several ranks have logged a name, the lowest rank counts.
"""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meticulous.metrics import cache
from meticulous.metrics.series import Points, resolved
from meticulous.metrics.table import FIRST_ATTEMPT, Column, Table, parse
from meticulous.runfolder import METRICS
from meticulous.runfolder.files import open_to_read

__all__ = [
    "MOST_NAMES",
    "SUFFIXES",
    "Best",
    "Follower",
    "columns_of",
    "summarise",
    "summarise_points",
]

MOST_NAMES = 1000
"""So many names of a run become columns, the first that were logged; ``metrics`` shows all."""
_LONGEST_TEXT = 1000
_CHECKED_BYTES = 256
SUFFIXES = ("_step", "_min", "_min_step", "_max", "_max_step")
"""What stands behind a name in the columns beside that of its last value."""

Best = dict[str, Any]
"""``rank``, ``last`` and ``last_step``; where there was a number that is not NaN also ``min``,
``min_step``, ``max`` and ``max_step``: numbers, steps of the first line that has them."""


def summarise(table: Table, known: Mapping[str, Best] | None = None) -> dict[str, Best]:
    """Return the best of each name in `table`, whose lines come behind those of `known`."""
    found = dict(known or {})
    for name, column in table.columns.items():
        if len(column) and (name in found or len(found) < MOST_NAMES):
            best = found.get(name)
            new = _of_column(table, column, None if best is None else best["rank"])
            if new is not None:
                same_rank = best is not None and best["rank"] == new["rank"]
                found[name] = _merged(best, new) if best is not None and same_rank else new
    return found


def _of_column(table: Table, column: Column, known_rank: int | None) -> Best | None:
    """Return the best of `column` in its lowest rank; None where a lower one is known."""
    rows, numbers, texts = column.places(), column.numbers, column.texts
    rank = 0
    if table.ranks is not None:
        ranks = [table.ranks[row] for row in rows]
        rank = min(ranks)
        if known_rank is not None and known_rank < rank:
            return None
        if rank != max(ranks):
            chosen = [place for place, other in enumerate(ranks) if other == rank]
            rows = [rows[place] for place in chosen]
            numbers = array("d", [numbers[place] for place in chosen])
            texts = {new: texts[place] for new, place in enumerate(chosen) if place in texts}
    last = len(numbers) - 1
    best: Best = {
        "rank": rank,
        "last": texts.get(last, numbers[last]),
        "last_step": _step(table.steps[rows[last]]),
    }
    for word, place in _extremes(numbers).items():
        best[word] = numbers[place]
        best[f"{word}_step"] = _step(table.steps[rows[place]])
    return best


def _extremes(numbers: array[float]) -> dict[str, int]:
    """Return the first places of the lowest and the highest number; none where all are NaN."""
    held: Iterable[float] = numbers
    if math.isnan(sum(numbers)):  # NaN is among them, or both infinities
        held = [number for number in numbers if number == number]  # noqa: PLR0124
        if not held:
            return {}
    return {"min": numbers.index(min(held)), "max": numbers.index(max(held))}


def summarise_points(points: Points, places: Sequence[int]) -> Best:
    """Return the best of the points of one rank at `places`; the last is of the newest attempt."""
    numbers = points.value
    if len(places) < len(numbers):
        numbers = array("d", [numbers[place] for place in places])
    attempts = [points.attempt[place] for place in places]
    newest = len(attempts) - 1 - attempts[::-1].index(max(attempts))
    last = places[newest]
    best: Best = {
        "rank": points.rank[last],
        "last": points.texts.get(last, points.value[last]),
        "last_step": _step(points.step[last]),
    }
    for word, place in _extremes(numbers).items():
        best[word] = numbers[place]
        best[f"{word}_step"] = _step(points.step[places[place]])
    return best


def _merged(old: Best, new: Best) -> Best:
    """Return the best of both; `new` came later."""
    best = {**old, "last": new["last"], "last_step": new["last_step"]}
    if "min" in new and not ("min" in old and old["min"] <= new["min"]):
        best.update({"min": new["min"], "min_step": new["min_step"]})
    if "max" in new and not ("max" in old and old["max"] >= new["max"]):
        best.update({"max": new["max"], "max_step": new["max_step"]})
    return best


def _step(number: float) -> float:
    return int(number) if number == int(number) else number


def columns_of(found: Mapping[str, Best]) -> dict[str, Any]:
    """Return the columns of `found`; what the program has logged itself as ``loss_min`` stays that."""
    columns: dict[str, Any] = {}
    for name, best in found.items():
        last = best["last"]
        if isinstance(last, (float, int)) or (isinstance(last, str) and len(last) <= _LONGEST_TEXT):
            columns[name] = last
        values = (best["last_step"], *(best.get(suffix[1:]) for suffix in SUFFIXES[1:]))
        for suffix, value in zip(SUFFIXES, values, strict=True):
            if value is not None and name + suffix not in found:
                columns[name + suffix] = value
    return columns


class Follower:
    """Reads the best of a run, and the next time only what is new in its file.

    Args:
        state: of the Follower that has read the run before.

    Attributes:
        state: how far the file has been read, and what was found: a JSON object, None where there is
            no file.

    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self.state = state

    def columns(self, run_path: str) -> dict[str, Any]:
        """Return the columns of the run whose folder is `run_path`; none without a metrics.jsonl.

        Raises OSError where the file cannot be read.
        """
        path = os.path.join(run_path, METRICS)
        try:
            descriptor = open_to_read(path)
        except FileNotFoundError:
            self.state = None
            return {}
        try:
            self.state = state = self._follow(descriptor)
        finally:
            os.close(descriptor)
        if state["several"]:
            # What a later attempt repeats may have been the best of an earlier one.
            return columns_of(summarise(resolved(cache.load(path), in_order=False)))
        return columns_of(state["found"])

    def _follow(self, descriptor: int) -> dict[str, Any]:
        status = os.fstat(descriptor)
        start, count, several, found = 0, 0, False, {}
        known = self.state
        if known and _is_same(descriptor, status, known):
            start, count, found = known["end"], known["count"], known["found"]
            several = known["several"]
        for lines, end in () if several else cache.blocks(descriptor, start, status.st_size):
            table = parse(lines, count)
            start, count = end, count + table.count
            several = table.attempts is not None and max(table.attempts) > FIRST_ATTEMPT
            if several:
                break
            found = summarise(table, found)
        return {
            "file": [status.st_dev, status.st_ino],
            "end": start,
            "print": _print(descriptor, start),
            "count": count,
            "several": several,
            "found": found,
        }


def _is_same(descriptor: int, status: os.stat_result, known: Mapping[str, Any]) -> bool:
    """Return whether the lines that `known` has taken in are still there."""
    try:
        end = known["end"]
        return bool(
            known["file"] == [status.st_dev, status.st_ino]
            and end <= status.st_size
            and known["print"] == _print(descriptor, end)
        )
    except (KeyError, TypeError):
        return False


def _print(descriptor: int, end: int) -> str:
    start = max(0, end - _CHECKED_BYTES)
    return os.pread(descriptor, end - start, start).hex()[-64:]
