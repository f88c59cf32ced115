"""Pictures as figures of matplotlib: files for papers, and what notebooks show.

Imports matplotlib, so it is imported where a figure is asked for; :func:`needed` says what is missing.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import style as styles
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from meticulous.base.text import harmless
from meticulous.errors import UsageError
from meticulous.plots.axes import Scale, ticks
from meticulous.plots.curves import Curve
from meticulous.plots.labels import COLOURS
from meticulous.plots.picture import Picture
from meticulous.plots.relations import Column, Heat

__all__ = [
    "Shown",
    "curves_figure",
    "heat_figure",
    "parallel_figure",
    "save",
    "scatter_figure",
    "styled",
]

_DEFAULTS = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.dpi": 110,
    "font.size": 9,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.fontsize": "small",
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "pdf.fonttype": 42,  # text stays text, which journals ask for
    "ps.fonttype": 42,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "meticulous",
}
_LINES = ("-", "--", ":", "-.", (0, (1, 3)))
_WIDTH, _HEIGHT = 6.0, 3.2
_MOST_IN_LEGEND = 30


class Shown(Figure):
    """A figure that notebooks show, whatever backend they use."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", bbox_inches="tight")
        return content.getvalue()


@contextmanager
def styled(style: str | None) -> Iterator[None]:
    """Draw within with our defaults, or in `style`: a name that matplotlib knows, or a file.

    Raises UsageError where there is no such style.
    """
    with mpl.rc_context():
        try:
            styles.use(_DEFAULTS if style is None else [_DEFAULTS, style])
        except OSError:
            hint = f"Give a file, or one of {', '.join(styles.available[:8])}, …"
            raise UsageError(f"there is no style {style!r}", hint) from None
        yield


def curves_figure(pictures: Sequence[tuple[str, Picture]]) -> Shown:
    """Draw each (title, picture) below the one before."""
    figure = Shown(figsize=(_WIDTH, _HEIGHT * len(pictures)), layout="constrained")
    for place, (title, picture) in enumerate(pictures):
        axes = figure.add_subplot(len(pictures), 1, place + 1)
        for curve, raw in zip(picture.curves, picture.raw, strict=True):
            _draw(axes, curve, raw)
        _scaled(axes, picture.x, "x")
        _scaled(axes, picture.y, "y")
        axes.set_xlabel(
            _plain({"relative": "time since start"}.get(picture.x_name, picture.x_name))
        )
        names = dict.fromkeys(curve.name for curve in picture.curves)
        axes.set_ylabel(_plain(title if len(names) > 1 and len(title) < 40 else next(iter(names))))
        if 1 < len(picture.curves) <= _MOST_IN_LEGEND:
            axes.legend(ncols=1 + (len(picture.curves) > 8))
    return figure


def _draw(axes: Any, curve: Curve, raw: Any) -> None:
    colour, line = COLOURS[curve.slot % len(COLOURS)], _LINES[curve.style % len(_LINES)]
    if raw is not None:
        axes.plot(*raw, color=colour, alpha=0.25, linewidth=0.7)
    if curve.low is not None:
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
    single = len(curve.x) == 1
    label = _plain(curve.label)
    finite = np.where(np.isfinite(curve.y), curve.y, np.nan)
    axes.plot(
        curve.x, finite, color=colour, linestyle=line, label=label, marker="o" if single else ""
    )
    lost = ~np.isfinite(curve.y)
    if lost.any():  # at the last value before, where the line breaks
        places = np.maximum.accumulate(np.where(lost, 0, np.arange(len(lost))))
        heights = finite[places]
        heights[np.isnan(heights)] = np.nanmin(finite) if (~lost).any() else 0.0
        axes.plot(curve.x[lost], heights[lost], "x", color=colour, markersize=5)


