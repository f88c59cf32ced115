"""What a table of runs shows first, what it folds, and what it leaves out."""

from __future__ import annotations

import pytest

from meticulous.query.importance import is_constant, opened, weigh
from meticulous.query.rows import Row


def test_what_never_differs_is_folded_and_types_are_told_apart() -> None:
    rows: list[Row] = [
        {"args_a": 1, "args_b": 1, "args_c": 1, "args_d": None},
        {"args_a": 1, "args_b": True, "args_d": None},
        {"expid": "died before it had arguments"},
    ]

    weighed = weigh(rows, ["expid", "args_a", "args_b", "args_c", "args_d"])

    (program,) = weighed.programs
    assert {"args_a": 1, "args_d": None} == program.constant
    assert ["expid", "args_b", "args_c"] == weighed.names


def test_an_argument_that_only_some_runs_have_is_a_difference() -> None:
    rows: list[Row] = [{"args_lr": 0.1, "args_only": 1}, {"args_lr": 0.1}]

    weighed = weigh(rows, ["args_lr", "args_only", "args_of_nobody", "summary_loss"])

    assert {"args_lr": 0.1} == weighed.programs[0].constant
    assert ["args_only", "summary_loss"] == weighed.names


def test_the_options_of_a_subcommand_are_no_difference_to_the_runs_of_another() -> None:
    rows: list[Row] = [
        {"args_command": "fit", "args_fit.epochs": 3, "args_fit.lr": 0.1},
        {"args_command": "fit", "args_fit.epochs": 3, "args_fit.lr": 0.2},
        {"args_command": "test", "args_test.split": "all"},
    ]
    names = ["args_command", "args_fit.epochs", "args_fit.lr", "args_test.split"]

    weighed = weigh(rows, names)

    assert {"args_fit.epochs": 3, "args_test.split": "all"} == weighed.programs[0].constant
    assert ["args_command", "args_fit.lr"] == weighed.names


def test_arguments_are_folded_program_by_program() -> None:
    rows: list[Row] = [
        {"program": "a.py", "args_epochs": 1, "args_lr": 0.1},
        {"program": "a.py", "args_epochs": 1, "args_lr": 0.2},
        {"program": "b.py", "args_epochs": 9, "args_depth": 2},
        {"program": "b.py", "args_epochs": 9, "args_depth": 3},
    ]

    weighed = weigh(rows, ["expid", "program", "args_epochs", "args_lr", "args_depth"])

    assert [("a.py", {"args_epochs": 1}), ("b.py", {"args_epochs": 9})] == [
        (one.name, one.constant) for one in weighed.programs
    ]
    assert ["expid", "program", "args_lr", "args_depth"] == weighed.names


@pytest.mark.parametrize("count", [2, 3, 8])
def test_arguments_come_before_results_and_both_before_times(count: int) -> None:
    rows: list[Row] = [
        {
            "expid": number,
            "status": "ERROR" if number else "SUCCESS",
            "start_time": "t",
            "duration": number,
            **{f"args_a{place}": number for place in range(count)},
            **{f"summary_r{place}": number for place in range(count)},
        }
        for number in range(5)
    ]
    names = list(rows[0])

    weighed = weigh(rows, names)

    left_last = sorted(weighed.names, key=weighed.ranks.__getitem__)
    arguments = [f"args_a{place}" for place in range(min(count, 4))]
    assert {"expid", "status"} == {*left_last[:2]}
    assert [*arguments, "summary_r0", "summary_r1"] == left_last[2 : len(arguments) + 4]
    assert ["duration", "start_time"] == left_last[-2:]


def test_a_seed_and_a_path_for_each_run_stand_behind_what_was_varied() -> None:
    rows: list[Row] = [
        {"args_seed": number, "args_out": f"runs/{number}", "args_lr": number / 10, "args_k": 1 + number % 2}
        for number in range(6)
    ]  # fmt: skip

    weighed = weigh(rows, list(rows[0]))

    by_rank = sorted(weighed.names, key=weighed.ranks.__getitem__)
    assert ["args_lr", "args_k", "args_seed", "args_out"] == by_rank


def test_no_program_of_several_is_left_out_for_another() -> None:
    rows: list[Row] = [
        {"program": name, f"args_{name}{place}": number, f"summary_{name}{place}": number}
        for name in "ab"
        for number in range(2)
        for place in range(1)
    ]

    weighed = weigh(rows, ["args_a0", "args_b0", "summary_a0", "summary_b0"])

    by_rank = sorted(weighed.names, key=weighed.ranks.__getitem__)
    assert ["args_a0", "args_b0", "summary_a0", "summary_b0"] == by_rank


def test_the_keys_of_groups_come_first_and_stay() -> None:
    rows: list[Row] = [{"args_k": k, "args_b": k, "runs": 1, "summary_x": k} for k in (1, 2)]

    weighed = weigh(rows, ["args_k", "args_b", "runs", "summary_x"], keys=["args_b", "args_k"])

    assert ["args_b", "args_k", "runs", "summary_x"] == weighed.names
    assert [0, 0, 0] == [weighed.ranks[name] for name in ("args_b", "args_k", "runs")]


def test_nested_values_are_opened_however_deep() -> None:
    rows: list[Row] = [
        {"args_fit": {"lr": 0.1, "to": {"be": 1}}, "metadata_x": {"y": 1}},
        {"args_fit": {}, "args_k": 2},
    ]

    flat, names = opened(rows, ["args_fit", "args_k", "metadata_x"])

    assert ["args_fit.lr", "args_fit.to.be", "args_fit", "args_k", "metadata_x"] == names
    assert {"args_fit.lr": 0.1, "args_fit.to.be": 1, "metadata_x": {"y": 1}} == flat[0]
    assert opened(flat[1:], ["args_k"]) == (flat[1:], ["args_k"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 1], True),
        ([1, 1.0], False),
        ([1, True], False),
        ([[1], [1]], True),
        ([{"a": 1}, {"a": 2}], False),
        ([float("nan"), float("nan")], True),
        ([None, None], True),
        ([None, float("nan")], False),
        ([], True),
    ],
)
def test_values_are_constant_where_type_and_value_are_one(values: list, expected: bool) -> None:
    assert expected is is_constant(values)
