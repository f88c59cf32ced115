"""Runs read back in Python, as the spec says."""

from __future__ import annotations

import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import meticulous
from meticulous.errors import RunFolderError
from meticulous.experiments import ExperimentReader, Experiments, UnreadableRunWarning
from tests.asking_support import make_run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "experiments"
    make_run(
        directory, 2, {"lr": 0.1, "m": {"d": 1}}, {"loss": 2}, default_args={"lr": 1}, minute=1
    )
    make_run(directory, 1, {"lr": 0.2, "m": {"d": 2}}, {"loss": 1}, minute=2)
    make_run(directory, "base", {}, minute=3, status="ERROR", message="Traceback\nno")
    return tmp_path


def test_runs_are_found_by_id_and_come_in_start_order(project: Path) -> None:
    experiments = Experiments()

    assert 3 == len(experiments)
    assert [2, 1, "base"] == [run.expid for run in experiments]
    assert 0.2 == experiments[1].args["lr"] == experiments["1"].args["lr"]
    assert experiments[1] is experiments[1]
    assert 1 in experiments
    assert 3 not in experiments
    with pytest.raises(KeyError, match="there is no run 3 in "):
        experiments[3]


def test_a_reader_has_what_the_spec_says(project: Path) -> None:
    run = ExperimentReader("experiments/2")

    assert ("experiments/2", 2, "SUCCESS", "") == (
        run.curexpdir, run.expid, run.status, run.status_message,
    )  # fmt: skip
    assert ({"lr": 0.1, "m": {"d": 1}}, {"lr": 1}, {"loss": 2}) == (
        run.args, run.default_args, run.summary,
    )  # fmt: skip
    assert "970d8ad001f5d42a9ecaa5e3791765d65e02292a" == run.sha == run.metadata["githead-sha"]
    assert datetime(2026, 1, 5, 9, 1, tzinfo=timezone.utc) == run.start_time
    with run.open("args.json") as file:
        assert file.read().startswith("{")


def test_a_reader_can_be_refreshed(project: Path) -> None:
    folder = make_run(project / "experiments", 9, status="RUNNING")
    run = ExperimentReader(folder.path)
    before = (run.status, run.summary)
    folder.write_json("summary.json", {"loss": 3})
    folder.write_status("ERROR", "why")
    run.refresh_status()
    run.refresh_summary()

    assert ("RUNNING", {}) == before
    assert ("ERROR", "why", {"loss": 3}) == (run.status, run.status_message, run.summary)


def test_what_is_no_run_cannot_be_read(project: Path) -> None:
    with pytest.raises(RunFolderError, match="is not the folder of a run"):
        ExperimentReader(project)


def test_the_frame_has_two_levels_and_is_indexed_by_id(project: Path) -> None:
    frame = Experiments().as_dataframe()

    assert "expid" == frame.index.name
    assert [2, 1, "base"] == list(frame.index)
    assert ["header", "args", "default_args", "summary", "metadata"] == list(
        dict.fromkeys(frame.columns.get_level_values(0))
    )
    assert 0.1 == frame.loc[2, ("args", "lr")]
    assert {"d": 1} == frame.loc[2, ("args", "m")]
    assert "SUCCESS" == frame.loc[1, ("header", "status")]
    assert pd.Timestamp("2026-01-05T09:01Z") == frame.loc[2, ("header", "start_time")]
    assert "float64" == frame["summary", "loss"].dtype


def test_nested_values_become_columns(project: Path) -> None:
    frame = Experiments().as_dataframe(normalize_json_values=1)

    assert [1, 2] == list(frame["args", "m.d"])[:2]
    assert ("args", "m") not in frame


def test_the_flat_frame_has_the_names_of_ls(project: Path) -> None:
    frame = Experiments().as_dataframe(flat=True)

    assert [1] == list(frame.query("args_lr > 0.15 and summary_loss < 2").index)
    assert ["sha", "curexpdir", "start_time"] == list(frame.columns)[:3]


def test_a_subclass_decides_what_is_read(project: Path) -> None:
    class Better(ExperimentReader):
        def refresh_summary(self) -> None:
            super().refresh_summary()
            self.summary["score"] = -self.summary.get("loss", 0)

    experiments: Experiments[Better] = Experiments(reader=Better)

    assert isinstance(experiments[1], Better)
    assert [-2, -1, 0] == list(experiments.as_dataframe()["summary", "score"])


def test_new_runs_are_seen_after_a_refresh(project: Path) -> None:
    experiments: Experiments[Any] = Experiments()
    make_run(project / "experiments", 7)
    before = len(experiments)
    experiments.refresh_experiments()

    assert (3, 4) == (before, len(experiments))


def test_a_run_that_cannot_be_read_is_reported_and_skipped(project: Path) -> None:
    (project / "experiments" / "1" / "args.json").write_text("{")

    with pytest.warns(UnreadableRunWarning, match=r"1/args\.json"):
        experiments = Experiments()

    assert [2, "base"] == [run.expid for run in experiments]


def test_the_directories_are_found_as_on_the_command_line(project: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "other" / "runs", 5)

    assert [5] == [run.expid for run in Experiments(str(tmp_path / "other"), "runs")]
    assert [5] == [run.expid for run in Experiments("", str(tmp_path / "other" / "runs"))]
    with pytest.raises(RunFolderError, match="there is no experiments directory"):
        Experiments(str(tmp_path / "other"))


def test_no_runs_are_an_empty_frame(project: Path) -> None:
    (project / "empty").mkdir()
    experiments = Experiments("", str(project / "empty"))

    assert (0, 0) == (len(experiments), len(experiments.as_dataframe()))
    assert experiments._repr_html_()


def test_a_notebook_shows_tables_with_everything_escaped(project: Path) -> None:
    make_run(project / "experiments", 4, {"<b>": "<script>alert(1)</script>"})
    experiments = Experiments()

    for shown in (experiments._repr_html_(), experiments[4]._repr_html_()):
        assert "<script>" not in shown
        assert "&lt;script&gt;alert(1)" in shown
        assert "&lt;b&gt;" in shown


def test_the_names_are_public(project: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert Experiments is meticulous.Experiments
        assert ExperimentReader is meticulous.ExperimentReader
