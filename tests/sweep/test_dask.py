"""Workers on a real Dask: a scheduler and workers as processes, one killed in the midst."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import DEADLINE_S, runs_of, wait_until
from tests.launch_support import METICULOUS
from tests.sweep.support import folder_of, program, runs_by_point, statuses, sweep, train


@pytest.fixture
def project(repository: Path) -> Path:
    return program(repository)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """Return the address of a scheduler with two workers."""
    words = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--port",
        "0",
        "--no-dashboard",
    ]
    words += ["--host", "127.0.0.1"]
    log = tmp_path / "scheduler.log"
    started = []
    try:
        with log.open("wb") as file:
            started.append(subprocess.Popen(words, stdout=file, stderr=file, cwd=tmp_path))
        wait_until(
            lambda: re.search(r"Scheduler at:\s+(tcp://\S+)", log.read_text()), log.read_text()
        )
        found = re.search(r"Scheduler at:\s+(tcp://\S+)", log.read_text())
        assert found
        for number in range(2):
            line = [
                sys.executable,
                "-m",
                "distributed.cli.dask_worker",
                found[1],
                "--nthreads",
                "1",
            ]
            line += ["--no-dashboard", "--death-timeout", "20", "--host", "127.0.0.1"]
            with (tmp_path / f"worker{number}.log").open("wb") as file:
                started.append(subprocess.Popen(line, stdout=file, stderr=file, cwd=tmp_path))
        wait_until(lambda: log.read_text().count("Register worker") == 2, log.read_text())
        yield found[1]
    finally:
        for process in started:
            children = (
                psutil.Process(process.pid).children(recursive=True)
                if process.poll() is None
                else []
            )
            process.kill()
            process.wait()
            for child in children:
                try:
                    child.kill()
                except psutil.NoSuchProcess:
                    pass


def test_workers_of_dask_do_all_points(project: Path, scheduler: str) -> None:
    done = sweep(project, "lr=0.1,0.2", "seed=0..4", "--dask", scheduler, *train())

    assert 0 == done.returncode, done.stderr
    assert {"SUCCESS": 10} == dict(statuses(project))
    assert 10 == len(runs_of(project))


def test_a_worker_of_dask_that_is_killed_loses_no_point(project: Path, scheduler: str) -> None:
    flag = project.parent / "flag"
    line = [*METICULOUS, "sweep", "seed=0..5", "--dask", scheduler, *train("--wait", str(flag))]
    with subprocess.Popen(line, cwd=project, stderr=subprocess.PIPE) as started:
        wait_until(lambda: Path(f"{flag}.0").exists() and Path(f"{flag}.1").exists())
        victim = _dask_worker_of(project)
        os.kill(victim, signal.SIGKILL)
        Path(f"{flag}.go").touch()
        _, said = started.communicate(timeout=DEADLINE_S * 2)

    assert 0 == started.returncode, said
    assert {"SUCCESS": 6} == dict(statuses(project))
    assert {("SUCCESS",)} == {tuple(states) for states in runs_by_point(project).values()}


def _dask_worker_of(project: Path) -> int:
    """Return the process of Dask in which one of the workers was started."""
    paths = sorted(Path(folder_of(project).file("workers")).glob("*.jsonl"))
    return psutil.Process(int(paths[0].name.split("-")[-2])).ppid()


def test_a_cluster_of_our_own(project: Path) -> None:
    done = sweep(project, "seed=0..3", "--dask", "local", "-j", "2", *train())

    assert 0 == done.returncode, done.stderr
    assert {"SUCCESS": 4} == dict(statuses(project))


def test_stopping_ends_the_runs_too(project: Path, scheduler: str) -> None:
    flag = project.parent / "flag"
    line = [*METICULOUS, "sweep", "seed=0..5", "--dask", scheduler, *train("--wait", str(flag))]
    with subprocess.Popen(line, cwd=project, stderr=subprocess.PIPE) as started:
        wait_until(lambda: Path(f"{flag}.0").exists() and Path(f"{flag}.1").exists())
        children = [run.read_metadata()["child-pid"] for run in _begun(project)]
        sweep(project, "stop", "1", "--now")
        started.communicate(timeout=DEADLINE_S)

    assert {"STOPPED": 2} == dict(statuses(project))
    for child in children:
        wait_until(lambda child=child: not os.path.exists(f"/proc/{child}"))


def _begun(project: Path):
    wait_until(lambda: all(run.read_metadata().get("child-pid") for run in runs_of(project)))
    return runs_of(project)


def test_a_scheduler_that_is_not_there_is_named(project: Path) -> None:
    done = sweep(project, "seed=0", "--dask", "tcp://127.0.0.1:1", *train())

    assert b"no Dask scheduler answers at tcp://127.0.0.1:1" in done.stderr
    assert b"Traceback" not in done.stderr
    assert 0 == sweep(project, "resume", "1", "--local", "-j", "1").returncode


def test_a_scheduler_that_dies_in_the_midst_is_named_and_nothing_is_lost(
    project: Path, scheduler: str
) -> None:
    flag = project.parent / "flag"
    line = [*METICULOUS, "sweep", "seed=0..5", "--dask", scheduler, *train("--wait", str(flag))]
    with subprocess.Popen(line, cwd=project, stderr=subprocess.PIPE) as started:
        wait_until(lambda: Path(f"{flag}.0").exists() and Path(f"{flag}.1").exists())
        port = int(scheduler.rpartition(":")[2])
        owners = [
            one.pid for one in psutil.net_connections("tcp") if one.laddr and one.laddr.port == port
        ]
        (victim,) = {pid for pid in owners if pid and "dask_scheduler" in _line_of(pid)}
        os.kill(victim, signal.SIGKILL)
        _, said = started.communicate(timeout=DEADLINE_S * 2)

    assert 0 != started.returncode
    assert b"Traceback" not in said
    assert b"does not answer" in said or b"resume 1" in said
    Path(f"{flag}.go").touch()
    wait_until(lambda: statuses(project)["HELD"] == 0)
    assert 0 == sweep(project, "resume", "1", "--local", "-j", "2").returncode
    assert {"SUCCESS": 6} == dict(statuses(project))
    assert {("SUCCESS",)} == {tuple(states) for states in runs_by_point(project).values()}


def _line_of(pid: int) -> str:
    return " ".join(psutil.Process(pid).cmdline())
