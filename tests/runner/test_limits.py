"""Threads, processes, descriptors or pseudo-terminals cannot be had: the command runs all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import only_run, runs_of
from tests.launch_support import METICULOUS

ITSELF = "from meticulous import Experiment\nwith Experiment({}, no_git=True): print('hi')"
_CAPS = "+dac_override,+dac_read_search"


def limited(limit: list[str], command: list[str], project: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*limit, *command], cwd=project, capture_output=True, timeout=60, check=False
    )


@pytest.mark.parametrize("most", [12, 13, 14, 17, 24])
def test_a_run_with_few_descriptors(repository: Path, most: int) -> None:
    limit = ["sh", "-c", f'ulimit -n {most}; exec "$@"', "sh"]
    done = limited(limit, [*METICULOUS, "run", "-q", "--", "echo", "hi"], repository)
    assert (0, b"hi\n") == (done.returncode, done.stdout), done.stderr
    assert "SUCCESS" == only_run(repository).read_status()[0]


@pytest.mark.parametrize("most", [6, 8, 12, 16, 24, 40, 65])
def test_an_experiment_with_few_descriptors(tmp_path: Path, most: int) -> None:
    limit = ["sh", "-c", f'ulimit -n {most}; exec "$@"', "sh"]
    done = limited(limit, [sys.executable, "-c", ITSELF], tmp_path)
    assert (0, b"hi\n", b"") == (done.returncode, done.stdout, done.stderr)
    run = only_run(tmp_path)
    assert "SUCCESS" == run.read_status()[0]
    has_all = (
        os.path.exists(run.file("stdout")) and b"hi\n" == Path(run.file("stdout")).read_bytes()
    )
    assert has_all or "recording-trouble" in run.read_metadata()


@pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("prlimit") or not shutil.which("setpriv"),
    reason="needs root, to be another user with a limit of processes",
)
@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("is_run", [True, False])
def test_few_processes_and_threads(tmp_path: Path, most: int, is_run: bool) -> None:
    tmp_path.chmod(0o777)
    user = str(61000 + os.getpid() % 1000)  # of whom there are no processes
    limit = [
        "setpriv", "--reuid", user, "--regid", user, "--clear-groups",
        "--inh-caps", _CAPS, "--ambient-caps", _CAPS, "prlimit", f"--nproc={most}",
    ]  # fmt: skip
    command = [*METICULOUS, "run", "-q", "--no-git", "--", "sh", "-c", "echo hi; exec sleep 0.4"]
    done = limited(limit, command if is_run else [sys.executable, "-c", ITSELF], tmp_path)
    assert b"Traceback" not in done.stderr
    for run in runs_of(tmp_path):
        assert ("SUCCESS" if done.returncode == 0 else "ERROR") == run.read_status()[0]
    assert done.returncode in (0, 126)
    if done.returncode == 0:
        assert b"hi\n" == done.stdout


def test_no_pseudo_terminals(tmp_path: Path) -> None:
    limit = ["unshare", "-m", "sh", "-c", 'umount -l /dev/pts || exit 77; exec "$@"', "sh"]
    command = [*METICULOUS, "run", "-q", "--no-git", "--pty", "--", "echo", "hi"]
    done = limited(limit, command, tmp_path)
    if done.returncode in (1, 77) and not runs_of(tmp_path):
        pytest.skip("no mounts of its own here")
    assert 0 == done.returncode
    assert done.stdout in (b"hi\n", b"hi\r\n")
    assert "SUCCESS" == only_run(tmp_path).read_status()[0]
