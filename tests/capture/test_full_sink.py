"""Our own stdout or stderr cannot be written, though its reader has not gone away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import only_run
from tests.launch_support import METICULOUS, PYTHON

ITSELF = """
import sys
from meticulous import Experiment
with Experiment({}, no_git=True):
    for n in range(3000): print("line", n)
"""


def shell(script: str, project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", script, "sh", *words],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "stream", "reason"),
    [
        ('"$@" seq 3000 > /dev/full', "stdout", "No space left"),
        ('"$@" sh -c "seq 3000 >&2; seq 3" 2> /dev/full', "stderr", "No space left"),
        ('ulimit -f 8; "$@" seq 300000 > out', "stdout", "File too large"),
    ],
)
def test_it_is_said_and_noted_and_the_record_is_whole(
    tmp_path: Path, script: str, stream: str, reason: str
) -> None:
    words = [*METICULOUS, "run", "-q", "--no-git", "--"]
    if "ulimit" in script:  # which holds for the record as well, but not in a process of its own
        words = [
            *METICULOUS,
            "run",
            "-q",
            "--no-git",
            "--",
            "sh",
            "-c",
            '"$@" | head -c 20000',
            "-",
        ]
    done = shell(script, tmp_path, *words)
    run = only_run(tmp_path)
    trouble = " ".join(run.read_metadata()["recording-trouble"])
    assert stream in trouble
    assert reason in trouble
    assert 1 == done.returncode
    assert "SUCCESS" == run.read_status()[0]
    if stream == "stdout":
        assert 1 == done.stderr.count("cannot write to stdout")
        assert "Traceback" not in done.stderr
    if "ulimit" not in script:
        assert 3000 == Path(run.file(stream)).read_bytes().count(b"\n")


def test_the_exit_code_of_a_command_that_fails_is_its_own(tmp_path: Path) -> None:
    words = [*METICULOUS, "run", "-q", "--no-git", "--", "sh", "-c", "echo said; exit 7"]
    assert 7 == shell('"$@" > /dev/full', tmp_path, *words).returncode


def test_a_reader_that_has_gone_away_is_no_trouble(tmp_path: Path) -> None:
    words = [*METICULOUS, "run", "-q", "--no-git", "--", "seq", "300000"]
    done = shell('{ "$@"; echo $? > code; } | head -n 1', tmp_path, *words)
    assert ("1\n", "") == (done.stdout, done.stderr)
    run = only_run(tmp_path)
    assert "0\n" == (tmp_path / "code").read_text()
    assert "recording-trouble" not in run.read_metadata()
    assert 300000 == Path(run.file("stdout")).read_bytes().count(b"\n")


def test_a_script_that_records_itself_says_it_too(tmp_path: Path) -> None:
    done = shell('"$@" > /dev/full', tmp_path, sys.executable, "-c", ITSELF)
    run = only_run(tmp_path)
    assert "cannot write to stdout: No space left" in done.stderr
    assert "stdout: recorded, but not all" in run.read_metadata()["recording-trouble"][0]
    assert 3000 == Path(run.file("stdout")).read_bytes().count(b"\n")


@pytest.mark.parametrize("command", ["ls", "--help", "--version", "ls --help", "show 1", "du"])
@pytest.mark.parametrize("sink", ["> /dev/full", ">&-", "2>&-", "> /dev/full 2> /dev/full"])
def test_commands_say_at_most_one_line(tmp_path: Path, command: str, sink: str) -> None:
    shell('"$@"', tmp_path, *METICULOUS, "run", "-q", "--no-git", "--", "true")
    done = shell(f'"$@" {sink}', tmp_path, *METICULOUS, *command.split())
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr
    assert done.stderr.count("\n") <= 1
    assert done.returncode == (1 if "/dev/full" in sink else 0)


def test_the_helper_stream_of_python_is_as_ever(tmp_path: Path) -> None:
    """The program's own stdout is a pipe, which is not full; it hears nothing."""
    words = [*METICULOUS, "run", "-q", "--no-git", "--", PYTHON, "-c", "print('x' * 100000)"]
    shell('"$@" > /dev/full', tmp_path, *words)
    assert 100001 == os.stat(only_run(tmp_path).file("stdout")).st_size
