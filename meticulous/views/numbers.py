"""Numbers of one column -> texts: rounded to what tells them apart, aligned on the point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from meticulous.query.rows import is_missing
from meticulous.views import text

__all__ = ["as_given", "change", "measured", "on_the_point"]

_FEWEST, _MOST = 3, 6
"""Digits of a measured number."""
_EXACT = 17
"""Digits after which no two floating point numbers are the same."""
_TELLING = 0.9
"""Rounding may make so few of many different numbers equal."""
_WIDE = 1e4
"""Where the largest is so many times the smallest, each number has digits of its own."""
_PLAIN = (1e-3, 1e7)
"""Magnitudes that are written without an exponent."""
_LARGEST = 1e308
_MANY_TIMES = 10


def as_given(values: Sequence[Any]) -> list[str]:
    """Return numbers that somebody chose: six digits, more only where two would look alike."""
    for digits in (_MOST, 9, 12, _EXACT):
        texts = [_short(value, digits) for value in values]
        if _are_told_apart(values, texts, 1.0):
            break
    return texts


def measured(values: Sequence[Any], most: int = _MOST, share: float = _TELLING) -> list[str]:
    """Return numbers that came out: as many digits, three to `most`, as tell them apart.

    With `most` of 17 and a `share` of 1 different numbers never look alike.
    """
    finite = [value for value in values if isinstance(value, float) and math.isfinite(value)]
    sizes = [abs(value) for value in finite if value]
    if not sizes:
        return [_short(value, _MOST) for value in values]
    smallest, largest = min(sizes), max(sizes)
    is_plain = largest / smallest < _WIDE and _PLAIN[0] <= largest < _PLAIN[1]
    for digits in range(_FEWEST, most + 1):
        if is_plain:
            places = max(digits - 1 - _exponent(largest), digits - 2 - _exponent(smallest), 0)
            places = min(places, max(_places(value, most) for value in finite))
            texts = [_fixed(value, places) for value in values]
        else:
            texts = [_short(value, digits) for value in values]
        if _are_told_apart(values, texts, share):
            break
    return texts


def on_the_point(texts: Sequence[str]) -> list[str]:
    """Put spaces behind `texts`, so that their points stand below each other in a column on the right."""
    behind = [_behind_point(one) for one in texts]
    longest = max(behind, default=0)
    return [
        one + " " * (longest - size) if one else one
        for one, size in zip(texts, behind, strict=True)
    ]


def change(first: Any, other: Any) -> str:
    """Say how far a number is from the first: ``+3.1 %``, ``×12``; empty where that says nothing."""
    if isinstance(first, bool) or isinstance(other, bool) or first == other:
        return ""
    if not all(isinstance(one, (int, float)) and abs(one) < _LARGEST for one in (first, other)):
        return ""
    if not first or not math.isfinite(other / first):
        return ""
    if other / first >= _MANY_TIMES:
        return f"×{other / first:.3g}"
    percent = 100 * (other - first) / abs(first)
    if abs(percent) < 0.1:
        return f"{percent:+.1g} %"
    return f"{percent:+.0f} %" if abs(percent) >= 100 else f"{percent:+.1f} %"


def _short(value: Any, digits: int) -> str:
    if isinstance(value, float) and math.isfinite(value):
        if value and abs(value) < _PLAIN[1]:
            digits = max(digits, _exponent(abs(value)) + 1)  # 1235, not 1.23e+03
        return f"{value:.{digits}g}"
    return text.short(value)


def _fixed(value: Any, places: int) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.{places}f}"
    return text.short(value)


def _are_told_apart(values: Sequence[Any], texts: Sequence[str], share: float) -> bool:
    told = {
        value: written
        for value, written in zip(values, texts, strict=True)
        if not is_missing(value)
    }
    return len({*told.values()}) >= share * len(told)


def _exponent(size: float) -> int:
    return math.floor(math.log10(size))


def _places(value: float, digits: int) -> int:
    """Return how many places behind the point `value` needs, of so many digits."""
    written = f"{value:.{digits}g}" if digits < _EXACT else repr(value)
    if "e" in written:
        return max(digits - 1 - _exponent(abs(value)), 0) if value else 0
    return len(written.partition(".")[2])


def _behind_point(written: str) -> int:
    """Count the characters from the point on; of ``1e-05`` and ``12 (3)`` those behind the first digits."""
    whole = written.lstrip("+-")
    digits = len(whole) - len(whole.lstrip("0123456789"))
    return len(whole) - digits
