"""Fewer points for a picture: of each part of the axis the lowest, the highest and the last.

Used by every picture, in the terminal, in a file and in a report, so that all show the same: no
extreme is lost, and what is not a number stays one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Array", "kept", "smoothed"]

Array = Any
"""A numpy array of float64, one-dimensional."""


def kept(
    x: Array, y: Array, span: tuple[float, float], buckets: int, *, log: bool = False
) -> Array:
    """Return the places of the points to draw, in order.

    Args:
        x: finite, rising; points outside of `span` are left out.
        y: of the same length.
        span: first and last x of the picture.
        buckets: number of equal parts of `span`. Of each part these stay: the lowest, the highest and
            the last finite y, the first NaN and the first of both infinities.
        log: whether the parts are equal on a logarithmic axis; x is above zero then.
    """
    inside = np.flatnonzero((x >= span[0]) & (x <= span[1]))
    if len(inside) <= buckets:
        return inside
    part = _parts(x[inside], span, buckets, log=log)
    values = y[inside]
    finite = np.isfinite(values)
    found = [_extremes(part[finite], values[finite], np.flatnonzero(finite))]
    for kind in (np.isnan(values), np.isposinf(values), np.isneginf(values)):
        places = np.flatnonzero(kind)
        found.append(places[_firsts(part[places])])
    return inside[np.unique(np.concatenate(found))]


def _parts(x: Array, span: tuple[float, float], buckets: int, *, log: bool) -> Array:
    low, high = span
    if log:
        x, low, high = np.log(x), np.log(low), np.log(high)
    share = (x - low) / ((high - low) or 1.0)
    return np.minimum((share * buckets).astype(np.int64), buckets - 1)


def _extremes(part: Array, values: Array, places: Array) -> Array:
    """Return of `places` those of the lowest, highest and last value of each part."""
    if not len(part):
        return places
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    counts = np.diff(starts, append=len(part))
    found = [starts + counts - 1]
    for reduced in (np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)):
        same = np.flatnonzero(values == np.repeat(reduced, counts))
        found.append(same[_firsts(part[same])])
    return places[np.concatenate(found)]


def _firsts(part: Array) -> Array:
    return np.flatnonzero(np.diff(part, prepend=-1))


def smoothed(x: Array, y: Array, weight: float) -> Array:
    """Return the exponential moving average of `y`, aware of how far the points are apart.

    Args:
        x: rising.
        y: of the same length; what is not finite stays as it is and does not count.
        weight: of what was before, from 0 (no smoothing) to below 1, over the usual (median) distance
            of two points; over twice that distance it is squared. So the result does not depend on
            how many points there are, and of evenly spaced ones it is what TensorBoard shows.
    """
    if not weight or len(x) < 2:
        return y
    gaps = np.diff(x)
    usual = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 1.0
    weights = weight ** np.minimum(np.concatenate(([1.0], gaps / usual)), 1e6)
    found = y.copy()
    mean = share = 0.0
    passed = 1.0
    for place, (value, part) in enumerate(zip(y.tolist(), weights.tolist(), strict=True)):
        passed *= part
        if value - value != 0.0:  # NaN or infinite
            continue
        mean = passed * mean + (1 - passed) * value
        share = passed * share + (1 - passed)  # less than 1 at first: the mean began at 0
        found[place] = mean / share if share else value
        passed = 1.0
    return found
