"""SQLite and pandas give the same rows in the same order; DataFrames have the types they should."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meticulous.query import frames
from meticulous.query import question as asking
from meticulous.query.cache.index import Index
from meticulous.query.question import Question
from meticulous.query.rows import Row

NUMBERS = st.one_of(
    st.integers(-3, 3), st.floats(-3, 3).map(lambda x: round(x, 1)), st.just(math.nan)
)
TEXTS = st.sampled_from(["", "a", "b", "B", "ab", "ä", "1"])
COLUMNS = {
    "args_n": st.one_of(st.none(), NUMBERS),
    "args_m": NUMBERS,
    "args_t": st.one_of(st.none(), TEXTS),
    "args_b": st.booleans(),
    "default_args_n": st.one_of(st.none(), NUMBERS),
    "metadata_x-y": TEXTS,
}


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    found = []
    for expid in range(draw(st.integers(0, 12))):
        row: Row = {"expid": expid, "start_time": f"2026-01-01T00:00:{expid:02d}.000000+00:00"}
        for name, values in COLUMNS.items():
            if draw(st.booleans()) or name in ("args_m", "args_b"):
                row[name] = draw(values)
        found.append(row)
    return found


def comparisons() -> st.SearchStrategy[str]:
    numeric = st.sampled_from(["args_n", "args_m", "args_b", "default_args_n"])
    textual = st.sampled_from(["args_t", "`metadata_x-y`"])
    sign = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    number = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, -1.5])).map(repr)
    text = TEXTS.map(repr)
    return st.one_of(
        st.builds("{} {} {}".format, numeric, sign, number),
        st.builds("{} {} {}".format, number, sign, numeric),
        st.builds("{} {} {}".format, numeric, sign, numeric),
        st.builds("{} {} {}".format, textual, sign, text),
        st.builds(
            "{} {} [{}, {}]".format, numeric, st.sampled_from(["in", "not in"]), number, number
        ),
        st.builds("{} {} [{}]".format, textual, st.sampled_from(["in", "not in"]), text),
    )


FILTERS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
    ),
    max_leaves=5,
)
SORTED = st.lists(st.sampled_from(sorted(COLUMNS)), max_size=2, unique=True)


@settings(max_examples=300)
@given(rows(), FILTERS, SORTED, st.booleans(), st.one_of(st.none(), st.integers(0, 5)))
def test_sqlite_and_pandas_give_the_same_rows_in_the_same_order(
    made: list[Row], text: str, order: list[str], smallest_first: bool, tail: int | None
) -> None:
    index = Index.of_rows(made, "experiments")
    for row in made:
        for name in COLUMNS:
            row.setdefault(name, None)
    names = index.names()
    frame = _frame(made)

    question = Question(filter=text, sort=tuple(order), smallest_first=smallest_first, tail=tail)
    if not {name for name in order if name not in names} and not _names_in(text) - set(names):
        ours = [row["expid"] for row in asking.answer(index, question).rows]
        theirs = frame.query(text, engine="python") if len(frame) else frame
        for name in reversed(order):
            theirs = theirs.sort_values(
                name, ascending=smallest_first, kind="stable", na_position="last"
            )
        if tail is not None:
            theirs = theirs.tail(tail)

        assert list(theirs["expid"]) == ours


def _names_in(text: str) -> set[str]:
    return {name for name in COLUMNS if name in text.replace("default_args_n", "") or name in text}


def _frame(made: list[Row]) -> pd.DataFrame:
    numeric = ("args_n", "args_m", "default_args_n")
    return pd.DataFrame(
        {
            name: pd.Series(
                [row[name] for row in made],
                dtype="float64" if name in numeric else None,
            )
            for name in ("expid", *COLUMNS)
        }
    )


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.5, math.nan, math.inf]),
    st.sampled_from(["", "a", "1"]), st.just([1]), st.just({"a": 1}),
)  # fmt: skip
ANY_FILTER = st.builds(
    "args_x {} {}".format,
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.one_of(st.integers(-2, 2), st.sampled_from(["a", "", "1", 0.5])).map(repr),
)


@settings(max_examples=200)
@given(st.lists(VALUES, max_size=8), ANY_FILTER, st.booleans())
def test_a_column_without_a_place_of_its_own_gives_the_same_answer(
    values: list[Any], text: str, largest_first: bool
) -> None:
    made: list[Row] = [
        {"expid": n, "start_time": None, "args_x": value, "metadata_x": value}
        for n, value in enumerate(values)
    ]
    made.append({"expid": 99, "start_time": None, "args_x": None, "metadata_x": None})
    index = Index.of_rows(made, "experiments")

    answers = [
        [
            row["expid"]
            for row in asking.answer(
                index,
                Question(
                    filter=text.replace("args_", prefix),
                    sort=(prefix + "x",),
                    smallest_first=not largest_first,
                ),
            ).rows
        ]
        for prefix in ("args_", "metadata_")
    ]

    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "int64"),
        ([1, None], "float64"),
        ([1, 2.5], "float64"),
        ([True, False], "bool"),
        ([1, "a"], "object"),
        ([{"a": 1}, None], "object"),
        ([True, 1], "object"),
    ],
)
def test_columns_have_the_narrowest_type(values: list[Any], dtype: str) -> None:
    assert dtype == str(frames.series(values).dtype)


def test_times_are_instants() -> None:
    rows = [{"start_time": "2026-01-01T00:00:00.000001+00:00"}, {}]

    frame = frames.flat_frame(rows, ["start_time"])

    assert pd.Timestamp("2026-01-01T00:00:00.000001Z") == frame["start_time"][0]
    assert frame["start_time"].isna()[1]
