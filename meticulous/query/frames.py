"""Rows -> DataFrames, and the parts of filters that only pandas can answer.

The one import of pandas; whatever needs it imports this module when it does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from meticulous.errors import FilterError, MeticulousError
from meticulous.query.cache.index import Index
from meticulous.query.filters import Condition, Leaf, leaves
from meticulous.query.rows import HEADER, SECTIONS, TIMES, Row

__all__ = ["answer_leaves", "by_expid", "flat_frame", "two_levels"]


def flat_frame(rows: Sequence[Row], names: Iterable[str]) -> pd.DataFrame:
    """Make a DataFrame with one row a run and the columns `names`.

    Index: 0, 1, … in the order of `rows`. Columns of integers are int64 (float64 where a run has
    no value), of numbers float64, of truth values bool, of text str, all others object. The times
    of the header are datetime64 in UTC.
    """
    return pd.DataFrame({name: _series(name, rows) for name in names})


def by_expid(frame: pd.DataFrame) -> pd.DataFrame:
    """Make the column ``expid`` of a flat DataFrame its index."""
    return frame.set_index("expid")


def two_levels(frame: pd.DataFrame) -> pd.DataFrame:
    """Make a flat DataFrame into that of the spec: columns of two levels, indexed by ``expid``.

    The first level is ``header``, ``args``, ``default_args``, ``summary`` or ``metadata``, the
    second the name in that file (for the header, the column).
    """
    frame = by_expid(frame)
    frame.columns = pd.MultiIndex.from_tuples(list(map(_levels, frame.columns)))
    return frame


def _levels(name: str) -> tuple[str, str]:
    if name not in HEADER:
        for prefix in SECTIONS:
            if name.startswith(prefix):
                return prefix.removesuffix("_"), name[len(prefix) :]
    return "header", name


def _series(name: str, rows: Sequence[Row]) -> pd.Series[Any]:
    values = [_unicode(row.get(name)) for row in rows]
    if name in TIMES:
        return pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601")
    return series(values)


def _unicode(value: Any) -> Any:
    """Return text that pandas, SQLite and files can hold: an undecodable byte as its escape."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def series(values: Sequence[Any]) -> pd.Series[Any]:
    """Make a column of `values` of the narrowest type that holds them; None is missing."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds & {dict, list} or len(kinds - {int, float}) > 1 or (len(kinds) > 1 and str in kinds):
        return pd.Series(values, dtype="object")
    return pd.Series(values)


def answer_leaves(index: Index, condition: Condition) -> None:
    """Evaluate those parts of a filter that are for pandas, and tell `index` the outcome."""
    for leaf in leaves(condition):
        index.set_leaf(leaf, _matching(leaf, index))


def _matching(leaf: Leaf, index: Index) -> list[int]:
    columns = [index.column(name) for name in leaf.columns]
    keys = list(index.keys())
    listed = [
        [_unicode(_as_text(value) if is_text else value) for value in map(column.get, keys)]
        for column, is_text in zip(columns, _asked_as_text(leaf), strict=True)
    ]
    frame = pd.DataFrame({f"c{place}": series(column) for place, column in enumerate(listed)})
    try:
        try:
            outcome = _evaluated(leaf, frame)
        except TypeError:
            # A text among numbers, of one run, must not keep the others from being reckoned with.
            numbers = {f"c{place}": series(_numbers(one)) for place, one in enumerate(listed)}
            outcome = _evaluated(leaf, pd.DataFrame(numbers))
    except MeticulousError:
        raise
    except Exception as error:  # whatever pandas makes of values that do not fit the expression
        raise FilterError(f"cannot apply `{_readable(leaf)}`: {error}", _HINT) from error
    held = pd.Series(outcome, index=frame.index).astype("object")
    held = held.where(held.notna(), other=False)
    if not {type(value) for value in held} <= {bool, *_NUMPY_BOOL}:
        raise FilterError(f"`{_readable(leaf)}` is no condition", "Compare it with something")
    return [key for key, value in zip(keys, held, strict=True) if value]


def _asked_as_text(leaf: Leaf) -> list[bool]:
    """Return of each column of `leaf` whether a method of text is called on it."""
    return [
        re.search(rf"\bc{place}\.str\.", leaf.expression) is not None
        for place in range(len(leaf.columns))
    ]


def _as_text(value: Any) -> Any:
    """Return a list of words as a line of them, and anything nested as JSON."""
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _evaluated(leaf: Leaf, frame: pd.DataFrame) -> Any:
    return frame.eval(leaf.expression, engine="python", local_dict={}, global_dict={})


def _numbers(values: Sequence[Any]) -> Sequence[Any]:
    """Return `values` without what is no number, where there are numbers among them."""
    are_numbers = [isinstance(value, (int, float)) for value in values]
    if not any(are_numbers):
        return values
    return [value if is_one else None for value, is_one in zip(values, are_numbers, strict=True)]


_HINT = "Look at the column with `meticulous ls --columns`"
_NUMPY_BOOL = {type(pd.Series([True]).to_numpy()[0])}


def _readable(leaf: Leaf) -> str:
    return re.sub(r"\bc(\d+)\b", lambda match: leaf.columns[int(match[1])], leaf.expression)
