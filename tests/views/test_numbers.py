"""Numbers of a column are rounded to what tells them apart, and aligned on the point."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.views import numbers

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.912345, 0.85321, 0.78], ["0.912", "0.853", "0.780"]),
        ([0.5, 0.25], ["0.50", "0.25"]),
        ([0.91201, 0.91202, 0.91203], ["0.91201", "0.91202", "0.91203"]),
        ([1234.5678, 0.00123], ["1235", "0.00123"]),
        ([1e-5, 3e-5], ["1e-05", "3e-05"]),
        ([3, 1200], ["3", "1200"]),
        ([0.1 + 0.2, 0.7, None], ["0.3", "0.7", ""]),
        ([NAN, 0.5, float("inf")], ["NaN", "0.5", "Infinity"]),
        ([0.0, 0.0], ["0", "0"]),
        ([float("nan"), float("nan"), 0.51234, 0.6], ["NaN", "NaN", "0.512", "0.600"]),
        ([10**400, 0.5], [str(10**400), "0.5"]),
        ([-0.912, 0.0, 2], ["-0.912", "0.000", "2"]),
        ([12345678.9, 22345678.9], ["1.23e+07", "2.23e+07"]),
    ],
)
def test_results_have_the_digits_that_tell_them_apart(values: list, shown: list[str]) -> None:
    assert shown == numbers.measured(values)


def test_what_somebody_chose_is_not_rounded_where_that_would_make_two_equal() -> None:
    assert ["0.1", "0.0003", "1e-05", "3"] == numbers.as_given([0.1, 3e-4, 1e-5, 3])
    assert ["0.1234567", "0.1234568"] == numbers.as_given([0.1234567, 0.1234568])


@given(st.lists(st.floats(allow_nan=False), min_size=2, max_size=8))
def test_exactly_asked_different_numbers_never_look_alike(values: list[float]) -> None:
    texts = numbers.measured(values, 17, 1.0)

    assert len({*values}) == len({*texts}) or {0.0, -0.0} <= {*values}


def test_points_stand_below_each_other() -> None:
    aligned = numbers.on_the_point(["0.1", "-10", "0.0003", "1e-05", "", "12.5"])

    assert ["0.1   ", "-10     ", "0.0003", "1e-05 ", "", "12.5   "] == aligned


@pytest.mark.parametrize(
    ("first", "other", "said"),
    [
        (0.5, 0.52, "+4.0 %"),
        (0.5, 0.49, "-2.0 %"),
        (0.5, 0.5, ""),
        (0.01, 0.5, "×50"),
        (-1.0, 1.0, "+200 %"),
        (0, 3, ""),
        (3, True, ""),
        (0.5, 0.50001, "+0.002 %"),
        ("a", "b", ""),
        (1, float("inf"), ""),
        (5e-324, 1.0, ""),
        (10**400, 1, ""),
        (1e-308, 1e300, ""),
    ],
)
def test_a_change_is_said_in_percent_or_as_a_factor(first, other, said: str) -> None:
    assert said == numbers.change(first, other)
