"""Series -> DataFrames. Imports pandas, so it is imported where a DataFrame is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from meticulous.metrics.series import OWN, Points, Series, heads

__all__ = ["long_frame", "wide_frame"]

_LATEST = 9e9
"""Seconds since the epoch that a datetime64 can hold, and more."""


def wide_frame(series: Series) -> pd.DataFrame:
    """Return one row for each line: ``step``, ``time``, ``attempt``, ``rank``, a column for each name.

    Index 0, 1, … in the order of `series`. ``step`` is int64 where all are whole, else float64;
    ``time`` is datetime64 in UTC; ``attempt`` and ``rank`` are int64; a name is float64 with NaN where
    it was not logged, or object where there is text.
    """
    columns = _own(series.step, series.time, series.attempt, series.rank)
    for name, head in heads(series.names, ("expid", *OWN)).items():
        columns[head] = _dense(series, name)
    return pd.DataFrame(columns)


def long_frame(
    runs: Iterable[tuple[Any, Series]], names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return one row for each value: ``expid``, ``name``, ``step``, ``time``, ``attempt``, ``rank``, ``value``.

    `runs` are pairs of an id and its series, in the order in which they are to stand; those of one
    run stand name by name. ``name`` is a categorical; ``value`` is float64, or object with text.
    """
    parts: list[tuple[Any, str, Points]] = []
    for expid, series in runs:
        wanted = series.names if names is None else [name for name in names if name in series.names]
        parts += [(expid, name, series.points(name)) for name in wanted]
    counts = [len(points.step) for _, _, points in parts]
    kinds: Any = list(dict.fromkeys(name for _, name, _ in parts))
    codes = {name: code for code, name in enumerate(kinds)}
    columns: dict[str, Any] = {
        "expid": _repeated([expid for expid, _, _ in parts], counts),
        "name": pd.Categorical.from_codes(
            np.repeat(np.array([codes[name] for _, name, _ in parts], dtype=int), counts), kinds
        ),
        **_own(*(_joined([points[place] for _, _, points in parts]) for place in range(4))),
        "value": _values([points for _, _, points in parts]),
    }
    return pd.DataFrame(columns)


def _own(step: Any, time: Any, attempt: Any, rank: Any) -> dict[str, Any]:
    steps, times = np.asarray(step, dtype=float), np.asarray(time, dtype=float)
    if len(steps) and np.all(np.abs(steps) < 2**53) and np.all(steps == np.floor(steps)):
        steps = steps.astype("int64")
    held = np.round(np.where(np.abs(times) < _LATEST, times, np.nan) * 1e6)
    return {
        "step": steps,
        "time": pd.to_datetime(pd.Series(held), unit="us", utc=True),
        "attempt": np.asarray(attempt, dtype="int64"),
        "rank": np.asarray(rank, dtype="int64"),
    }


def _dense(series: Series, name: str) -> Any:
    points, rows = series.points(name), series.rows(name)
    numbers = np.full(len(series), np.nan)
    numbers[np.asarray(rows, dtype=int)] = np.asarray(points.value)
    if not points.texts:
        return numbers
    mixed = numbers.astype(object)
    for place, value in points.texts.items():
        mixed[rows[place]] = value
    return mixed


def _values(parts: Sequence[Points]) -> Any:
    numbers = _joined([points.value for points in parts]).astype(float)
    if not any(points.texts for points in parts):
        return numbers
    mixed, start = numbers.astype(object), 0
    for points in parts:
        for place, value in points.texts.items():
            mixed[start + place] = value
        start += len(points.value)
    return mixed


def _joined(arrays: Sequence[Any]) -> Any:
    return np.concatenate([np.asarray(one) for one in arrays]) if arrays else np.empty(0)


def _repeated(ids: Sequence[Any], counts: Sequence[int]) -> Any:
    is_whole = all(isinstance(one, int) for one in ids)
    kept = np.empty(len(ids), dtype="int64" if is_whole else object)
    kept[:] = ids
    return np.repeat(kept, counts)
