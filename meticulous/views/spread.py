"""Mean and deviation of groups -> one text: ``0.9123 ± 0.0031 (3)``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from meticulous.base.units import format_duration
from meticulous.query.aggregate import Spread
from meticulous.query.rows import Row
from meticulous.views import numbers, text

__all__ = ["with_spreads"]


def with_spreads(
    rows: Sequence[Row],
    names: Sequence[str],
    spreads: Mapping[str, Spread],
    *,
    counts: bool = True,
) -> tuple[list[Row], list[str]]:
    """Put the mean and deviation of a column into one, under its own name: mean ± std (n).

    Without `counts` the number of values is left out. The ± of a column stand below each other.
    """
    merged = {one.mean: name for name, one in spreads.items() if {one.mean, one.std} <= {*names}}
    hidden = {spreads[name].std for name in merged.values()}
    kept = [merged.get(name, name) for name in names if name not in hidden]
    found = [dict(row) for row in rows]
    for name in merged.values():
        parts = _parts(rows, name, spreads[name], counts=counts)
        broad = max((text.width(around) for _, around in parts), default=0)
        for row, (middle, around) in zip(found, parts, strict=True):
            row[name] = f"{middle}{around:<{broad}}" if middle else None
    return found, kept


def _parts(
    rows: Sequence[Row], name: str, spread: Spread, *, counts: bool
) -> list[tuple[str, str]]:
    """Return of each row the mean, and what stands behind it; two empty texts without a mean."""
    means = [row.get(spread.mean) for row in rows]
    alone = [
        mean if row.get(spread.std) is None else None for mean, row in zip(means, rows, strict=True)
    ]
    texts = numbers.measured(alone)
    parts = []
    for mean, row, written in zip(means, rows, texts, strict=True):
        middle, around = _written(name, mean, row.get(spread.std), written)
        behind = f" ± {around}" if around else ""
        parts.append(
            (middle, f"{behind} ({row.get(spread.runs)})" if counts and middle else behind)
        )
    return parts


def _written(name: str, mean: float | None, deviation: float | None, alone: str) -> tuple[str, str]:
    """Return a mean and its deviation to the same place: two digits of the deviation."""
    if mean is None:
        return "", ""
    if name == "duration":
        around = "" if deviation is None else format_duration(deviation)
        return format_duration(mean), around
    if deviation is None:
        return alone, ""
    if not deviation or not math.isfinite(deviation) or not math.isfinite(mean):
        return text.short(mean), text.short(deviation)
    places = max(0, 1 - math.floor(math.log10(deviation)))
    form = f".{places}f" if places <= 8 and abs(mean) < 1e9 else ".3g"
    return format(mean, form), format(deviation, form)
