"""Going on with an earlier experiment, or with none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from meticulous import Experiment
from meticulous.errors import RunFolderError
from meticulous.experiment import MismatchedArgsException, MismatchedCommitException
from meticulous.runfolder import RunFolder
from tests.conftest import runs_of
from tests.experiment_support import commit_all, start_script


@pytest.fixture
def project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean repository that is the current directory."""
    monkeypatch.chdir(repository)
    return repository


def record(args: dict[str, object], text: str = "first", **options: object) -> str:
    """Record an experiment that prints `text`, and return its id."""
    with Experiment(args, **options) as experiment:  # type: ignore[arg-type]
        print(text)
    assert experiment.id is not None
    return experiment.id


def test_resume_goes_on_with_the_same_arguments_and_sha(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "1" == record({"lr": float("nan"), "path": Path("x")})
    assert "2" == record({"lr": 2})
    assert "1" == record({"path": Path("x"), "lr": float("nan")}, "second", resume=True)
    assert "first\nsecond\n" == Path("experiments/1/stdout").read_text()


def test_resume_starts_a_new_one_where_there_is_none(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "1" == record({"lr": 1}, resume=True)
    assert "2" == record({"lr": 2}, resume=True)
    (project / "train.py").write_text("new code")
    commit_all(project)
    assert "3" == record({"lr": 1}, resume=True)
    assert "mine" == record({"lr": 1}, resume=True, experiment_id="mine")


def test_the_newest_that_fits_is_resumed(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        record({})
    assert "3" == record({}, resume=True)


def test_other_arguments_than_those_of_the_given_id_are_named(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record({"lr": 1, "old": 1})
    with pytest.raises(MismatchedArgsException) as mismatch:
        record({"lr": 2, "new": 1}, resume=True, experiment_id=1)
    assert str(mismatch.value).startswith(
        "experiment 1 was recorded with other arguments: "
        "lr was 1 and is 2; old was 1 and is not given; new is 1 and was not given. "
    )
    assert "first\n" == Path("experiments/1/stdout").read_text()


def test_another_commit_than_that_of_the_given_id_is_named(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record({})
    before = RunFolder("experiments/1").read_metadata()["githead-sha"]
    commit_all(project)
    with pytest.raises(MismatchedCommitException, match=before[:7]):
        record({}, resume=True, experiment_id="1")


def test_each_attempt_is_kept_with_its_times_and_status(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record({}, description="why", tags=["a"])
    first = RunFolder("experiments/1").read_metadata()
    with Experiment({}, resume=True):
        raise ValueError("again")
    second = RunFolder("experiments/1").read_metadata()
    record({}, resume=True, tags=["b"])
    third = RunFolder("experiments/1").read_metadata()
    assert first["timestamp"] == second["timestamp"] == third["timestamp"]
    assert ["SUCCESS", "ERROR"] == [one["status"] for one in third["attempts"]]
    for attempt, metadata in zip(third["attempts"], (first, second), strict=True):
        assert metadata["start-time"] == attempt["start-time"]
        assert metadata["end-time"] == attempt["end-time"]
        assert metadata["reason"] == attempt["reason"]
    assert ("why", ["a", "b"], None) == (third["description"], third["tags"], third["reason"])
    assert third["start-time"] > second["end-time"]
    assert "SUCCESS" == RunFolder("experiments/1").read_status()[0]


def test_the_timeline_of_a_resumed_run_goes_on(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record({})
    record({}, "second", resume=True)
    lines = [line.split() for line in Path("experiments/1/timeline").read_text().splitlines()]
    assert [["stdout", "0", "6"], ["stdout", "6", "7"]] == [line[1:] for line in lines]
    assert float(lines[0][0]) < float(lines[1][0])


def test_a_running_experiment_is_not_resumed(repository: Path) -> None:
    code = """
        import sys
        from meticulous import Experiment
        with Experiment({}, resume=True, experiment_id=sys.argv[1] if sys.argv[1:] else None):
            print("up", flush=True)
            sys.stdin.readline()
    """
    running = start_script(repository, code)
    assert running.stdout is not None
    assert b"up\n" == running.stdout.readline()
    try:
        words = [*running.args, "1"]  # type: ignore[misc]
        same = subprocess.run(words, cwd=repository, capture_output=True, check=False, input=b"")
        assert b"experiment 1 is running" in same.stderr
        other = subprocess.run(
            words[:-1], cwd=repository, capture_output=True, check=False, input=b""
        )
        assert 0 == other.returncode
        assert ["1", "2"] == [run.id for run in runs_of(repository)]
    finally:
        running.kill()
        running.communicate()


def test_a_lost_experiment_is_resumed(repository: Path) -> None:
    code = """
        import os
        from meticulous import Experiment
        experiment = Experiment({}, resume=True)
        print("try")
        if not experiment.metadata["attempts"]:
            os._exit(1)
    """
    for expected in (1, 0):
        started = start_script(repository, code) if expected else None
        if started is not None:
            started.communicate()
            assert expected == started.returncode
            words = started.args
    done = subprocess.run(words, cwd=repository, capture_output=True, check=False)  # type: ignore[arg-type]
    assert 0 == done.returncode
    (run,) = runs_of(repository)
    assert "try\ntry\n" == Path(run.file("stdout")).read_text()
    assert ["RUNNING"] == [one["status"] for one in run.read_metadata()["attempts"]]
    assert "SUCCESS" == run.read_status()[0]


def test_what_cannot_be_read_is_not_resumed(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record({})
    Path("experiments/1/metadata.json").write_text("{")
    assert "2" == record({}, resume=True)
    with pytest.raises(RunFolderError, match="cannot read"):
        record({}, resume=True, experiment_id="1")
