"""Search: Optuna asks, workers run, any of them may die."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import optuna
import pytest

from meticulous.sweep import claims
from meticulous.sweep.search import Search
from meticulous.sweep.state import SUCCESS, Outcome
from tests.conftest import runs_of, wait_until
from tests.launch_support import METICULOUS, kill_session
from tests.sweep.support import arguments, folder_of, program, state_of, statuses, sweep, train

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

PROGRAM = """\
import argparse, os, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--depth", type=int)
parser.add_argument("--act")
parser.add_argument("--wait", default="")
args = parser.parse_args()
while args.wait and not os.path.exists(args.wait):
    time.sleep(0.01)
import meticulous
meticulous.summary({"loss": (args.lr - 0.01) ** 2 + args.depth})
"""
PRUNED = """\
import argparse, time
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
args = parser.parse_args()
import meticulous
for step in range(200 if args.x > 0.5 else 3):
    meticulous.log({"loss": args.x}, step=step)
    if step >= 2:
        time.sleep(0.05)
meticulous.summary({"loss": args.x})
"""
SPACE = ("lr=log:1e-5..1e-1", "depth=int:2..8", "act=relu,tanh")
OPTUNA = ("--search", "optuna", "--minimize", "summary_loss")


@pytest.fixture
def project(repository: Path) -> Path:
    return program(repository, PROGRAM)


def trials_of(project: Path) -> list[optuna.trial.FrozenTrial]:
    return Search(folder_of(project)).study.get_trials()


def test_three_workers_try_distinct_points_and_tell_what_came_out(project: Path) -> None:
    done = sweep(project, *SPACE, *OPTUNA, "--trials", "12", "-j", "3", "--seed", "1", *train())

    assert 0 == done.returncode, done.stderr
    assert {"SUCCESS": 12} == dict(statuses(project))
    found = trials_of(project)
    assert {"COMPLETE": 12} == dict(Counter(one.state.name for one in found))
    assert 12 == len({tuple(one.params.items()) for one in found})
    told = {(one["lr"], one["depth"]) for one in arguments(project)}
    assert {(one.params["lr"], one.params["depth"]) for one in found} == told
    shown = sweep(project, "show", "1").stdout.decode()
    assert "best so far, by trial:" in shown
    assert "what matters:" in shown
    best = min(one.value for one in found)
    assert f"{best:.6g}" in shown


def test_one_worker_with_a_seed_tries_the_same_again(project: Path) -> None:
    for number in (1, 2):
        sweep(project, *SPACE, *OPTUNA, "--trials", "4", "--seed", "3", *train())
        assert {"SUCCESS": 4} == dict(statuses(project, number))

    one, other = (
        [r.values for r in map(state_of(project, n).outcome, state_of(project, n).claimed)]
        for n in (1, 2)
    )
    assert sorted(map(str, one)) == sorted(map(str, other))


def test_all_killed_and_resumed_each_trial_is_told_once(project: Path) -> None:
    flag = project.parent / "flag"
    words = [
        *SPACE,
        *OPTUNA,
        "--trials",
        "9",
        "-j",
        "3",
        "--seed",
        "1",
        *train("--wait", str(flag)),
    ]
    started = subprocess.Popen(
        [*METICULOUS, "sweep", *words],
        cwd=project,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: len(runs_of(project)) == 3)
    for path in Path(folder_of(project).file("workers")).glob("*.jsonl"):
        kill_session(int(path.name.split("-")[-2]))
    kill_session(started.pid)
    started.wait()
    flag.touch()
    children = [run.read_metadata().get("child-pid") for run in runs_of(project)]
    for child in children:  # those without a recorder end on their own, now that they may go on
        wait_until(lambda child=child: not child or not os.path.exists(f"/proc/{child}"))

    assert 0 == sweep(project, "resume", "1").returncode

    assert {"SUCCESS": 9} == dict(statuses(project))
    found = trials_of(project)
    assert {"COMPLETE": 9, "FAIL": 3} == dict(Counter(one.state.name for one in found))
    complete = {tuple(one.params.items()) for one in found if one.state.name == "COMPLETE"}
    assert 9 == len(complete)
    lost = {tuple(one.params.items()) for one in found if one.state.name == "FAIL"}
    assert lost <= complete  # what was lost is tried again
    again = [key for key, tries in state_of(project).claimed.items() if tries > 1]
    assert 3 == len(again)
    for key in again:
        first, last = (claims.details(folder_of(project), key, number) for number in (1, 2))
        assert first["values"] == last["values"]


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "qmc"])
def test_points_that_workers_give_back_at_once_keep_their_values(
    repository: Path, sampler: str
) -> None:
    """In whatever order their values are asked for: no worker gets those of another."""
    program(repository, PROGRAM)
    space = ("lr=1e-4,1e-3,1e-2", "depth=4", "act=relu,tanh")
    more = ("--sampler", sampler, "--trials", "6", "--seed", "1")
    sweep(repository, *space, *OPTUNA, *more, "--fail-fast", *train("--bad"))
    folder = folder_of(repository)
    points = folder.points()[1:]  # the first one has failed, and stopped the rest
    dead, living = Search(folder), [Search(folder) for _ in points]
    asked, told = [], []
    for point in points:
        trial = dead.trial(point, {}, is_given_back=False)
        asked.append(trial.ask())
        told.append({"trial": trial.number})

    trials = [
        search.trial(point, before, is_given_back=True)
        for search, point, before in zip(living, points, told, strict=True)
    ]
    found = [trial.ask() for trial in reversed(trials)]

    assert asked == found[::-1]
    late = Outcome(points[0].key, 1, SUCCESS, value=1.0)
    assert late == dead.tell(told[0]["trial"], late)  # it was taken for dead, and is too late
    for trial, point in zip(trials, points, strict=True):
        trial.tell(Outcome(point.key, 2, SUCCESS, value=0.5))
    states = Counter(one.state.name for one in dead.study.get_trials())
    assert {"COMPLETE": 5, "FAIL": 6} == dict(states)


def test_a_run_that_cannot_win_is_ended_and_tagged(repository: Path) -> None:
    program(repository, PRUNED)
    words = ["x=0.1,0.2,0.3,0.4,0.9", *OPTUNA, "--trials", "5", "--sampler", "grid", "--seed", "3"]
    pruner = "median(n_startup_trials=1, n_warmup_steps=1)"

    done = sweep(repository, *words, "--pruner", pruner, *train())

    assert 0 == done.returncode, done.stderr
    assert {"PRUNED": 1} == {k: n for k, n in statuses(repository).items() if k != "SUCCESS"}
    tags = {tuple(run.read_metadata()["tags"]): run for run in runs_of(repository)}
    run = tags["PRUNED",]
    assert 0.9 == run.read_json("args.json")["x"]
    assert "SIGTERM" == run.read_metadata()["signal"]
    assert "PRUNED" in {one.state.name for one in trials_of(repository)}
    assert "5 of 5 done, 1 pruned" in sweep(repository, "show", "1").stdout.decode()


def test_a_run_without_the_objective_says_what_it_has(project: Path) -> None:
    words = [*SPACE, "--search", "optuna", "--maximize", "summary_accuracy", "--trials", "1"]

    done = sweep(project, *words, *train())

    assert b"no number summary_accuracy (it has summary_loss)" in done.stderr
    assert {"ERROR": 1} == dict(statuses(project))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([*SPACE, *OPTUNA], "needs --trials"),
        ([*SPACE, "--search", "optuna", "--trials", "3"], "needs --trials"),
        ([*SPACE, *OPTUNA, "--trials", "3", "--sampler", "nothing"], "no sampler 'nothing'"),
        ([*SPACE, *OPTUNA, "--trials", "3", "--sampler", "tpe(n=1)"], "refuses"),
        ([*SPACE, *OPTUNA, "--trials", "3", "--sampler", "tpe(open('x'))"], "options of"),
        ([*SPACE, *OPTUNA, "--trials", "3", "--pruner", "nothing"], "no pruner 'nothing'"),
        ([*SPACE, *OPTUNA, "--trials", "3", "--sampler", "grid"], "lists of values"),
        ([*SPACE, *OPTUNA, "--trials", "3", "--only", "lr > 1"], "has no --only"),
        (["lr=log:0..1", *OPTUNA, "--trials", "3"], "is empty"),
        (["lr=log:1..x", *OPTUNA, "--trials", "3"], "cannot understand"),
        (list(SPACE), "for a search"),
    ],
)
def test_what_a_search_refuses_is_named(project: Path, words: list[str], what: str) -> None:
    done = sweep(project, *words, *train())

    assert what in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert 2 == done.returncode
    assert not (project / "sweeps").exists()


def test_trials_can_be_added(project: Path) -> None:
    sweep(project, *SPACE, *OPTUNA, "--trials", "2", *train())

    assert b"3 new points; 5 in all" in sweep(project, "add", "1", "--trials", "3").stderr
    assert 0 == sweep(project, "resume", "1").returncode
    assert {"COMPLETE": 5} == dict(Counter(one.state.name for one in trials_of(project)))
