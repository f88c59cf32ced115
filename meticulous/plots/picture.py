"""Curves -> a picture of a given size: axes, and the points that are drawn in it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from meticulous.errors import UsageError
from meticulous.plots.axes import Scale, scale_of
from meticulous.plots.curves import Curve, Curves
from meticulous.plots.points import Array, kept

__all__ = ["Picture", "export", "picture"]


class Picture(NamedTuple):
    """What is drawn: the curves with the points that stay, both axes, and what is said beside.

    ``raw`` has, for each curve, the places of its line before smoothing as (x, y); None without one.
    """

    curves: list[Curve]
    raw: list[tuple[Array, Array] | None]
    x: Scale
    y: Scale
    x_name: str
    notes: list[str]


def picture(
    found: Curves, buckets: int, *, log_x: bool = False, log_y: bool = False
) -> Picture | None:
    """Choose the axes, and of each curve the points that `buckets` parts of the x axis show.

    On a logarithmic axis there is nothing at or below zero; the notes say how much was left out.
    None where nothing can be drawn.
    """
    notes = list(found.notes)
    curves = [_above_zero(one, notes, log_x=log_x, log_y=log_y) for one in found.curves]
    curves = [one for one in curves if len(one.x)]
    if not curves:
        return None
    span = min(one.x[0] for one in curves), max(one.x[-1] for one in curves)
    x = scale_of(float(span[0]), float(span[1]), log=log_x, kind=found.kind)
    thinned = [_thinned(one, (x.low, x.high), buckets, log=log_x) for one in curves]
    raw = [_raw(one, (x.low, x.high), buckets, log=log_x) for one in curves]
    y = _y_scale(thinned, raw, log=log_y)
    return Picture(thinned, raw, x, y, found.x, notes)


def _above_zero(curve: Curve, notes: list[str], *, log_x: bool, log_y: bool) -> Curve:
    if log_x:
        use = curve.x > 0
        if not use.all():
            notes.append(_left_out(int((~use).sum()), "x", curve))
        curve = _taken(curve, np.flatnonzero(use))
    if log_y:
        below = np.isfinite(curve.y) & (curve.y <= 0)
        if below.any():
            notes.append(_left_out(int(below.sum()), "y", curve))
        curve = _taken(curve, np.flatnonzero(~below))
        if curve.low is not None:
            curve = curve._replace(low=np.where(curve.low > 0, curve.low, np.nan))
    return curve


def _left_out(count: int, axis: str, curve: Curve) -> str:
    points = "1 point" if count == 1 else f"{count} points"
    return f"{curve.label}: {points} at or below zero cannot be on the logarithmic {axis} axis"


def _thinned(curve: Curve, span: tuple[float, float], buckets: int, *, log: bool) -> Curve:
    return _taken(curve, _places(curve, span, buckets, log=log))._replace(raw=None)


def _places(curve: Curve, span: tuple[float, float], buckets: int, *, log: bool) -> Array:
    lines = [line for line in (curve.y, curve.low, curve.high) if line is not None]
    return np.unique(np.concatenate([kept(curve.x, one, span, buckets, log=log) for one in lines]))


def _raw(
    curve: Curve, span: tuple[float, float], buckets: int, *, log: bool
) -> tuple[Array, Array] | None:
    if curve.raw is None:
        return None
    places = kept(curve.x, curve.raw, span, buckets, log=log)
    return curve.x[places], curve.raw[places]


def _taken(curve: Curve, places: Array) -> Curve:
    lines = ("x", "y", "raw", "low", "high", "runs")
    parts = {name: getattr(curve, name) for name in lines}
    return curve._replace(
        **{name: line[places] for name, line in parts.items() if line is not None}
    )


def _y_scale(
    curves: Sequence[Curve], raw: Sequence[tuple[Array, Array] | None], *, log: bool
) -> Scale:
    lines = [line for one in curves for line in (one.y, one.low, one.high) if line is not None]
    lines += [pair[1] for pair in raw if pair is not None]
    values = np.concatenate(lines)
    values = values[np.isfinite(values) & ((values > 0) if log else True)]
    if not len(values):
        return scale_of(1.0, 1.0, log=log)
    return scale_of(float(values.min()), float(values.max()), log=log)


def export(path: str, pictures: Sequence[Picture]) -> int:
    """Write the points that are drawn as CSV, and return how many.

    Columns: ``run`` (or the group), ``name``, ``label``, the name of the x axis, ``value``; of groups
    also ``low``, ``high`` and ``n``. A line before smoothing has the label with ``(raw)`` behind.
    """
    curves = [curve for one in pictures for curve in one.curves]
    has_bands = any(curve.low is not None for curve in curves)
    x_name = pictures[0].x_name if pictures else "step"
    header = ["run", "name", "label", x_name, "value", *(["low", "high", "n"] if has_bands else [])]
    count = 0
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for one in pictures:
                for curve, raw in zip(one.curves, one.raw, strict=True):
                    lines = [*_lines(curve, has_bands=has_bands)]
                    if raw is not None:
                        ends = [""] * 3 if has_bands else []
                        label = f"{curve.label} (raw)"
                        lines += [[curve.key, curve.name, label, *pair, *ends] for pair in zip(*(line.tolist() for line in raw), strict=True)]  # fmt: skip
                    writer.writerows(lines)
                    count += len(lines)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise UsageError(message, "Choose another file") from error
    return count


def _lines(curve: Curve, *, has_bands: bool) -> list[list[Any]]:
    columns = [curve.x, curve.y]
    if has_bands and curve.low is not None:
        columns += [curve.low, curve.high, curve.runs]
    found = zip(*(line.tolist() for line in columns), strict=True)
    return [[curve.key, curve.name, curve.label, *values] for values in found]
