"""The value that a sweep is about, read from what its runs have logged and summarised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meticulous.runfolder import SUCCESS, RunFolder
from meticulous.sweep.objective import columns, history, metric_of, value_of

LINES = [
    {"step": 0, "time": 1.0, "loss": 0.9, "text": "no number"},
    {"step": 1, "time": 2.0, "loss": 0.2, "loss_max": 7},
    {"step": 2, "time": 3.0, "loss": "NaN"},
    {"step": 3, "time": 4.0, "loss": 0.5, "accuracy": 1},
]


def run_with(directory: Path, *lines: object, name: str = "1") -> RunFolder:
    """Make a run that has logged `lines`; half a line at the end is being written."""
    run = RunFolder(str(directory / name))
    Path(run.path).mkdir()
    run.write_json("metadata.json", {"command": ["true"], "timestamp": "2026-01-01T00:00:00+00:00"})
    run.write_status(SUCCESS)
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    Path(run.file("metrics.jsonl")).write_text(f'{text}{{"step": 9, "lo')
    return run


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("metrics_loss", 0.5),
        ("metrics_loss_last", 0.5),
        ("metrics_loss_min", 0.2),
        ("metrics_loss_min_step", 1),
        ("metrics_loss_max", 7),  # its own name, which the program has logged
        ("metrics_accuracy_max", 1),
        ("metrics_text", None),
        ("metrics_nothing_min", None),
    ],
)
def test_a_column_of_metrics_is_that_of_ls(tmp_path: Path, column: str, value: object) -> None:
    assert value == value_of(run_with(tmp_path, *LINES), column)


def test_a_series_behind_the_first_thousand_has_a_value_too(tmp_path: Path) -> None:
    many = {f"name{number}": number for number in range(1200)}
    run = run_with(tmp_path, {"step": 0, **many}, {"step": 1, **dict.fromkeys(many, -1)})

    assert -1 == value_of(run, "metrics_name1199")
    assert 1199 == value_of(run, "metrics_name1199_max")


def test_of_several_attempts_and_ranks_the_last_and_the_lowest_count(tmp_path: Path) -> None:
    run = run_with(
        tmp_path,
        {"step": 0, "rank": 1, "loss": -5.0},
        {"step": 0, "loss": 3.0},
        {"step": 1, "loss": 0.1},
        {"step": 1, "attempt": 2, "loss": 2.0},
        {"step": 2, "attempt": 2, "loss": 1.0},
    )

    assert 1.0 == value_of(run, "metrics_loss_min") == value_of(run, "metrics_loss")
    assert [(0, 3.0), (1, 2.0), (2, 1.0)] == history(run, "loss")


def test_a_pruner_sees_steps_that_count_and_values_that_are_numbers(tmp_path: Path) -> None:
    without = ({"loss": 3.0}, {"loss": "text"}, {"loss": 2.0})
    odd = ({"step": -1, "loss": 1.0}, {"step": 0.5, "loss": 1.0}, {"step": 4, "loss": True})

    assert [(0, 0.9), (1, 0.2), (3, 0.5)] == history(run_with(tmp_path, *LINES), "loss")
    assert [(0, 3.0), (2, 2.0)] == history(run_with(tmp_path, *without, name="2"), "loss")
    assert [(4, 1.0)] == history(run_with(tmp_path, *odd, name="3"), "loss")
    assert [] == history(RunFolder(str(tmp_path / "none")), "loss")


def test_what_a_run_has_instead_is_listed(tmp_path: Path) -> None:
    run = run_with(tmp_path, *LINES)
    run.write_json("summary.json", {"loss": 0.5})

    assert ["summary_loss", "metrics_text", "metrics_accuracy"] == columns(run)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("summary_val_loss", "val_loss"),
        ("metrics_val_loss", "val_loss"),
        ("metrics_val_loss_min", "val_loss"),
        ("summary_loss_min", "loss_min"),
    ],
)
def test_a_pruner_looks_at_the_series_of_the_objective(column: str, name: str) -> None:
    assert name == metric_of(column)
