"""A picture of curves for the terminal: braille, axes with round numbers, a legend below."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import NamedTuple

from meticulous.plots.axes import Scale, ticks
from meticulous.plots.curves import Curve
from meticulous.plots.picture import Picture
from meticulous.views.canvas import FAINT, PALETTE, Canvas, coloured
from meticulous.views.text import clip, short, width

__all__ = ["LETTERS", "Style", "axis_below", "chart", "plot_width", "y_labels"]

LETTERS = string.ascii_lowercase + string.ascii_uppercase
_MOST_LABEL = 12
_MARKS = {"nan": "×", "+inf": "↑", "-inf": "↓"}


class Style(NamedTuple):
    """How large a chart is in characters, with its axes; whether it has colours and braille."""

    width: int
    height: int
    in_colour: bool
    braille: bool = True


def plot_width(columns: int) -> int:
    """Return how many dots there are across a chart of so many `columns`, about."""
    return max(columns - 10, 10) * 2


def chart(picture: Picture, title: str, style: Style) -> list[str]:
    """Draw `picture`; `title` stands above it, the legend below where there are several curves."""
    labels = y_labels(picture.y, style.height)
    room = max((width(text) for text in labels.values()), default=0) + 2
    has_legend = len(picture.curves) > 1
    canvas = Canvas(
        max(style.width - room - 2 * has_legend, 10), style.height, braille=style.braille
    )
    places = _Places(picture, canvas)
    for curve, raw in zip(picture.curves, picture.raw, strict=True):
        places.below(curve, raw)
    for curve in picture.curves:
        places.line(curve)
    margin = places.letters(picture.curves) if has_legend else [""] * style.height
    lines = [coloured(clip(title, style.width), "1", in_colour=style.in_colour)] if title else []
    for row, text in enumerate(canvas.lines(in_colour=style.in_colour)):
        label = labels.get(row, "")
        edge = "┤" if label else "│"
        lines.append(f"{label.rjust(room - 2)} {edge}{text}{margin[row]}".rstrip())
    lines += axis_below(picture.x, canvas.columns, room - 1, _named(picture))
    if has_legend:
        lines += _legend(picture.curves, style)
    return lines


def _named(picture: Picture) -> str:
    return {"relative": "time since start", "time": "time"}.get(picture.x_name, picture.x_name)


def y_labels(scale: Scale, height: int) -> dict[int, str]:
    """Return the text beside each row that has one; of a short chart at least two, if it has two."""
    found: dict[int, str] = {}
    for most in (max(height // 2, 2), height * 2, height * 4):
        found = {}
        for tick in ticks(scale, most):
            row = round((1 - scale.share(tick.value)) * (height * 4 - 1)) // 4
            found.setdefault(row, clip(tick.text, _MOST_LABEL))
        if len(found) > 1:
            break
    return found


def axis_below(scale: Scale, columns: int, indent: int, name: str) -> list[str]:
    """Return the line under a chart and the texts of its ticks, with the `name` of the axis."""
    line, texts = ["─"] * columns, [" "] * columns
    free = 0
    for tick in ticks(scale, max(columns // 12, 2)):
        column = min(round(scale.share(tick.value) * (columns * 2 - 1)) // 2, columns - 1)
        line[column] = "┬"
        start = min(max(column - width(tick.text) // 2, 0), len(texts) - width(tick.text))
        if start >= free:
            texts[start : start + len(tick.text)] = tick.text
            free = start + len(tick.text) + 1
    below = "".join(texts)
    tail = clip(name, 24)
    lines = [f"{'':{indent}}└{''.join(line)}", f"{'':{indent + 1}}{below}".rstrip()]
    if columns - free > width(tail):
        lines[1] = f"{'':{indent + 1}}{below[: columns - width(tail)]}{tail}"
    else:
        lines.append(tail.rjust(indent + 1 + columns))
    return lines


class _Places:
    """Draws curves of one picture in one canvas."""

    def __init__(self, picture: Picture, canvas: Canvas) -> None:
        self._x, self._y, self._canvas = picture.x, picture.y, canvas

    def _across(self, value: float) -> int:
        return round(self._x.share(value) * (self._canvas.width - 1))

    def _down(self, value: float) -> int:
        return round((1 - self._y.share(value)) * (self._canvas.height - 1))

    def below(self, curve: Curve, raw: tuple[Sequence[float], Sequence[float]] | None) -> None:
        """Draw what lies behind: the band of a group, the line before smoothing."""
        colour = f"{FAINT};{PALETTE[curve.slot % len(PALETTE)]}"
        if raw is not None:
            self._joined(list(raw[0]), list(raw[1]), colour, layer=0, style=0)
        if curve.low is None or curve.high is None:
            return
        edges: list[tuple[int, int, int]] = []
        for x, low, high in zip(curve.x, curve.low, curve.high, strict=True):
            if not (math.isfinite(low) and math.isfinite(high)) or high == low:
                edges.append((self._across(x), 1, 0))
                continue
            edges.append((self._across(x), self._down(high), self._down(low)))
        for one, other in zip(edges, edges[1:] or edges, strict=False):
            self._shade(one, other, colour)

    def _shade(self, one: tuple[int, int, int], other: tuple[int, int, int], colour: str) -> None:
        """Draw every second dot of the band between two places."""
        if one[1] > one[2] or other[1] > other[2]:
            return
        length = max(other[0] - one[0], 1)
        for step in range(length + 1):
            share = step / length
            top = round(one[1] + (other[1] - one[1]) * share)
            end = round(one[2] + (other[2] - one[2]) * share)
            x = one[0] + step
            for y in range(top, end + 1):
                if (x + 2 * y) % 4 == 0 or y in (top, end):
                    self._canvas.dot(x, y, colour, 0)

    def line(self, curve: Curve) -> None:
        """Draw the line of `curve`, and marks where a value is no number."""
        colour = PALETTE[curve.slot % len(PALETTE)]
        self._joined(curve.x.tolist(), curve.y.tolist(), colour, layer=1, style=curve.style)

    def _joined(
        self, x: list[float], y: list[float], colour: str, *, layer: int, style: int
    ) -> None:
        canvas, before, row = self._canvas, None, self._canvas.rows - 1
        for place, (across, value) in enumerate(zip(x, y, strict=True)):
            column = self._across(across)
            if not math.isfinite(value):
                mark = "nan" if math.isnan(value) else "+inf" if value > 0 else "-inf"
                at = {"nan": row, "+inf": 0, "-inf": canvas.rows - 1}[mark]
                if layer:
                    canvas.put(column // 2, at, _MARKS[mark], colour)
                before = None
                continue
            point = column, self._down(value)
            row = point[1] // 4
            if before is not None:
                canvas.line(before, point, colour, layer, style)
            elif place + 1 == len(y) or not math.isfinite(y[place + 1]):
                canvas.put(point[0] // 2, row, "•", colour)  # alone: a dot is too small to be seen
            else:
                canvas.dot(*point, colour, layer)
            before = point

    def letters(self, curves: Sequence[Curve]) -> list[str]:
        """Write the letter of each curve behind its end; return what stands right of the canvas."""
        margin = [""] * self._canvas.rows
        for letter, curve in zip(LETTERS, curves, strict=False):
            places = [place for place, value in enumerate(curve.y.tolist()) if math.isfinite(value)]
            if not places:
                continue
            colour = PALETTE[curve.slot % len(PALETTE)]
            column = self._across(curve.x[places[-1]]) // 2 + 1
            row = min(max(self._down(curve.y[places[-1]]), 0) // 4, len(margin) - 1)
            while column < self._canvas.columns and self._canvas.is_written(column, row):
                column += 1
            if column < self._canvas.columns:
                self._canvas.put(column, row, letter, colour)
            elif width(margin[row]) < 2:
                margin[row] += letter
        return margin


def _legend(curves: Sequence[Curve], style: Style) -> list[str]:
    """Return the letter, the label and the last value of each curve, in columns where they fit."""
    shown = curves[: len(LETTERS)]
    texts = []
    for letter, curve in zip(LETTERS, shown, strict=False):
        last = f"  {short(float(curve.y[-1]))}"
        texts.append(f"{letter} {clip(curve.label, max(style.width - 16, 10))}{last}")
    size = max(map(width, texts)) + 3
    across = max(min(style.width // size, len(texts)), 1)
    down = -(-len(texts) // across)
    lines = []
    for row in range(down):
        parts = []
        for place in range(row, len(texts), down):
            text = clip(texts[place], style.width)
            colour = PALETTE[shown[place].slot % len(PALETTE)]
            space = " " * (size - width(text) if place + down < len(texts) else 0)
            parts.append(coloured(text, colour, in_colour=style.in_colour) + space)
        lines.append("".join(parts))
    if len(curves) > len(shown):
        lines.append(f"and {len(curves) - len(shown)} more, without a letter")
    return lines
