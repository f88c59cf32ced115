"""Groups of runs: what is counted, what is averaged, and in which order groups come."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest

from meticulous.query.aggregate import but_seeds, group, sort


def test_numbers_are_averaged_and_the_rest_counted() -> None:
    rows: list[dict[str, Any]] = [
        {"args_k": 1, "summary_x": 1, "status": "SUCCESS", "args_amp": True},
        {"args_k": 1, "summary_x": 4.5, "status": None, "args_amp": False},
        {"args_k": 1, "summary_x": math.nan, "status": "ERROR"},
    ]

    columns, (only,), _ = group(rows, ["args_k"], ["args_k", "summary_x", "status", "args_amp"])

    assert [
        "args_k", "runs", "summary_x_mean", "summary_x_std", "status_count", "args_amp_count",
    ] == columns  # fmt: skip
    assert {
        "args_k": 1,
        "runs": 3,
        "summary_x_mean": 2.75,
        "summary_x_std": pytest.approx(statistics.stdev([1, 4.5])),
        "summary_x_count": 2,
        "status_count": 2,
        "args_amp_count": 2,
    } == only


def test_one_run_has_no_deviation_and_none_no_mean() -> None:
    _, rows, _ = group([{"a": 1, "x": 5}, {"a": 2, "x": None}], ["a"], ["x"])

    assert [(5, None), (None, None)] == [(row["x_mean"], row["x_std"]) for row in rows]


def test_runs_without_a_value_are_groups_too_and_come_last() -> None:
    values = ["b", 2, None, "a", 1.5, math.nan, [1], True]

    _, rows, _ = group([{"x": value} for value in values] + [{}], ["x"], [])

    # True is the number 1; not a number is no value.
    expected = [(True, 1), (1.5, 1), (2, 1), ("a", 1), ("b", 1), ([1], 1), (None, 3)]
    assert expected == [(row.get("x"), row["runs"]) for row in rows]


def test_a_column_of_mixed_values_is_counted() -> None:
    columns, (row,), _ = group([{"x": 1}, {"x": "a"}], [], ["x"])

    assert (["runs", "x_count"], 2) == (columns, row["x_count"])


def test_infinities_have_a_mean() -> None:
    _, (row,), _ = group([{"x": math.inf}, {"x": -math.inf}, {"x": 1e308}], [], ["x"])

    assert math.isnan(row["x_mean"])


def test_arguments_but_seeds() -> None:
    names = ["status", "args_lr", "args_seed", "args_data_seed", "args_seeds", "summary_seed"]

    assert ["args_lr", "args_data_seed", "args_seeds"] == but_seeds(names, ["seed"])
    assert ["args_lr", "args_seeds"] == but_seeds(names, ["*seed"])


@pytest.mark.parametrize(
    ("largest_first", "expected"),
    [(True, ["b", "a", 2, 2, 1, None, math.nan]), (False, [1, 2, 2, "a", "b", None, math.nan])],
)
def test_missing_values_come_last_either_way(largest_first, expected) -> None:
    rows: list[dict[str, Any]] = [
        {"x": value, "n": n} for n, value in enumerate([2, None, "a", 1, math.nan, 2, "b"])
    ]

    ordered = sort(rows, ["x"], largest_first=largest_first)

    assert repr(expected) == repr([row["x"] for row in ordered])
    assert [0, 5] == [row["n"] for row in ordered if row["x"] == 2]


COLLIDING = {
    "a result called as the deviation of another": (["acc", "acc_std"], []),
    "as its mean": (["reward", "reward_mean"], []),
    "as its mean, the other way round": (["reward_mean", "reward"], []),
    "both": (["a", "a_mean", "a_std", "a_count", "a_mean_mean"], []),
    "a key called as the count of a text": (["gpu"], ["gpu_count"]),
    "a key called as the mean of a number": (["lr"], ["lr_mean"]),
    "a key called as the deviation": (["lr"], ["lr_std"]),
    "a key called as the count of a number": (["lr"], ["lr_count"]),
}


@pytest.mark.parametrize("kind", COLLIDING)
def test_each_column_keeps_its_own_whatever_it_is_called(kind: str) -> None:
    numbers, by = COLLIDING[kind]
    rows: list[dict[str, Any]] = [
        {
            **{
                name: "A100" if name == "gpu" else 10.0 * place + run
                for place, name in enumerate(numbers)
            },
            **dict.fromkeys(by, 4 + run // 2),
        }
        for run in range(4)
    ]

    found = group(rows, by, numbers)

    assert len(set(found.columns)) == len(found.columns)
    for name in by:
        assert [row[name] for row in found.rows] == [4, 5]
    for place, name in enumerate(numbers):
        if name == "gpu":
            continue
        runs = 4 if not by else 2
        means = [row[found.spreads[name].mean] for row in found.rows]
        wanted = [10.0 * place + (2 * half + 0.5 if by else 1.5) for half in range(len(means))]
        assert means == wanted
        assert {row[found.spreads[name].runs] for row in found.rows} == {runs}


def test_what_is_equal_deviates_by_nothing() -> None:
    rows: list[dict[str, Any]] = [{"a": 1, "x": 0.45118836390597361} for _ in range(3)]

    _, (only,), _ = group(rows, ["a"], ["a", "x"])

    assert (0.45118836390597361, 0.0) == (only["x_mean"], only["x_std"])
