"""What a search may choose from: ``lr=log:1e-5..1e-1 depth=int:2..8 act=relu,tanh``."""

from __future__ import annotations

import re
from typing import NamedTuple

from meticulous.errors import UsageError
from meticulous.sweep.values import AXIS, DISTRIBUTION, axis, check_name, length

__all__ = ["Distribution", "distribution"]


class Distribution(NamedTuple):
    """What a search may choose from: numbers from `low` to `high`, or one of `choices`.

    `kind` is ``log``, ``int``, ``float``, ``logint`` or ``choice``.
    """

    kind: str
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    choices: tuple[str, ...] = ()


def distribution(word: str) -> tuple[str, Distribution]:
    """Read ``name=log:1e-5..1e-1``, ``name=int:2..8/2`` or ``name=relu,tanh`` for a search."""
    match = AXIS.fullmatch(word)
    if not match or "," in match[1]:
        raise UsageError(f"{word!r} is no NAME=SPACE", "Write it so: lr=log:1e-5..1e-1")
    name = match[1]
    check_name(name)
    found = DISTRIBUTION.fullmatch(match[2])
    if found:
        low, high = float(found[2]), float(found[3])
        step = float(found[4]) if found[4] else None
        if low >= high or ("log" in found[1] and low <= 0) or (step is not None and step <= 0):
            needs = " above zero" if "log" in found[1] else ""
            raise UsageError(f"{word} is empty", f"Write LOWEST..HIGHEST{needs}")
        return name, Distribution(found[1], low, high, step)
    if re.match(r"(log|int|float|logint|uniform):", match[2]):
        hint = "Write log:1e-5..1e-1, int:2..8, int:16..256/16, float:0..1 or logint:8..1024"
        raise UsageError(f"cannot understand {word}", hint)
    values = axis(word).values
    if length(values) > 10_000:
        raise UsageError(f"{name} has {length(values):,} choices", f"Write {name}=int:…..…")
    return name, Distribution("choice", choices=tuple(value[0] for value in values))
