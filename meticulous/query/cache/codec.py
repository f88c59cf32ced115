"""A row <-> what SQLite keeps of it: its values as JSON text, and a scalar for each column.

The names of a row are its *shape*; runs of one program share one, so the text holds values only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from meticulous.query.rows import Row

__all__ = ["Shape", "decode", "encode", "field_reader", "is_promoted", "scalar"]

Shape = tuple[str, ...]

_COLD = ("default_args_", "metadata_")


def encode(row: Row) -> str:
    """Write the values of `row` as Python's JSON, which knows NaN and the infinities."""
    return json.dumps(list(row.values()))


def decode(shape: Shape, text: str) -> Row:
    """Undo :func:`encode`; `shape` has the names."""
    return dict(zip(shape, json.loads(text), strict=True))


def is_promoted(name: str) -> bool:
    """Return whether the column is asked for often enough to have a place of its own."""
    return not name.startswith(_COLD)


def scalar(value: Any) -> int | float | str | None:
    """Return what filters and sorting see of `value`: None for what is no number and no text.

    True and False are 1 and 0. Integers beyond 64 bits are floating point.
    """
    kind = type(value)
    if kind is float or value is None or (kind is str and value.isascii()):
        return value  # type: ignore[no-any-return]
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return value
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str):
        # Text that is not Unicode (names of undecodable bytes) cannot be bound.
        return value.encode("utf-8", "backslashreplace").decode()
    return None


def field_reader(shapes: Mapping[int, Shape]) -> Callable[[int, str, str], Any]:
    """Return a function (number of the shape, row's text, name) -> scalar of a value in the text."""
    last: tuple[str, Row] = ("", {})

    def read(shape: int, text: str, name: str) -> int | float | str | None:
        nonlocal last
        if text is not last[0]:
            last = (text, decode(shapes[shape], text))
        return scalar(last[1].get(name))

    return read
