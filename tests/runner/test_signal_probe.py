"""In a job of a scheduler a signal reaches the command once, whoever it was sent to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import only_run, runs_of, wait_until

COUNTING = """
import signal, time
def count(number, frame):
    print(signal.Signals(number).name, flush=True)
for name in ("SIGUSR1", "SIGUSR2", "SIGTERM", "SIGTSTP", "SIGCONT"):
    signal.signal(getattr(signal, name), count)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


@pytest.fixture
def recorder(repository: Path) -> Iterator[psutil.Process]:
    """A recorder in a job, whose command counts signals; and its canary is up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "meticulous", "run", sys.executable, "-c", COUNTING],
        cwd=repository,
        env={**os.environ, "SLURM_JOB_ID": "1"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = psutil.Process(process.pid)
    wait_until(lambda: printed(repository) == ["ready"])
    wait_until(lambda: len(found.children()) == 2)
    (canary,) = [child for child in found.children() if "prctl" in " ".join(child.cmdline())]
    wait_until(lambda: not canary.open_files() and canary.num_fds() == 1)  # it has closed the rest
    yield found
    for child in found.children(recursive=True) if process.poll() is None else []:
        child.kill()
    process.wait(30)


def printed(repository: Path) -> list[str]:
    """Return the words that the command has printed."""
    runs = runs_of(repository)
    path = Path(runs[0].file("stdout")) if runs else None
    return path.read_text().split() if path and path.exists() else []


def test_a_signal_to_all_processes_is_not_passed_on_again(
    repository: Path, recorder: psutil.Process
) -> None:
    for number in (signal.SIGUSR1, signal.SIGTERM):
        for process in [recorder, *recorder.children(recursive=True)]:
            process.send_signal(number)
    status = Path(f"/proc/{recorder.pid}/status")
    wait_until(lambda: "ShdPnd:\t0000000000000000" in status.read_text())  # it has taken them
    recorder.send_signal(signal.SIGUSR2)
    wait_until(lambda: "SIGUSR2" in printed(repository))
    assert sorted(printed(repository)) == ["SIGTERM", "SIGUSR1", "SIGUSR2", "ready"]


def test_a_job_that_is_suspended_is_stopped_and_continued_once(
    repository: Path, recorder: psutil.Process
) -> None:
    """As Slurm does it: TSTP to all, STOP a second later, CONT to all."""
    processes = [recorder, *recorder.children(recursive=True)]
    for number, name in (
        (signal.SIGTSTP, "SIGTSTP"),
        (signal.SIGSTOP, ""),
        (signal.SIGCONT, "SIGCONT"),
    ):
        for process in processes:
            process.send_signal(number)
        wait_until(lambda name=name: not name or name in printed(repository))
    recorder.send_signal(signal.SIGUSR1)
    wait_until(lambda: "SIGUSR1" in printed(repository))
    assert printed(repository) == ["ready", "SIGTSTP", "SIGCONT", "SIGUSR1"]


def test_a_signal_to_the_recorder_alone_is_passed_on_each_time(
    repository: Path, recorder: psutil.Process
) -> None:
    for times in (1, 2):
        recorder.send_signal(signal.SIGTERM)
        wait_until(lambda times=times: printed(repository).count("SIGTERM") == times)
    assert printed(repository) == ["ready", "SIGTERM", "SIGTERM"]


def test_it_ends_with_the_command_and_is_no_survivor(
    repository: Path, recorder: psutil.Process
) -> None:
    children = recorder.children()
    for child in children:
        if not is_canary(child):
            child.kill()
    psutil.wait_procs([recorder, *children], timeout=30)
    assert not any(child.is_running() for child in children)
    run = only_run(repository)
    assert run.read_metadata()["survivors"] == []
    assert run.read_status()[1] == "killed by signal 9 (SIGKILL)"


def is_canary(process: psutil.Process) -> bool:
    try:
        return "prctl" in " ".join(process.cmdline())
    except psutil.Error:  # a zombie already
        return False


def test_it_does_not_outlive_a_recorder_that_is_killed(recorder: psutil.Process) -> None:
    children = recorder.children()
    recorder.kill()
    for child in children:
        if not is_canary(child):
            child.kill()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
