"""Ranks that fail, are killed, or outlive rank 0: what launchers do then, and what a status says."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from meticulous.base.process_id import start_time
from tests.conftest import git, meticulous, only_run, runs_of, wait_until
from tests.runner.ranks.test_launch import (
    PATIENT,
    Start,
    all_have_printed,
    can_be_another_machine,
    start,
    text,
)

__all__ = ["start"]

HASTY = "from meticulous.runner.ranks import waiting; waiting.FAILED_S = 0.2; " + PATIENT
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n"]
needs_mpirun = pytest.mark.skipif(shutil.which("mpirun") is None, reason="apt: openmpi-bin")

UNEQUAL = """
import os, sys, time
rank = int(os.environ["METICULOUS_RANK"])
print("ready", flush=True)
if rank == int(sys.argv[1]):
    while len(os.listdir(sys.argv[2])) < 3:
        time.sleep(0.01)
    raise RuntimeError("out of memory")
open(os.path.join(sys.argv[2], str(rank)), "w").close()
time.sleep(1000)
"""

HEEDING = """
import signal, sys, time
def show(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        time.sleep(0.3)
        sys.exit(3)
for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
    signal.signal(number, show)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def listed(repository: Path) -> tuple[str, str]:
    """Return status and message of the one run, as `ls` has them."""
    words = ("ls", "--json", "--columns", "status,status_message")
    (row,) = json.loads(meticulous(*words, cwd=repository).stdout)
    return row["status"], row["status_message"]


def test_a_rank_0_that_fails_does_not_wait_for_those_that_wait_for_it(
    repository: Path, start: Start
) -> None:
    words = [sys.executable, "train.py", "--gate", str(repository / "never"), "--fail", "0"]
    first, second = (start(number, 2, words, HASTY) for number in range(2))
    assert first.wait(60) == 1
    run = only_run(repository)
    assert run.read_status()[1].endswith("rank 0: ValueError: bad luck of 0 (1 was still running)")
    assert second.poll() is None

    kept = meticulous("rm", "1", cwd=repository)
    assert b"the run 1 is running" in kept.stderr
    stopped = meticulous("stop", "1", cwd=repository)
    assert (stopped.returncode, stopped.stderr) == (0, b"")
    assert stopped.stdout.startswith(b"run 1 ERROR"), stopped
    assert second.wait(60) == -signal.SIGINT
    assert run.read_metadata()["ranks"]["failed"] == [0, 1]
    assert meticulous("stop", "1", cwd=repository).returncode == 1
    assert not (repository / "experiments" / ".ranks").exists()


def test_a_lost_run_says_which_rank_has_failed(repository: Path, start: Start) -> None:
    words = [sys.executable, "train.py", "--gate", str(repository / "gate"), "--fail", "1"]
    first, second, third = (start(number, 3, words) for number in range(3))
    wait_until(lambda: all_have_printed(repository, 3))
    run = only_run(repository)
    third.send_signal(signal.SIGSTOP)  # so that rank 0 has somebody to wait for
    (repository / "gate").touch()
    assert second.wait(60) == 1
    first.kill()
    first.wait()
    state, message = listed(repository)
    assert state == "LOST"
    assert message.startswith("rank 1: ValueError: bad luck of 1; its recorder (process ")
    third.kill()
    third.wait()

    found = json.loads(meticulous("doctor", "--json", cwd=repository).stdout)
    assert [one["kind"] for one in found] == ["lost", "lost-rank"]
    assert found[1]["what"].startswith("rank 2 is lost: its recorder (process ")
    assert meticulous("doctor", "--fix", cwd=repository).returncode == 0
    assert listed(repository)[0] == "ERROR"
    assert "rank 1: ValueError: bad luck of 1" in run.read_status()[1]
    assert run.rank(2).read_status()[0] == "ERROR"
    assert meticulous("doctor", cwd=repository).stdout == b"nothing is wrong\n"


def test_the_command_of_a_rank_that_has_lost_its_recorder_is_stopped(
    repository: Path, start: Start
) -> None:
    words = ["sleep", "1000"]
    first, second = (start(number, 2, words) for number in range(2))
    wait_until(lambda: runs_of(repository) and only_run(repository).ranks())
    rank = only_run(repository).rank(1)
    wait_until(lambda: rank.read_metadata().get("child-pid"))
    child = rank.read_metadata()["child-pid"]
    second.kill()
    second.wait()
    said = meticulous("doctor", cwd=repository).stdout.decode()
    assert f"run 1 the command of rank 1 lives on without a recorder: process {child}" in said
    stopped = meticulous("stop", "1", cwd=repository)
    assert stopped.returncode == 0, stopped
    assert first.wait(60) == -signal.SIGINT
    assert start_time(child) is None


def test_stop_ends_the_ranks_of_this_machine_and_names_the_others(
    repository: Path, start: Start
) -> None:
    if not can_be_another_machine():
        pytest.skip("to be another machine needs the right to unshare and mount")
    words = [sys.executable, "train.py", "--gate", str(repository / "never")]
    first, second, third = (
        start(number, 3, words, PATIENT, host) for number, host in enumerate(("node2", "", "node3"))
    )
    wait_until(lambda: all_have_printed(repository, 3))
    stopped = meticulous("stop", "1", cwd=repository)
    assert second.wait(60) == -signal.SIGINT
    assert stopped.returncode == 1
    assert b"ranks of run 1 are running on node3. End them with the launcher" in stopped.stderr
    assert b"the run 1 is " in stopped.stderr
    assert third.poll() is None
    first.terminate()  # and so it does not wait for rank 2 either
    third.terminate()
    assert (first.wait(60), third.wait(60)) == (0, -signal.SIGTERM)


@needs_mpirun
@pytest.mark.parametrize("culprit", [0, 1])
def test_a_rank_that_fails_under_mpirun_is_what_the_run_says(
    repository: Path, culprit: int
) -> None:
    """Open MPI sends TERM to the others, and KILL as soon as the first of them has ended."""
    (repository / "train.py").write_text(UNEQUAL)
    git(repository, "commit", "-qam", "ranks")
    ready = repository / ".git" / "ready"
    ready.mkdir()
    command = [sys.executable, "train.py", str(culprit), str(ready)]
    done = subprocess.run(
        [*MPIRUN, "4", sys.executable, "-m", "meticulous", "run", *command],
        cwd=repository,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    run = only_run(repository)
    state, message = listed(repository)
    assert state == "ERROR", done
    assert f"rank {culprit}: RuntimeError: out of memory (3 " in message
    assert {run.rank(number).read_status()[0] for number in (1, 2, 3)} == {"ERROR"}
    assert run.read_metadata()["ranks"]["failed"] == [0, 1, 2, 3]


DEAF = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
rank = os.environ["METICULOUS_RANK"]
open(os.path.join(sys.argv[1], rank), "w").write(str(os.getpid()))
while rank == "1" and len(os.listdir(sys.argv[1])) < 3:
    time.sleep(0.01)
if rank == "1":
    raise RuntimeError("out of memory")
time.sleep(1000)
"""


@needs_mpirun
def test_what_mpirun_kills_does_not_live_on_without_its_recorder(repository: Path) -> None:
    (repository / "train.py").write_text(DEAF)
    git(repository, "commit", "-qam", "is deaf")
    ready = repository / ".git" / "ready"
    ready.mkdir()
    command = [sys.executable, "-m", "meticulous", "run", sys.executable, "train.py", str(ready)]
    done = subprocess.run(
        [*MPIRUN, "3", *command], cwd=repository, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1, done
    state, message = listed(repository)
    assert (state, "rank 1: RuntimeError: out of memory; its recorder" in message) == ("LOST", True)
    for path in ready.iterdir():
        wait_until(lambda path=path: start_time(int(path.read_text())) is None)


@needs_mpirun
def test_what_mpirun_passes_on_in_a_terminal_reaches_the_program_once(repository: Path) -> None:
    (repository / "train.py").write_text(HEEDING)
    git(repository, "commit", "-qam", "heeds signals")
    command = [sys.executable, "-m", "meticulous", "run", sys.executable, "train.py"]
    mpirun = pexpect.spawn(MPIRUN[0], [*MPIRUN[1:], "3", *command], cwd=str(repository))
    wait_until(lambda: all_have_printed(repository, 3))
    run = only_run(repository)
    folders = [run, run.rank(1), run.rank(2)]
    for name in ("SIGUSR1", "SIGUSR2", "SIGTERM"):
        mpirun.kill(getattr(signal, name))
        wait_until(lambda name=name: all(name in text(one, "stdout") for one in folders))
    mpirun.expect(pexpect.EOF, timeout=60)
    mpirun.close()
    for folder in folders:
        assert text(folder, "stdout").split() == ["ready", "SIGUSR1", "SIGUSR2", "SIGTERM"]
        assert folder.read_status()[0] == "ERROR"