def _scaled(axes: Any, scale: Scale, which: str) -> None:
    if scale.log:
        getattr(axes, f"set_{which}scale")("log")
    if scale.kind in ("time", "relative"):
        axis, marks = getattr(axes, f"{which}axis"), ticks(scale, 6)
        texts = {tick.value: tick.text for tick in marks}
        axis.set_ticks([tick.value for tick in marks])
        axis.set_major_formatter(FuncFormatter(lambda value, _: texts.get(value, "")))


def _plain(text: str) -> str:
    """Return `text` so that matplotlib takes none of it for mathematics."""
    return harmless(text).replace("$", r"\$")


def scatter_figure(x: Column, y: Column, ids: Sequence[Any]) -> Shown:
    """Draw a point for each run, with its id where there are few."""
    figure = Shown(figsize=(_WIDTH, _WIDTH * 0.7), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(x.values, y.values, s=22, color=COLOURS[0], alpha=0.8)
    for across, value, expid in zip(x.values, y.values, ids, strict=True) if len(ids) <= 40 else ():
        text = _plain(str(expid))
        axes.annotate(text, (across, value), (3, 3), textcoords="offset points", fontsize=7)
    for which, one in (("x", x), ("y", y)):
        _scaled(axes, one.scale, which)
        _worded(getattr(axes, f"{which}axis"), one)
    axes.set_xlabel(_plain(x.name))
    axes.set_ylabel(_plain(y.name))
    return figure


def _worded(axis: Any, one: Column) -> None:
    if one.words:
        axis.set_ticks(range(len(one.words)), [_plain(word) for word in one.words])


def heat_figure(heat: Heat, names: tuple[str, str, str]) -> Shown:
    """Draw the mean of each cell, as a colour and as a number."""
    figure = Shown(figsize=(_WIDTH, max(_HEIGHT, 0.4 * len(heat.down) + 1)), layout="constrained")
    axes = figure.add_subplot()
    means = np.array([[np.nan if cell is None else cell[0] for cell in row] for row in heat.cells])
    image = axes.imshow(means, aspect="auto", cmap="viridis", origin="lower")
    axes.grid(visible=False)
    axes.set_xticks(range(len(heat.across)), [_plain(word) for word in heat.across])
    axes.set_yticks(range(len(heat.down)), [_plain(word) for word in heat.down])
    middle = (np.nanmin(means) + np.nanmax(means)) / 2
    for (row, column), mean in np.ndenumerate(means):
        if np.isfinite(mean):
            colour = "white" if mean < middle else "black"
            axes.text(column, row, f"{mean:.3g}", ha="center", va="center", color=colour, size=8)
    axes.set_xlabel(_plain(names[0]))
    axes.set_ylabel(_plain(names[1]))
    figure.colorbar(image, label=_plain(names[2]))
    return figure


def parallel_figure(columns: Sequence[Column]) -> Shown:
    """Draw an axis for each column, and a line for each run, coloured by the last."""
    figure = Shown(figsize=(max(_WIDTH, 1.5 * len(columns)), _HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    shares = np.array([[one.scale.share(value) for value in one.values] for one in columns])
    for line, colour in zip(shares.T, mpl.colormaps["viridis"](shares[-1]), strict=True):
        axes.plot(range(len(columns)), line, color=colour, linewidth=1, alpha=0.8)
    axes.set_xticks(range(len(columns)), [_plain(one.name) for one in columns])
    axes.set_yticks([])
    axes.set_xlim(0, len(columns) - 0.6)
    axes.spines["left"].set_visible(False)
    for place, one in enumerate(columns):
        axes.axvline(place, color="grey", linewidth=0.8)
        for tick in one.ticks(5):
            axes.text(place + 0.03, one.scale.share(tick.value), _plain(tick.text), size=7)
    return figure


def save(figure: Figure, path: str) -> None:
    """Write `figure`; the ending of `path` says as what. Raises UsageError where that cannot be."""
    ending = os.path.splitext(path)[1].lower()
    dates = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}  # the same runs, the same file
    try:
        figure.savefig(path, metadata=dates.get(ending, {}))
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise UsageError(message, "Choose another file") from error
