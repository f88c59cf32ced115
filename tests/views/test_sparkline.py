"""Lines of bars, and the values that they are drawn from."""

from __future__ import annotations

import math

import pytest

from meticulous.metrics.overview import curve
from meticulous.views.sparkline import sparkline


@pytest.mark.parametrize(
    ("numbers", "drawn"),
    [
        (range(8), "▁▂▃▄▅▆▇█"),
        ([3, 1, 2], "█▁▅"),
        ([5, 5], "▅▅"),
        ([], ""),
        ([math.nan, 1, 2], "×▁█"),
        ([math.nan], "×"),
        ([-math.inf, 1, 2, math.inf], "▁▁██"),
        ([-1.7e308, 0, 1.7e308], "▁▅█"),
    ],
)
def test_numbers_are_bars(numbers: list[float], drawn: str) -> None:
    assert drawn == sparkline(numbers)


def test_a_curve_keeps_spikes_and_what_is_no_number() -> None:
    numbers = [1.0] * 1000
    numbers[333], numbers[777] = 100.0, math.nan

    found = curve(numbers, 24)
    assert 24 == len(found)
    assert 1 == found.count(100.0)
    assert 1 == sum(map(math.isnan, found))


def test_a_short_curve_is_all_of_it() -> None:
    assert [1, 2, 3] == curve([1, 2, 3], 24)


def test_a_curve_of_huge_numbers() -> None:
    assert [1e308] * 24 == curve([1e308] * 100, 24)
