"""What a run has logged, read back: attempts, ranks, DataFrames."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from meticulous import ExperimentReader, Experiments
from meticulous.errors import RunFolderError
from meticulous.metrics import series


def write(run: Path, *lines: dict[str, Any]) -> str:
    run.mkdir(parents=True, exist_ok=True)
    with (run / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return str(run)


def attempts(run: Path) -> str:
    """Write three attempts: the second goes on from step 4, the third begins anew."""
    lines = [{"step": step, "loss": 100 + step} for step in range(8)]
    lines += [{"step": step, "attempt": 2, "loss": 200 + step} for step in range(4, 10)]
    lines += [{"step": 5, "epoch_loss": 1}, {"step": 2, "attempt": 2, "epoch_loss": 2}]
    lines += [{"step": step, "attempt": 3, "loss": 300 + step} for step in range(2)]
    return write(run, *lines)


def test_a_later_attempt_replaces_the_steps_that_it_repeats(tmp_path: Path) -> None:
    found = series.read(attempts(tmp_path / "1"))

    loss = found.points("loss")
    assert [*range(10)] == loss.step.tolist()
    assert [300, 301, 102, 103, *range(204, 210)] == loss.value.tolist()
    assert [3, 3, 1, 1, 2, 2, 2, 2, 2, 2] == loss.attempt.tolist()
    # Steps of one name say nothing of another's.
    assert [2, 5] == found.points("epoch_loss").step.tolist()


def test_every_attempt_is_there_to_be_asked_for(tmp_path: Path) -> None:
    found = series.read(attempts(tmp_path / "1"), every_attempt=True)

    assert 8 + 6 + 2 == len(found.points("loss").step)
    assert 18 == len(found)


def test_steps_between_those_of_a_later_attempt_are_replaced_too(tmp_path: Path) -> None:
    run = write(
        tmp_path / "1",
        *({"step": step, "x": 1} for step in (0, 10, 21, 30)),
        *({"step": step, "attempt": 2, "x": 2} for step in (15, 25)),
    )

    assert [0, 10, 15, 25, 30] == series.read(run).points("x").step.tolist()


def test_ranks_replace_only_their_own(tmp_path: Path) -> None:
    run = write(
        tmp_path / "1",
        {"step": 0, "x": 1},
        {"step": 0, "rank": 1, "x": 2},
        {"step": 0, "attempt": 2, "x": 3},
    )

    points = series.read(run).points("x")
    assert [(1, 2.0), (0, 3.0)] == list(zip(points.rank, points.value, strict=True))


def test_steps_of_one_attempt_that_repeat_or_go_back_stay(tmp_path: Path) -> None:
    run = write(tmp_path / "1", *({"step": step, "x": step} for step in (3, 3, 1, 2.5)))

    assert [3, 3, 1, 2.5] == series.read(run).points("x").step.tolist()


def test_a_line_of_several_names_loses_only_what_is_repeated(tmp_path: Path) -> None:
    run = write(
        tmp_path / "1",
        {"step": 0, "a": 1, "b": 2, "text": "x"},
        {"step": 1, "a": 1},
        {"step": 0, "attempt": 2, "a": 3},
        {"step": 1, "attempt": 2, "a": 4, "text": "y"},
    )

    found = series.read(run)
    assert [3, 4] == found.points("a").value.tolist()
    assert [2] == found.points("b").value.tolist()
    assert ["x", "y"] == list(found.points("text").texts.values())
    assert len(found) == 3


def test_without_metrics_it_is_empty(tmp_path: Path) -> None:
    found = series.read(str(tmp_path))

    assert 0 == len(found)
    assert [] == found.names


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").mkdir()

    with pytest.raises(RunFolderError, match=r"cannot read .*metrics\.jsonl: Is a directory"):
        series.read(str(tmp_path))


def test_a_last_line_without_an_end_counts_if_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"x": 1}\n{"x": 2}')
    assert 2 == len(series.read(str(tmp_path)))

    path.write_text('{"x": 1}\n{"x": 2')
    found = series.read(str(tmp_path))
    assert [1] == found.points("x").value.tolist()
    assert 0 == found.broken


def record(directory: Path, name: str, *lines: dict[str, Any]) -> None:
    write(directory / name, *lines)
    (directory / name / "STATUS").write_text("SUCCESS\n")
    start = f"2026-11-2{name}T10:00:00+00:00"
    (directory / name / "metadata.json").write_text(json.dumps({"start-time": start}))


def test_the_frame_of_a_run(tmp_path: Path) -> None:
    record(
        tmp_path,
        "1",
        {"step": 0, "time": 1764046331.5, "loss": 2, "note": "a"},
        {"step": 1, "time": 1764046332.25, "loss": "NaN"},
        {"step": 1, "time": 1764046333, "val": 3, "rank": 1},
    )
    reader = ExperimentReader(tmp_path / "1")

    frame = reader.metrics
    assert ["step", "time", "attempt", "rank", "loss", "note", "val"] == list(frame.columns)
    assert [0, 1, 1] == frame["step"].tolist()
    assert frame["step"].dtype == "int64"
    assert pd.Timestamp("2025-11-25T04:52:12.250Z") == frame["time"][1]
    assert [0, 0, 1] == frame["rank"].tolist()
    assert np.isnan(frame["loss"][1])
    assert 3 == frame["val"][2]
    assert "a" == frame["note"][0]
    assert ["step", "time", "attempt", "rank", "val"] == list(reader.read_metrics("val").columns)


def test_a_name_of_the_line_itself_is_no_second_column(tmp_path: Path) -> None:
    record(tmp_path, "1", {"step": 0.5, "time": 1e300, "attempt": {"time": 2}, "x": 1})

    frame = ExperimentReader(tmp_path / "1").metrics

    assert frame.columns.is_unique
    assert [0.5] == frame["step"].tolist()
    assert frame["time"].isna().all()


def test_the_long_frame_of_all_runs(tmp_path: Path) -> None:
    record(tmp_path, "2", {"step": 0, "loss": 5, "val": 1}, {"step": 1, "loss": 6})
    record(tmp_path, "1", {"step": 0, "loss": 3})
    record(tmp_path, "3")
    experiments = Experiments(experiments_directory=str(tmp_path))

    frame = experiments.metrics_dataframe()
    assert ["expid", "name", "step", "time", "attempt", "rank", "value"] == list(frame.columns)
    assert [(1, "loss", 3.0), (2, "loss", 5.0), (2, "loss", 6.0), (2, "val", 1.0)] == list(
        zip(frame["expid"], frame["name"], frame["value"], strict=True)
    )
    assert frame["value"].dtype == "float64"
    assert [2] == experiments.metrics_dataframe(["val"])["expid"].tolist()
    assert [] == experiments.metrics_dataframe("nothing")["value"].tolist()


def test_attempts_in_the_frames(tmp_path: Path) -> None:
    record(tmp_path, "1", {"step": 0, "x": 1}, {"step": 0, "x": 2, "attempt": 2})
    experiments = Experiments(experiments_directory=str(tmp_path))

    assert [2] == experiments[1].metrics["x"].tolist()
    assert [1, 2] == experiments[1].read_metrics(every_attempt=True)["x"].tolist()
    assert [2] == experiments.metrics_dataframe()["value"].tolist()
    assert [1, 2] == experiments.metrics_dataframe(every_attempt=True)["value"].tolist()


def test_a_dense_column(tmp_path: Path) -> None:
    found = series.read(write(tmp_path / "1", {"a": 1}, {"b": 2}, {"a": 3}))

    a = found.column("a")
    assert [1.0, 3.0] == [a[0], a[2]]
    assert math.isnan(a[1])
