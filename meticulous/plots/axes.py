"""The numbers beside an axis: where they stand, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

__all__ = ["Scale", "Tick", "moment", "number", "scale_of", "ticks"]

_SECONDS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200),
    *(86400 * days for days in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
_HOUR, _DAY = 3600, 86400


class Scale(NamedTuple):
    """One axis: its ends, and how values lie between them. ``kind`` is number, time or relative."""

    low: float
    high: float
    log: bool = False
    kind: str = "number"

    def share(self, value: float) -> float:
        """Return where `value` lies, from 0 at the low end to 1 at the high one."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (
                math.log(self.high) - math.log(self.low)
            )
        half = self.high / 2 - self.low / 2  # halves: the difference may be beyond floating point
        return (value / 2 - self.low / 2) / half


class Tick(NamedTuple):
    """A place on an axis, and its text."""

    value: float
    text: str


def scale_of(low: float, high: float, *, log: bool = False, kind: str = "number") -> Scale:
    """Return a scale from `low` to `high`; where they are the same, with some room around."""
    if low / 2 == high / 2:  # also where they are the smallest numbers that there are
        room = abs(low) / 2 or 0.5
        low, high = (low / 2, high * 2) if log else (low - room, high + room)
    return Scale(low, high, log, kind)


def ticks(scale: Scale, most: int) -> list[Tick]:
    """Return at most about `most` round places of `scale`, the lowest first."""
    if scale.kind == "relative":
        return _relative(scale, most)
    if scale.kind == "time":
        return _moments(scale, most)
    if scale.log and scale.high / scale.low > 5:
        return _powers(scale, most)
    step = _round_step(scale.high / max(most, 1) - scale.low / max(most, 1))
    return [Tick(value, number(value, step)) for value in _multiples(scale, step)]


def _round_step(rough: float) -> float:
    if not rough or not math.isfinite(rough):
        return max(rough, 1e-300)
    power = 10.0 ** math.floor(math.log10(rough))
    return next((power * part for part in (1, 2, 5) if power * part >= rough * 0.999), power * 10)


def _multiples(scale: Scale, step: float, start: float = 0.0) -> list[float]:
    first, last = math.ceil((scale.low - start) / step - 1e-9), (scale.high - start) / step + 1e-9
    if last - first > 100:
        return []
    return [start + step * count for count in range(first, math.floor(last) + 1)]


def _powers(scale: Scale, most: int) -> list[Tick]:
    first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    decades = last - first
    parts: tuple[float, ...] = (1, 2, 5) if decades * 3 <= most * 1.5 else (1,)
    every = max(1, math.ceil(decades / max(most, 1)))
    values = [part * 10.0**power for power in range(first, last + 1, every) for part in parts]
    return [Tick(one, number(one, one)) for one in values if scale.low <= one <= scale.high]


def _relative(scale: Scale, most: int) -> list[Tick]:
    rough = (scale.high - scale.low) / max(most, 1)
    if rough < 1:
        step = _round_step(rough)
    else:
        step = next((float(one) for one in _SECONDS if one >= rough), _round_step(rough))
    return [Tick(one, _length(one, step)) for one in _multiples(scale, step)]


def _length(seconds: float, step: float) -> str:
    if seconds == 0:
        return "0"
    if step >= _DAY:
        return f"{seconds / _DAY:g}d"
    if step >= _HOUR:
        return f"{seconds / _HOUR:g}h"
    if step >= 60 or (abs(seconds) >= 60 and seconds % 60 == 0):
        whole = round(seconds / 60)
        return f"{whole}m" if whole < 60 else f"{whole // 60}h{whole % 60:02d}"
    if abs(seconds) < 60:
        return f"{number(seconds, step)}s"
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}"


def _moments(scale: Scale, most: int) -> list[Tick]:
    rough = (scale.high - scale.low) / max(most, 1)
    step = float(next((one for one in _SECONDS if one >= rough), _SECONDS[-1]))
    start = datetime.fromtimestamp(scale.low)  # noqa: DTZ006 - the reader's clock
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    return [Tick(one, moment(one, step)) for one in _multiples(scale, step, midnight)]


def moment(seconds: float, step: float = 1) -> str:
    """Write an instant on the reader's clock, as exactly as `step` asks."""
    local = datetime.fromtimestamp(seconds)  # noqa: DTZ006 - the reader's clock
    if step >= _DAY or (step >= _HOUR and local.hour == 0 and local.minute == 0):
        return local.strftime("%m-%d")
    return local.strftime("%H:%M" if step >= 60 else "%H:%M:%S")


def number(value: float, step: float) -> str:
    """Write `value` as exactly as the distance `step` of two ticks asks: 0.25, 1500, 20k, 1e-05."""
    size = max(abs(value), abs(step))
    if abs(value) < abs(step) / 1e6:
        return "0"
    if size >= 1e15 or size < 1e-4:
        digits, _, power = f"{value:.{_digits(value, step)}e}".partition("e")
        return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}e{int(power)}"
    for unit, word in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= unit * (10 if word == "k" else 1):
            text = _fixed(value / unit, step / unit)
            return (text.rstrip("0").rstrip(".") if "." in text else text) + word
    return _fixed(value, step)


def _fixed(value: float, step: float) -> str:
    return f"{value:.{_places(step)}f}"


def _places(step: float) -> int:
    """Return how many decimal places tell two values apart that are `step` apart."""
    fits: Callable[[int], bool] = lambda count: abs(round(step, count) - step) < abs(step) / 100  # noqa: E731
    return next((count for count in range(12) if fits(count)), 12)


def _digits(value: float, step: float) -> int:
    if not value:
        return 0
    return max(0, math.floor(math.log10(abs(value))) - math.floor(math.log10(abs(step) * 1.001)))
