"""Runs and names -> curves: the x axis, groups, labels, colours, axes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meticulous.plots import axes, labels
from meticulous.plots.axes import scale_of, ticks
from meticulous.plots.curves import Curves, Wanted, load
from meticulous.plots.curves import curves as curves_of
from meticulous.plots.picture import export, picture
from meticulous.plots.relations import column, heat
from meticulous.query.rows import Row, read_row
from tests.asking_support import FIRST, make_run

START = FIRST.timestamp() + 60
"""When the run 1 starts."""


def run(directory: Path, number: int, lines: list[dict[str, Any]], **args: Any) -> Row:
    folder = make_run(directory, number, args)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    Path(folder.file("metrics.jsonl")).write_text(text)
    row = read_row(folder)
    assert row is not None
    return {**row, "curexpdir": folder.path}


def curves(rows: list[Row], wanted: Wanted) -> Curves:
    return curves_of(rows, load(rows, wanted.names, wanted.x), wanted)


def loss(*values: Any, **more: Any) -> list[dict[str, Any]]:
    return [
        {"step": step, "time": START + step, "loss": v, **more} for step, v in enumerate(values)
    ]


def test_points_lie_at_their_steps_and_notes_tell_of_what_is_no_number(tmp_path: Path) -> None:
    found = curves([run(tmp_path, 1, loss(3, "NaN", 1))], Wanted(["loss"]))

    (curve,) = found.curves
    assert ("loss", [0, 1, 2]) == (curve.label, curve.x.tolist())
    assert [3.0, True, 1.0] == [curve.y[0], math.isnan(curve.y[1]), curve.y[2]]
    assert ["run 1: loss is NaN once at 1"] == found.notes


@pytest.mark.parametrize(
    ("x", "expected"),
    [("step", [0, 1, 2]), ("relative", [0, 1, 2]), ("time", [START, START + 1, START + 2])],
)
def test_what_lies_across(tmp_path: Path, x: str, expected: list[float]) -> None:
    (curve,) = curves([run(tmp_path, 1, loss(3, 2, 1))], Wanted(["loss"], x)).curves

    assert pytest.approx(expected) == curve.x.tolist()


def test_a_name_that_is_logged_on_lines_of_its_own_holds_from_its_step_on(tmp_path: Path) -> None:
    lines = [{"step": 1, "epoch": 1}, *loss(5, 4, 3, 2), {"step": 3, "epoch": 2}]

    (curve,) = curves([run(tmp_path, 1, lines)], Wanted(["loss"], "epoch")).curves

    assert ([1, 1, 2], [4, 3, 2]) == (curve.x.tolist(), curve.y.tolist())


def test_steps_that_go_back_are_drawn_from_left_to_right(tmp_path: Path) -> None:
    lines = [{"step": step, "loss": step * 10} for step in (5, 1, 3)]

    (curve,) = curves([run(tmp_path, 1, lines)], Wanted(["loss"])).curves

    assert [1, 3, 5] == curve.x.tolist()


def test_a_legend_names_only_what_differs(tmp_path: Path) -> None:
    rows = [run(tmp_path, n, loss(n), lr=0.1, seed=n, out=f"{n}\x1b[31m") for n in (1, 2)]

    found = curves(rows, Wanted(["loss"])).curves

    assert ["1  seed=1  out=1\\x1b[31m", "2  seed=2  out=2\\x1b[31m"] == [c.label for c in found]
    same = [dict(row, args_seed=0, args_out="") for row in rows]
    assert ["1", "2"] == [c.label for c in curves(same, Wanted(["loss"])).curves]


def test_groups_are_the_mean_and_deviation_over_seeds_with_their_number(tmp_path: Path) -> None:
    rows = [
        run(tmp_path, 1, loss(1, 2, 3), lr=0.1, seed=0),
        run(tmp_path, 2, loss(3, 4), lr=0.1, seed=1),
        run(tmp_path, 3, loss(9), lr=0.2, seed=0),
    ]

    first, second = curves(rows, Wanted(["loss"], groupby=("args",))).curves

    assert ("lr=0.1  (n=2)", "lr=0.2  (1 run)") == (first.label, second.label)
    assert [[2, 3, 3], [2, 2, 1]] == [first.y.tolist(), np.asarray(first.runs).tolist()]
    assert pytest.approx([math.sqrt(2), math.sqrt(2), 0]) == (first.high - first.y).tolist()


def test_runs_whose_steps_differ_are_joined_by_lines_in_a_group(tmp_path: Path) -> None:
    rows = [
        run(tmp_path, 1, [{"step": 0, "loss": 0}, {"step": 4, "loss": 4}], seed=0),
        run(tmp_path, 2, [{"step": 0, "loss": 0}, {"step": 2, "loss": 4}], seed=1),
    ]

    (curve,) = curves(rows, Wanted(["loss"], groupby=("args",))).curves

    assert ([0, 2, 4], [0, 3, 4], [2, 2, 1]) == (
        curve.x.tolist(), curve.y.tolist(), np.asarray(curve.runs).tolist(),
    )  # fmt: skip


def test_a_run_keeps_its_colour_whatever_is_drawn_beside_it() -> None:
    assert labels.slots([3, 7])[1] == labels.slots([5, 7])[1] == labels.slots([7])[0]
    assert 2 == len({*labels.slots([1, 11])})
    assert 30 == len(labels.slots(range(30)))


def test_on_a_logarithmic_axis_nothing_below_zero_is_drawn_and_that_is_said(tmp_path: Path) -> None:
    found = curves([run(tmp_path, 1, loss(100, 0, -1, 1))], Wanted(["loss"]))

    drawn = picture(found, 100, log_y=True)

    assert drawn is not None
    assert ([0, 3], (1, 100)) == (drawn.curves[0].x.tolist(), (drawn.y.low, drawn.y.high))
    assert ["loss: 2 points at or below zero cannot be on the logarithmic y axis"] == drawn.notes
    assert picture(curves([run(tmp_path, 2, loss(-1))], Wanted(["loss"])), 9, log_y=True) is None


def test_what_is_exported_is_what_is_drawn(tmp_path: Path) -> None:
    found = curves([run(tmp_path, 1, loss(*range(1000)))], Wanted(["loss"], smooth=0.5))
    drawn = picture(found, 20)
    assert drawn is not None

    count = export(str(tmp_path / "out.csv"), [drawn])

    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert "run,name,label,step,value" == lines[0]
    assert count == len(lines) - 1 == len(drawn.curves[0].x) + len(drawn.raw[0][0])  # type: ignore[index]
    assert f"1,loss,loss,{drawn.curves[0].x[3]},{drawn.curves[0].y[3]}" == lines[4]
    assert lines[-1] == "1,loss,loss (raw),999.0,999.0"


@pytest.mark.parametrize(
    ("low", "high", "options", "expected"),
    [
        (0, 10, {}, ["0", "2", "4", "6", "8", "10"]),
        (0.001, 0.0042, {}, ["0.001", "0.002", "0.003", "0.004"]),
        (0, 1_000_000, {}, ["0", "200k", "400k", "600k", "800k", "1M"]),
        (1e-5, 1, {"log": True}, ["1e-5", "0.0001", "0.001", "0.01", "0.1", "1"]),
        (0, 7200, {"kind": "relative"}, ["0", "30m", "1h00", "1h30", "2h00"]),
        (5, 5, {}, ["3", "4", "5", "6", "7"]),
        (-1e308, 1e308, {}, ["-1e308", "-5e307", "0", "5e307", "1e308"]),
    ],
)
def test_round_numbers_beside_an_axis(
    low: float, high: float, options: dict[str, Any], expected: list[str]
) -> None:
    assert expected == [tick.text for tick in ticks(scale_of(low, high, **options), 5)]


def test_any_two_ends_make_an_axis() -> None:
    for low, high in [(1e-300, 1e300), (-5e-324, 5e-324), (1, 1 + 1e-15), (-3, -2.9999)]:
        scale = scale_of(low, high)
        assert len(ticks(scale, 5)) <= 100
        assert (0, 1) == (scale.share(scale.low), scale.share(scale.high))
    assert axes.moment(0.0, 86400)


def test_columns_of_runs_as_axes() -> None:
    rows: list[Row] = [
        {"args_lr": 0.1, "args_opt": "sgd", "summary_loss": 2.0},
        {"args_lr": 0.0001, "args_opt": "adam", "summary_loss": 4},
        {"args_lr": 0.1, "args_opt": "sgd", "summary_loss": 3.0},
    ]

    assert column("args_lr", rows).scale.log
    words = column("args_opt", rows)
    assert (["adam", "sgd"], [1, 0, 1]) == (words.words, words.values)
    found = heat(rows, "args_lr", "args_opt", "summary_loss")
    assert (["0.0001", "0.1"], ["adam", "sgd"]) == (found.across, found.down)
    assert [[(4.0, 1), None], [None, (2.5, 2)]] == found.cells
    assert np.isfinite(column("args_lr", rows[:1]).scale.share(0.1))
