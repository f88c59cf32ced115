"""Ending runs, with all that they have started."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous.base.process_id import start_time
from tests.conftest import git, meticulous, only_run, runs_of, wait_until
from tests.control_support import change, end_all, has_printed, kill_recorder, say, start
from tests.launch_support import AS_ANOTHER_USER, METICULOUS, Terminal

SHELL_WITH_CHILD = "echo begun; sh -c 'echo $$; exec sleep 1000'; exit 3"
"""A shell that waits for its child, and heeds no SIGINT meanwhile: the usual wrapper script."""


@pytest.fixture(autouse=True)
def nothing_left(repository: Path) -> Iterator[None]:
    yield
    end_all(repository)


def test_stop_lets_the_program_save_its_work(repository: Path) -> None:
    code = "trap 'echo saved; exit 5' INT; echo begun; while :; do sleep 0.05; done"
    run = start(repository, "sh", "-c", code)
    has_printed(run, "begun")
    assert "run 1 ERROR after" in say(repository, "stop", "1")
    assert b"begun\nsaved\n" == Path(run.file("stdout")).read_bytes()
    assert 5 == run.read_metadata()["exit-code"]


def test_stop_insists(repository: Path) -> None:
    code = "trap '' INT TERM; sleep 1000 & echo $!; while :; do sleep 0.05; done"
    run = start(repository, "sh", "-c", code)
    wait_until(lambda: Path(run.file("stdout")).read_text().strip())
    said = say(repository, "stop", "1", "--grace", "0.3s")
    assert "sent SIGTERM to 1\nsent SIGKILL to 1\nrun 1 ERROR after" in said
    assert ("ERROR", "killed by signal 9 (SIGKILL)") == run.read_status()
    child = int(Path(run.file("stdout")).read_text())
    wait_until(lambda: start_time(child) is None)


def test_stop_kills_at_once_where_that_is_wanted(repository: Path) -> None:
    run = start(repository, "sleep", "1000")
    assert "killed by signal 9" in say(repository, "stop", "1", "--kill")
    assert "SIGKILL" == run.read_metadata()["signal"]


def child_in(output: str) -> int:
    return int(output.split("begun")[1].split()[0])


def test_stop_on_a_terminal_ends_the_children_too(repository: Path) -> None:
    command = [*METICULOUS, "run", "-q", "sh", "-c", SHELL_WITH_CHILD]
    with Terminal(command, repository) as terminal:
        wait_until(lambda: runs_of(repository))
        run = only_run(repository)
        wait_until(lambda: run.read_metadata().get("child-start-time"))
        wait_until(lambda: len(Path(run.file("stdout")).read_text().split()) > 1)
        child = child_in(Path(run.file("stdout")).read_text())
        assert "run 1 ERROR after" in say(repository, "stop", "1")
        assert start_time(child) is None
        terminal.end()
    assert "ERROR" == run.read_status()[0]
    assert not run.read_metadata()["survivors"]


def test_stop_ends_what_has_lost_its_parent(repository: Path) -> None:
    code = "(sh -c 'echo $$; exec sleep 1000' &); echo begun; exec sleep 1000"
    for words in (["--grace", "0.3s"], ["--kill"]):
        run = start(repository, "sh", "-c", code)
        wait_until(lambda run=run: len(Path(run.file("stdout")).read_text().split()) > 1)
        child = int(Path(run.file("stdout")).read_text().replace("begun", ""))
        assert f"run {run.id} ERROR after" in say(repository, "stop", run.id, *words)
        assert start_time(child) is None


def test_stop_ends_the_children_of_an_orphan(repository: Path) -> None:
    run = start(repository, "sh", "-c", SHELL_WITH_CHILD)
    wait_until(lambda: len(Path(run.file("stdout")).read_text().split()) > 1)
    child = child_in(Path(run.file("stdout")).read_text())
    kill_recorder(run)
    assert "run 1 LOST: its recorder" in say(repository, "stop", "1")
    assert start_time(child) is None


def test_a_killed_run_is_not_tried_again(repository: Path) -> None:
    run = start(repository, "sleep", "1000", options=("--retries", "3"))
    assert "run 1 ERROR after" in say(repository, "stop", "1", "--kill")
    assert [] == run.read_metadata()["attempts"]


def test_stop_ends_several_at_the_same_time(repository: Path) -> None:
    for _ in range(3):
        start(repository, "sleep", "1000")
    said = say(repository, "stop", "1-3")
    assert 3 == said.count("ERROR after")
    assert {"SIGINT"} == {run.read_metadata()["signal"] for run in runs_of(repository)}


def test_stop_ends_the_orphan_of_a_lost_run(repository: Path) -> None:
    child = kill_recorder(start(repository, "sleep", "1000"))
    assert start_time(child) is not None
    assert "run 1 LOST: its recorder" in say(repository, "stop", "1")
    assert start_time(child) is None
    assert "the run 1 is lost: its recorder" in say(repository, "stop", "1", code=1)


def test_stop_ends_an_experiment_that_records_itself(repository: Path) -> None:
    (repository / "train.py").write_text(
        "import time\nfrom meticulous import Experiment\n"
        "with Experiment({}):\n    print('begun', flush=True)\n    time.sleep(1000)\n"
    )
    git(repository, "commit", "-qam", "train")
    with subprocess.Popen(
        [sys.executable, "train.py"], cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        said = subprocess.Popen([*METICULOUS, "stop", "1"], cwd=repository, stdout=subprocess.PIPE)
        assert -signal.SIGINT == process.wait()
        output, _ = said.communicate()
    assert b"run 1 ERROR" in output
    assert b"KeyboardInterrupt" in output


def test_stop_takes_no_other_process_for_the_run(repository: Path) -> None:
    run = start(repository, "sleep", "1000")
    os.kill(kill_recorder(run), signal.SIGKILL)
    time.sleep(0.2)  # the two are told apart by when they started
    with subprocess.Popen(["sleep", "1000"]) as other:
        change(run, pid=other.pid, child_pid=other.pid)
        assert "the run 1 is lost: its recorder" in say(repository, "stop", "1", code=1)
        assert other.poll() is None
        other.kill()


def test_what_cannot_be_stopped_is_said(repository: Path) -> None:
    meticulous("run", "-q", "true", cwd=repository)
    assert "the run 1 has ended: SUCCESS" in say(repository, "stop", "1", code=1)
    assert "there is no run 9" in say(repository, "stop", "9", code=1)
    (repository / "experiments" / "1" / "STATUS").write_text("RUNNING\n")
    change(runs_of(repository)[0], host="gpu7", boot_id="another")
    said = say(repository, "stop", "1", code=1)
    assert "the run 1 is running on gpu7" in said
    assert "ssh gpu7 meticulous stop 1" in said
    change(runs_of(repository)[0], pid=None)
    assert "run 1 does not say which process it is" in say(repository, "stop", "1", code=1)


def test_the_run_of_another_user_is_not_ours_to_stop(repository: Path) -> None:
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("becoming another user needs root and setpriv")
    run = start(repository, "sleep", "1000")
    words = [*AS_ANOTHER_USER, *METICULOUS, "stop", "1"]
    done = subprocess.run(
        [*words, "--experiments-directory", "experiments"],
        cwd=repository,
        capture_output=True,
        check=False,
    )
    assert (1, b"") == (done.returncode, done.stdout)
    assert b"the run 1 belongs to " in done.stderr
    assert "RUNNING" == run.read_status()[0]


def test_stop_that_races_with_the_end_tells_the_end(repository: Path) -> None:
    for number in range(1, 9):
        run = start(repository, "sleep", str(number * 0.02))
        done = meticulous("stop", run.id, cwd=repository)
        told = (done.stdout + done.stderr).decode()
        state = run.read_status()[0]
        assert state in ("SUCCESS", "ERROR"), told
        assert state in told
        assert (done.returncode == 0) == ("has ended:" not in told)
