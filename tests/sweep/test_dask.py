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


class Cluster:
    """A scheduler of Dask with two workers, each a process."""

    def __init__(self, place: Path, *, has_nannies: bool) -> None:
        self._has_nannies = has_nannies  # which start a worker again that was killed
        self._log = place / "scheduler.log"
        self._place = place
        self._started: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def start(self) -> None:
        """Bring it up."""
        self._run("dask_scheduler", self._log, "--port", "0")
        wait_until(self._is_up, self._log.read_text())
        for number in range(2):
            words = [self.address, "--nthreads", "1", "--death-timeout", "20"]
            words += [] if self._has_nannies else ["--no-nanny"]
            self._run("dask_worker", self._place / f"worker{number}.log", *words)
        is_whole = lambda: self._log.read_text().count("Register worker") == 2  # noqa: E731
        wait_until(is_whole, self._log.read_text())

    def _run(self, program: str, log: Path, *words: str) -> None:
        line = [sys.executable, "-m", f"distributed.cli.{program}", *words]
        line += ["--no-dashboard", "--host", "127.0.0.1"]
        with log.open("wb") as file:
            self._started.append(subprocess.Popen(line, stdout=file, stderr=file, cwd=self._place))

    def _is_up(self) -> bool:
        found = re.search(r"Scheduler at:\s+(tcp://\S+)", self._log.read_text())
        self.address = found[1] if found else ""
        return bool(found)

    @property
    def scheduler_pid(self) -> int:
        """The process id of the scheduler."""
        return self._started[0].pid

    def stop(self) -> None:
        """Kill it, and whatever it has started."""
        for process in self._started:
            is_there = process.poll() is None
            children = psutil.Process(process.pid).children(recursive=True) if is_there else []
            process.kill()
            process.wait()
            for child in children:
                try:
                    child.kill()
                except psutil.NoSuchProcess:
                    pass


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster to be broken."""
    yield from _up(Cluster(tmp_path, has_nannies=True))


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster that is as it was when a test is over."""
    yield from _up(Cluster(tmp_path_factory.mktemp("dask"), has_nannies=False))


def _up(made: Cluster) -> Iterator[Cluster]:
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_workers_of_dask_do_all_points(project: Path, shared_cluster: Cluster) -> None:
    scheduler = shared_cluster.address
    done = sweep(project, "lr=0.1,0.2", "seed=0..4", "--dask", scheduler, *train())

    assert 0 == done.returncode, done.stderr
    assert {"SUCCESS": 10} == dict(statuses(project))
    assert 10 == len(runs_of(project))


def test_a_worker_of_dask_that_is_killed_loses_no_point(project: Path, cluster: Cluster) -> None:
    scheduler = cluster.address
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


def test_stopping_ends_the_runs_too(project: Path, shared_cluster: Cluster) -> None:
    scheduler = shared_cluster.address
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
    project: Path, cluster: Cluster
) -> None:
    flag = project.parent / "flag"
    address = cluster.address
    line = [*METICULOUS, "sweep", "seed=0..5", "--dask", address, *train("--wait", str(flag))]
    with subprocess.Popen(line, cwd=project, stderr=subprocess.PIPE) as started:
        wait_until(lambda: Path(f"{flag}.0").exists() and Path(f"{flag}.1").exists())
        os.kill(cluster.scheduler_pid, signal.SIGKILL)
        _, said = started.communicate(timeout=DEADLINE_S * 2)

    assert 0 != started.returncode
    assert b"Traceback" not in said
    assert b"does not answer" in said or b"resume 1" in said
    Path(f"{flag}.go").touch()
    wait_until(lambda: statuses(project)["HELD"] == 0)
    assert 0 == sweep(project, "resume", "1", "--local", "-j", "2").returncode
    assert {"SUCCESS": 6} == dict(statuses(project))
    assert {("SUCCESS",)} == {tuple(states) for states in runs_by_point(project).values()}
