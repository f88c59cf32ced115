"""Are two values the same: exactly, or as near as was allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from meticulous.base.namedtuple import NamedTuple

__all__ = ["Difference", "Tolerance", "leaves", "line_is_near"]

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w])")


class Tolerance(NamedTuple):
    """How far two numbers may be apart: ``|a - b| <= atol + rtol * max(|a|, |b|)``."""

    rtol: float = 0.0
    atol: float = 0.0

    def compare(self, one: Any, other: Any) -> str:
        """Say how two JSON values are: ``same``, ``near`` or ``different``. NaN is NaN.

        1 and 1.0 are the same; true and 1 are not.
        """
        if isinstance(one, bool) or isinstance(other, bool) or not _are_numbers(one, other):
            is_same = type(one) is type(other) and one == other
            return "same" if is_same else "different"
        if one == other or (one != one and other != other):  # noqa: PLR0124, NaN
            return "same"
        try:
            if math.isfinite(one) and math.isfinite(other):
                largest = max(abs(one), abs(other))
                if abs(one - other) <= self.atol + self.rtol * largest:
                    return "near"
        except OverflowError:
            pass  # an integer that no float holds
        return "different"


class Difference(NamedTuple):
    """One thing that two runs do not have in common.

    `section` is ``status``, ``exit code``, ``reason``, ``summary``, ``metrics``, ``stdout``,
    ``stderr`` or ``files``; `name` which value or line of it; `one` and `other` are the two values,
    None where a run has none; `is_near` where it is within the tolerance. `excerpt` is where two
    long lines differ, as they are compared.
    """

    section: str
    name: str
    one: Any
    other: Any
    is_near: bool = False
    note: str = ""
    excerpt: tuple[str, str] | None = None


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Open nested values up: ``{"a": {"b": [1]}}`` -> ``("a.b.0", 1)``."""
    if isinstance(value, Mapping) and (value or not name):
        for key, item in value.items():
            yield from leaves(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from leaves(item, f"{name}.{place}" if name else str(place))
    else:
        yield name, value


def line_is_near(one: str, other: str, tolerance: Tolerance) -> bool:
    """Return whether two lines differ only in numbers, and these no more than is allowed."""
    if _NUMBER.split(one) != _NUMBER.split(other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(tolerance.compare(float(a), float(b)) != "different" for a, b in pairs)


def _are_numbers(one: Any, other: Any) -> bool:
    return isinstance(one, (int, float)) and isinstance(other, (int, float))
