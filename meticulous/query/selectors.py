"""Ways to name runs on the command line -> rows of runs.

``12``, ``12-15``, ``12,14``, ``last``, ``last~2``, ``best:summary_val_loss`` (the lowest),
``best:-summary_val_acc`` (the highest), ``@tag``, and any id that was given by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from meticulous.errors import RunFolderError, UnknownColumnError, UsageError
from meticulous.query.cache.index import Index, Order
from meticulous.query.filters import All, Compare, HasTag
from meticulous.query.rows import Row

__all__ = ["HELP", "looks_like_one", "select", "select_all", "select_one"]

HELP = "12, 12-15, 12,14, last, last~1, best:COLUMN, best:-COLUMN, @TAG, or the name of a run"

_LAST = re.compile(r"last(?:~(\d+))?")
_RANGE = re.compile(r"(\d+)-(\d+)")
_SELECTOR = re.compile(r"\d[\d,\s-]*|last(~\d+)?|@.+|(best|worst):.+")
_HINT = "See `meticulous ls`"


def looks_like_one(word: str) -> bool:
    """Return whether `word` can only be meant as a selector: ``12-15``, ``last~1``, ``@tag`` …."""
    return _SELECTOR.fullmatch(word) is not None


def select_all(selectors: Iterable[str], index: Index) -> list[Row]:
    """Return the runs that several selectors name, each once, in the order named."""
    found = [row for selector in selectors for row in select(selector, index)]
    return list({str(row["expid"]): row for row in found}.values())


def select(selector: str, index: Index) -> list[Row]:
    """Return the runs that `selector` names, each once, in the order named.

    Raises RunFolderError where it names a run that is not there, UsageError where it is no
    selector or names no column.
    """
    exact = index.run(selector)
    if exact is not None:
        return [exact]
    if "," in selector:
        return select_all((part.strip() for part in selector.split(",")), index)
    if match := _LAST.fullmatch(selector):
        return [_last(int(match[1] or 0), index)]
    if match := _RANGE.fullmatch(selector):
        between = (Compare("expid", ">=", int(match[1])), Compare("expid", "<=", int(match[2])))
        found = index.select(All(between), [Order("expid", largest_first=False)])
        return _some(found, f"there is no run in {selector}")
    if selector.startswith("@"):
        return _some(index.select(HasTag(selector[1:])), f"no run has the tag {selector[1:]!r}")
    if selector.startswith("best:"):
        return [_best(selector.removeprefix("best:"), index)]
    if not selector:
        raise UsageError("an empty selector names no run", f"Give {HELP}")
    if trouble := index.trouble(selector):
        raise RunFolderError(trouble)
    raise RunFolderError(f"there is no run {selector}", _HINT)


def select_one(selector: str, index: Index) -> Row:
    """Return the one run that `selector` names; UsageError where it names several."""
    chosen = select(selector, index)
    if len(chosen) != 1:
        ids = ", ".join(str(row["expid"]) for row in chosen[:5])
        more = ", …" if len(chosen) > 5 else ""
        raise UsageError(f"{selector} names {len(chosen)} runs: {ids}{more}", "Name one run")
    return chosen[0]


def _some(rows: list[Row], trouble: str) -> list[Row]:
    if not rows:
        raise RunFolderError(trouble, _HINT)
    return rows


def _last(back: int, index: Index) -> Row:
    newest = index.select(tail=back + 1)
    if not newest:
        raise RunFolderError("there are no runs yet", "Record one with `meticulous run -- COMMAND`")
    if len(newest) <= back:
        there = "is only 1 run" if len(newest) == 1 else f"are only {len(newest)} runs"
        raise RunFolderError(f"last~{back}: there {there}", _HINT)
    return newest[0]


def _best(column: str, index: Index) -> Row:
    """Return the run with the lowest number in `column`, the highest with a dash before.

    Of several with the same number it is the one that started first.
    """
    name = column.removeprefix("-")
    if name not in index.names():
        raise UnknownColumnError(name, index.names())
    is_number = Compare(name, ">=", -math.inf)
    best = index.select(is_number, [Order(name, largest_first=name != column)], head=1)
    return _some(best, f"no run has a number in {name}")[0]
