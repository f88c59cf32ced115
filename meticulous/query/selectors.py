"""Ways to name runs on the command line -> rows of runs.

``12``, ``12-15``, ``12,14``, ``last``, ``last~2``, ``best:summary_val_loss``, ``worst:summary_val_acc``
(better low and better high, as :mod:`meticulous.query.direction` knows), ``best:-summary_x`` (the
highest), ``best:+summary_x`` (the lowest), ``@tag``, and any id that was given by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from meticulous import settings
from meticulous.errors import RunFolderError, UnknownColumnError, UsageError
from meticulous.query import direction
from meticulous.query.cache.index import Index, Order
from meticulous.query.filters import All, Compare, HasTag
from meticulous.query.rows import Row, flatten

__all__ = ["HELP", "looks_like_one", "select", "select_all", "select_one"]

HELP = "12, 12-15, 12,14, last, last~1, best:COLUMN, worst:COLUMN, @TAG, or the name of a run"

_LAST = re.compile(r"last(?:~(\d+))?")
_RANGE = re.compile(r"(\d+)-(\d+)")
_EXTREME = re.compile(r"(best|worst):([+-]?)(.*)", re.DOTALL)
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
    if match := _EXTREME.fullmatch(selector):
        return [_extreme(selector, match[3], match[2], index, is_best=match[1] == "best")]
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


def _extreme(selector: str, name: str, sign: str, index: Index, *, is_best: bool) -> Row:
    """Return the run with the best or the worst number in the column `name`.

    Of several with the same number it is the one that started first. `sign` says what is better:
    ``-`` a higher number (the order is turned round), ``+`` a lower one.
    """
    asked = index if name in index.names() else _opened(index, name.count("."))
    if name not in asked.names():
        raise UnknownColumnError(name, asked.names())
    is_number = Compare(name, ">=", -math.inf)
    _some(asked.select(is_number, head=1), f"no run has a number in {name}")
    wanted = {"-": direction.HIGHER, "+": direction.LOWER}.get(sign) or _known(name, selector)
    largest_first = (wanted == direction.HIGHER) == is_best
    found = asked.select(is_number, [Order(name, largest_first)], head=1)[0]
    return index.run(str(found["expid"])) or found


def _opened(index: Index, levels: int) -> Index:
    """Return an index with columns for values nested so deep, such as ``summary_test.f1``."""
    if not levels:
        return index
    return Index.of_rows((flatten(row, levels) for row in index.select()), index.directory)


def _known(name: str, selector: str) -> str:
    """Return what is better of `name`; raises UsageError where nobody has said it."""
    found = direction.better(name, settings.better(settings.find_place({}).values))
    if found is None:
        word = selector.partition(":")[0]
        raise UsageError(
            f"{selector}: nobody has said whether a higher or a lower {name} is better",
            f"Write {word}:-{name} if a higher one is, {word}:+{name} if a lower one is, "
            f"or say it in meticulous.yaml: `better: {{{name}: higher}}`",
        )
    return found
