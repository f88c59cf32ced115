"""Fewer points for a picture: nothing that matters is lost; smoothing that knows of distances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.plots.points import kept, smoothed

VALUES = st.lists(st.floats(width=32), min_size=1, max_size=300)


@given(VALUES, st.integers(1, 40))
def test_the_lowest_the_highest_and_the_last_stay_as_do_those_that_are_no_numbers(
    values: list[float], buckets: int
) -> None:
    x, y = np.arange(len(values), dtype=float), np.array(values)

    places = kept(x, y, (0.0, max(x[-1], 1.0)), buckets)

    assert sorted(set(places.tolist())) == places.tolist()
    finite = y[np.isfinite(y)]
    drawn = y[places]
    if len(finite):
        assert (finite.min(), finite.max()) == (
            drawn[np.isfinite(drawn)].min(),
            drawn[np.isfinite(drawn)].max(),
        )
        assert finite[-1] in drawn.tolist()
    for kind in (np.isnan, np.isposinf, np.isneginf):
        assert kind(y).any() == kind(drawn).any()
    assert len(places) <= 6 * buckets


def test_a_spike_among_a_million_stays_in_its_part() -> None:
    x = np.arange(1_000_000, dtype=float)
    y = np.zeros(1_000_000)
    y[345_678], y[345_680] = 9.0, math.nan

    places = kept(x, y, (0.0, x[-1]), 100)

    assert {345_678, 345_680, 999_999} <= {*places.tolist()}
    assert len(places) <= 302


def test_parts_are_equal_on_a_logarithmic_axis() -> None:
    x = np.geomspace(1, 1e6, 10_000)

    places = kept(x, np.arange(10_000.0), (1.0, 1e6), 6, log=True)

    assert [0.0, 1.0] == [math.floor(math.log10(x[place]) + 1e-9) for place in places[[0, 2]]]


def test_smoothing_is_that_of_evenly_spaced_points() -> None:
    y = np.array([1.0, 3.0, 2.0, 5.0])
    mean, share, expected = 0.0, 0.0, []
    for value in y:
        mean, share = 0.9 * mean + 0.1 * value, 0.9 * share + 0.1
        expected.append(mean / share)

    assert pytest.approx(expected) == smoothed(np.arange(4.0), y, 0.9).tolist()


def test_smoothing_does_not_depend_on_how_many_points_stand_between() -> None:
    x = np.arange(0, 1000.0)
    rare = np.concatenate([x[:500], x[500::10]])
    line = lambda at: (at >= 500) * 1.0  # noqa: E731

    often, seldom = smoothed(x, line(x), 0.99), smoothed(rare, line(rare), 0.99)

    assert often[-10] == pytest.approx(seldom[-1], abs=0.02)


def test_what_is_no_number_stays_and_does_not_count() -> None:
    y = np.array([1.0, math.nan, 1.0, math.inf, 1.0])

    found = smoothed(np.arange(5.0), y, 0.5)

    assert [1.0, 1.0, 1.0] == pytest.approx(found[[0, 2, 4]].tolist())
    assert math.isnan(found[1])
    assert math.isinf(found[3])
