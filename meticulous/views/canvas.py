"""A field of characters to draw in: eight dots of braille in each, in colour where there is some."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["FAINT", "PALETTE", "Canvas", "coloured"]

PALETTE = ("38;5;33", "38;5;208", "38;5;35", "38;5;197", "38;5;141",
           "38;5;37", "38;5;172", "38;5;205", "38;5;142", "38;5;245")  # fmt: skip
"""The colours of curves, in the order of ``meticulous.plots.labels.COLOURS``."""
FAINT = "2"

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE = 0x2800
_DASHES: tuple[tuple[int, int], ...] = ((1, 1), (5, 8), (2, 5), (8, 10), (1, 3))
"""Of a kind of line: so many dots are drawn of so many."""


class Canvas:
    """`columns` by `rows` characters, twice and four times as many dots.

    Dots have their origin at the top left. What is drawn on a higher layer takes the place of what is in
    the same character on a lower one. Without `braille` each character with a dot is a ``*``.
    """

    def __init__(self, columns: int, rows: int, *, braille: bool = True) -> None:
        self.columns, self.rows = columns, rows
        self.width, self.height = columns * 2, rows * 4
        self._braille = braille
        self._bits = [0] * (columns * rows)
        self._layers = [-1] * (columns * rows)
        self._colours = [""] * (columns * rows)
        self._characters = [""] * (columns * rows)

    def dot(self, x: int, y: int, colour: str, layer: int = 1) -> None:
        """Set a dot; outside of the field nothing happens."""
        if not (0 <= x < self.width and 0 <= y < self.height):
            return
        cell = (y // 4) * self.columns + x // 2
        if layer < self._layers[cell]:
            return
        if layer > self._layers[cell]:
            self._bits[cell], self._layers[cell] = 0, layer
        self._bits[cell] |= _DOTS[y % 4][x % 2]
        self._colours[cell] = colour

    def line(
        self,
        start: tuple[int, int],
        end: tuple[int, int],
        colour: str,
        layer: int = 1,
        style: int = 0,
    ) -> None:
        """Draw from `start` to `end`; `style` numbers how it is dashed."""
        on, of = _DASHES[style % len(_DASHES)]
        across, down = end[0] - start[0], end[1] - start[1]
        steps = max(abs(across), abs(down), 1)
        for step in range(steps + 1):
            x, y = start[0] + round(across * step / steps), start[1] + round(down * step / steps)
            place = x if abs(across) >= abs(down) else y
            if place % of < on:
                self.dot(x, y, colour, layer)

    def put(self, column: int, row: int, character: str, colour: str) -> None:
        """Write a character over whatever is there; outside of the field nothing happens."""
        if 0 <= column < self.columns and 0 <= row < self.rows:
            cell = row * self.columns + column
            self._characters[cell], self._colours[cell] = character, colour

    def is_written(self, column: int, row: int) -> bool:
        """Return whether a character was put there."""
        return bool(self._characters[row * self.columns + column])

    def lines(self, *, in_colour: bool) -> list[str]:
        """Return the rows as text."""
        found = []
        for row in range(self.rows):
            cells = range(row * self.columns, (row + 1) * self.columns)
            texts = [self._text(cell) for cell in cells]
            colours = [self._colours[cell] for cell in cells]
            found.append(_joined(texts, colours) if in_colour else "".join(texts))
        return found

    def _text(self, cell: int) -> str:
        if self._characters[cell]:
            return self._characters[cell]
        if not self._bits[cell]:
            return " "
        return chr(_BRAILLE + self._bits[cell]) if self._braille else "*"


def _joined(texts: Sequence[str], colours: Sequence[str]) -> str:
    parts, current = [], ""
    for text, colour in zip(texts, colours, strict=True):
        wanted = colour if text != " " else current
        if wanted != current:
            parts.append(f"\x1b[{wanted or 0}m" if not current else f"\x1b[0;{wanted or 0}m")
            current = wanted
        parts.append(text)
    return "".join(parts) + ("\x1b[0m" if current else "")


def coloured(text: str, colour: str, *, in_colour: bool) -> str:
    """Return `text` in `colour`, if there is to be some."""
    return f"\x1b[{colour}m{text}\x1b[0m" if in_colour and colour and text else text
