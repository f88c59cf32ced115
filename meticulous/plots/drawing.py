"""Runs and names -> a figure in one call, for Python; says what is missing where it cannot be made."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING

from meticulous import settings
from meticulous.errors import UsageError
from meticulous.plots.curves import Wanted, curves, load
from meticulous.plots.picture import picture
from meticulous.query.rows import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FILE_BUCKETS", "figure_of", "need_matplotlib"]

FILE_BUCKETS = 1200
"""Parts of the x axis of a picture in a file, each with its lowest, highest and last value."""


def need_matplotlib(what: str) -> None:
    """Raise UsageError where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        hint = "Install it: pip install 'meticulous[plot]'"
        raise UsageError(f"{what} needs matplotlib, which is not installed", hint)


def figure_of(
    rows: Sequence[Row],
    names: Sequence[str],
    *,
    x: str = "step",
    log: bool = False,
    log_x: bool = False,
    smooth: float = 0.0,
    groupby: Sequence[str] = (),
) -> Figure:
    """Draw `names` of the runs of `rows`. Raises UsageError where there is nothing to draw."""
    need_matplotlib("a figure")
    if not 0 <= smooth < 1:
        raise UsageError(f"smooth is {smooth}", "Give a weight from 0 to below 1")
    from meticulous.plots import figure  # imports matplotlib

    seeds = settings.seed_names(settings.find_place({}).values) if groupby else ()
    found = curves(rows, load(rows, names, x), Wanted(names, x, smooth, groupby, seeds))
    drawn = picture(found, FILE_BUCKETS, log_x=log_x, log_y=log)
    if drawn is None:
        raise UsageError(f"no run has logged {', '.join(names)}", "See `meticulous metrics`")
    with figure.styled(None):
        return figure.curves_figure([(", ".join(names), drawn)])
