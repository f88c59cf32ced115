"""Some numbers -> a line of bars, one character each."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_NOT_A_NUMBER = "×"


def sparkline(numbers: Sequence[float]) -> str:
    """Draw `numbers` from the lowest to the highest of them; ``×`` is NaN, an infinity an end."""
    finite = [number for number in numbers if math.isfinite(number)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join(_bar(number, low, high) for number in numbers)


def _bar(number: float, low: float, high: float) -> str:
    if math.isnan(number):
        return _NOT_A_NUMBER
    if math.isinf(number):
        return _BARS[-1] if number > 0 else _BARS[0]
    if high == low:
        return _BARS[len(_BARS) // 2]
    share = number / 2 - low / 2  # halves, because the difference may be beyond floating point
    return _BARS[min(int(share / (high / 2 - low / 2) * len(_BARS)), len(_BARS) - 1)]
