"""Sweeps from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meticulous import Experiment, MeticulousError, Sweep
from tests.conftest import meticulous, runs_of
from tests.sweep.support import program, statuses

LOOP = """\
import sys
from meticulous import Experiment, Sweep
sweep = Sweep.open(1)
for args in sweep.points():
    with Experiment(args) as experiment:
        experiment.summary({"loss": args["lr"] * 2})
"""


@pytest.fixture
def project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repository)
    return program(repository)


def test_a_command_is_run_for_each_point(project: Path) -> None:
    sweep = Sweep(
        {"lr": [0.1, 0.2], "seed": range(2)}, [sys.executable, "train.py"], minimize="summary_loss"
    )

    found = sweep.run(jobs=2)

    assert (4, 4, 0) == (len(sweep), found.done, found.failed)
    assert found.best is not None
    assert 0.1 == found.best.value
    results = list(sweep.results())
    assert [(0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1)] == [
        (one.values["lr"], one.values["seed"]) for one in results
    ]
    assert all(one.run is not None and one.run.args["lr"] == one.values["lr"] for one in results)
    frame = sweep.as_dataframe()
    assert [0.1, 0.2, 0.2, 0.4] == list(frame["summary_loss"])
    assert {"SUCCESS"} == set(frame["status"])


def test_the_body_of_a_loop_is_a_point(project: Path) -> None:
    sweep = Sweep({"lr": [0.1, 0.2], "name": ["a,b", "it's"]}, minimize="summary_loss")

    seen = []
    for args in sweep.points():
        seen.append(args)
        with Experiment(args) as experiment:
            experiment.summary({"loss": args["lr"] * 2})

    assert [{"lr": lr, "name": name} for lr in (0.1, 0.2) for name in ("a,b", "it's")] == seen
    assert {"SUCCESS": 4} == dict(statuses(project))
    assert [1] * 4 == [run.read_metadata()["sweep"]["id"] for run in runs_of(project)]
    assert [0.2, 0.2, 0.4, 0.4] == [one.value for one in sweep.results()]
    listed = meticulous("ls", "--sweep", "1", "--columns", "expid", cwd=project).stdout.split()
    assert 5 == len(listed)


def test_a_loop_that_is_left_gives_its_point_back(project: Path) -> None:
    sweep = Sweep({"lr": [0.1, 0.2, 0.3]})
    for args in sweep.points():
        if args["lr"] == 0.2:
            break

    assert {"SUCCESS": 1, "STOPPED": 1} == dict(statuses(project))
    rest = [args["lr"] for args in Sweep.open(1).points()]
    assert [0.2, 0.3] == sorted(rest)
    assert {"SUCCESS": 3} == dict(statuses(project))


def test_an_experiment_that_fails_is_a_point_that_has_failed(project: Path) -> None:
    sweep = Sweep({"lr": [0.1, 0.2]})
    for args in sweep.points():
        with Experiment(args):
            1 / (args["lr"] - 0.1)

    assert {"SUCCESS": 1, "ERROR": 1} == dict(statuses(project))
    assert 1 == sweep.retry()
    assert [0.1] == [args["lr"] for args in sweep.points()]


def test_several_processes_share_the_points_of_a_loop(project: Path) -> None:
    program(project, LOOP)
    Sweep({"lr": list(range(1, 13))}, minimize="summary_loss")

    workers = [subprocess.Popen([sys.executable, "train.py"], cwd=project) for _ in range(3)]
    assert [0, 0, 0] == [worker.wait() for worker in workers]

    assert {"SUCCESS": 12} == dict(statuses(project))
    assert 12 == len(runs_of(project))
    assert {2.0 * n for n in range(1, 13)} == {one.value for one in Sweep.open(1).results()}


def test_what_is_wrong_is_an_error_of_ours_and_makes_nothing(project: Path) -> None:
    wrong: list[dict[str, Any]] = [{"lr": []}, {"lr": "1..x"}, {"lr": [[1]]}, {"l r": [1]}]
    for options in wrong:
        with pytest.raises(MeticulousError):
            Sweep(options, ["true"]) if options != {"lr": "1..x"} else Sweep(
                {"lr": "1...2"}, ["true"]
            )
    with pytest.raises(MeticulousError, match="no sweep"):
        Sweep.open(7)
    assert not (project / "sweeps").exists()


def test_a_sweep_of_a_loop_cannot_be_run_as_a_command(project: Path) -> None:
    sweep = Sweep({"lr": [1]})

    with pytest.raises(MeticulousError, match=r"points\(\)"):
        sweep.run()
    assert b"one of a loop" in meticulous("sweep", "resume", "1", cwd=project).stderr
