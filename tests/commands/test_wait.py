"""`wait`, and following the output of runs."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import meticulous
from tests.control_support import end_all, has_printed, kill_recorder, say, start
from tests.launch_support import METICULOUS


@pytest.fixture(autouse=True)
def nothing_left(repository: Path) -> Iterator[None]:
    yield
    end_all(repository)


@pytest.mark.parametrize(
    ("command", "code"), [("exit 0", 0), ("exit 4", 4), ("kill -TERM $$", 143), ("sleep 0.3", 0)]
)
def test_wait_ends_as_the_run(repository: Path, command: str, code: int) -> None:
    start_ = meticulous("run", "-q", "-d", "--", "sh", "-c", command, cwd=repository)
    assert 0 == start_.returncode
    assert "run 1 " in say(repository, "wait", "1", code=code)


def test_wait_for_several_tells_the_first_failure(repository: Path) -> None:
    for command in ("exit 0", "sleep 0.4; exit 5", "exit 6"):
        meticulous("run", "-q", "-d", "--", "sh", "-c", command, cwd=repository)
    said = say(repository, "wait", "1-3", code=5)
    assert 3 == said.count("run ")


def test_wait_gives_up_in_time(repository: Path) -> None:
    start(repository, "sleep", "1000")
    assert "" == say(repository, "wait", "1", "--timeout", "0.2s", code=124)
    say(repository, "stop", "1")


def test_waiting_for_a_run_that_is_lost_ends(repository: Path) -> None:
    run = start(repository, "sleep", "1000")
    with subprocess.Popen(
        [*METICULOUS, "wait", "1"], cwd=repository, stdout=subprocess.PIPE
    ) as one:
        child = kill_recorder(run)
        output, _ = one.communicate()
    assert (3, True) == (one.returncode, output.startswith(b"run 1 LOST: its recorder"))
    os.kill(child, signal.SIGKILL)


def test_ctrl_c_ends_the_waiting_and_no_run(repository: Path) -> None:
    run = start(repository, "sleep", "1000")
    with subprocess.Popen([*METICULOUS, "wait", "1"], cwd=repository) as one:
        time.sleep(0.5)  # it may come at any moment
        one.send_signal(signal.SIGINT)
        assert one.wait() in (130, -signal.SIGINT)
    assert "RUNNING" == run.read_status()[0]
    say(repository, "stop", "1")


def test_following_a_run_that_dies_ends(repository: Path) -> None:
    run = start(repository, "sh", "-c", "echo begun; exec sleep 1000")
    has_printed(run, "begun")
    with subprocess.Popen(
        [*METICULOUS, "logs", "-f", "1"],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as one:
        assert one.stdout is not None
        assert b"begun\n" == one.stdout.readline()
        child = kill_recorder(run)
        _, trouble = one.communicate()
    assert (3, True) == (one.returncode, b"the run 1 is lost: its recorder" in trouble)
    os.kill(child, signal.SIGKILL)
