"""Tables fit in the terminal, stay aligned, and pass nothing on that a terminal would obey."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.base.text import harmless
from meticulous.base.units import format_duration
from meticulous.query.aggregate import Spread
from meticulous.views import listing, text
from meticulous.views.listing import Style
from meticulous.views.spread import with_spreads
from meticulous.views.table import Column, draw


def test_groups_stand_above_their_names() -> None:
    columns = [
        Column("expid", ["1", "10"]),
        Column("k", ["3", "4"], right=True, group="args_"),
        Column("loss", ["0.5", ""], right=True, group="summary_"),
    ]

    assert [
        "       args_  summary_",
        "expid      k      loss",
        "1          3       0.5",
        "10         4",
    ] == draw(columns).lines


def test_what_does_not_fit_is_cut_and_then_left_out() -> None:
    columns = [
        Column("expid", ["1"]),
        Column("path", ["/a/very/long/path"], group="args_", flexible=True, rank=2),
        Column("loss", ["0.123"], group="summary_", rank=1),
    ]

    assert "1      /a/very…  0.123" == draw(columns, 25).lines[-1]
    assert (["1      0.123"], ["args_path"]) == (
        draw(columns, 20).lines[-1:],
        draw(columns, 20).left_out,
    )


@given(
    st.lists(st.text(max_size=30).map(harmless), min_size=1, max_size=4),
    st.integers(10, 60),
)
def test_no_line_is_wider_than_the_limit(cells: list[str], limit: int) -> None:
    columns = [
        Column("id", ["1"] * len(cells)),
        Column("a", cells, flexible=True, rank=1, group="args_"),
        Column("b", cells[::-1], flexible=True, rank=2),
    ]

    assert all(text.width(line) <= limit for line in draw(columns, limit).lines)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "True"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "1e-07"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (10**20, str(10**20)),
        ("a\x1b[31mb\n", "a\\x1b[31mb\\n"),
        ([1, {"a": "ä\x07"}], '[1, {"a": "ä\\u0007"}]'),
        ("\udce9", "\\udce9"),
    ],
)
def test_values_are_shown_short_and_harmless(value: object, shown: str) -> None:
    assert shown == text.short(value)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "40ms"),
        (0.4, "0.4s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (3599.7, "1h00m"),
        (86399.9, "1d00h"),
        (100000, "1d03h"),
    ],
)
def test_durations_are_for_people(seconds: float, shown: str) -> None:
    assert shown == format_duration(seconds)


def test_only_arguments_that_are_not_the_default_are_shown() -> None:
    rows: list[dict[str, Any]] = [
        {"expid": 1, "args_a": 1, "default_args_a": 1, "args_b": 2, "default_args_b": 2},
        {"expid": 2, "args_a": 5, "default_args_a": 1, "args_b": 2, "default_args_b": 2},
    ]

    style = Style(arguments="non-default")
    shown = listing.for_people(rows, ["expid", "args_a", "args_b"], style, 80)

    assert ["       args_", "expid      a", "    1", "    2      5"] == shown.lines


@pytest.mark.parametrize(
    ("mean", "deviation", "count", "shown"),
    [
        (0.912345, 0.00312, 3, "0.9123 ± 0.0031 (3)"),
        (1234.5, 56.7, 3, "1234 ± 57 (3)"),
        (1.5, 0.0, 2, "1.5 ± 0 (2)"),
        (0.5, None, 1, "0.5 (1)"),
        (1e-12, 2e-13, 3, "1e-12 ± 2e-13 (3)"),
    ],
)
def test_mean_and_deviation_are_shown_to_the_same_place(mean, deviation, count, shown) -> None:
    row = {"x_mean": mean, "x_std": deviation, "x_count": count}

    ((merged,), names) = with_spreads(
        [row], ["x_mean", "x_std"], {"x": Spread("x_mean", "x_std", "x_count")}
    )

    assert (["x"], shown) == (names, merged["x"])
