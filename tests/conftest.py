"""Fixtures that all tests share: a real repository, the real command line, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

from meticulous.runfolder import RunFolder
from meticulous.runfolder.directory import run_ids

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # Started in the background of a shell: what we start is to know of Ctrl-C all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)

hypothesis.settings.register_profile(
    "meticulous",
    deadline=None,  # a loaded machine is slow, not wrong
    suppress_health_check=[
        hypothesis.HealthCheck.function_scoped_fixture,  # ours give a directory, made anew or not
        hypothesis.HealthCheck.too_slow,
    ],
)
hypothesis.settings.load_profile("meticulous")

DEADLINE_S = 30.0
AWKWARD = "dir with 'quotes\" %d and ünï\ncode"
"""A legal name that breaks whoever quotes, formats or splits paths."""


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Return every test the same git and no settings of the person who runs the tests."""
    for name in list(os.environ):
        if name.startswith(
            ("METICULOUS_", "GIT_", "PYTHON", "SLURM_", "PBS_", "LSB_", "SGE_", "OMPI_", "PMI")
        ):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Tester\n\temail = tester@example.org\n"
        '[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n'
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """Fail a test that leaves a process behind, and end the process."""
    before = set(psutil.Process().children(recursive=True))
    yield
    left = [
        process
        for process in psutil.Process().children(recursive=True)
        if process not in before and process.is_running() and process.status() != "zombie"
    ]
    names = [f"{process.pid} {process.cmdline()}" for process in left if process.is_running()]
    for process in left:
        process.kill()
    assert [] == names


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one commit, at a path that is hard to quote."""
    path = tmp_path / AWKWARD
    path.mkdir()
    git(path, "init", "-q")
    (path / "train.py").write_text("print('hello')\n")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "first")
    return path


def git(directory: Path, *words: str) -> str:
    """Run git in `directory` and return what it prints."""
    return subprocess.run(
        ["git", *words], cwd=directory, check=True, capture_output=True, text=True
    ).stdout


def meticulous(
    *words: str | Path, cwd: Path, **options: object
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in `cwd`; stdout and stderr are captured as bytes."""
    command = [sys.executable, "-m", "meticulous", *(os.fspath(word) for word in words)]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command,
        cwd=cwd,
        check=False,
        **{"capture_output": True, "timeout": DEADLINE_S * 2, **options},
    )


def runs_of(project: Path) -> list[RunFolder]:
    """Return the runs of a project, in the order of their ids."""
    directory = project / "experiments"
    if not directory.exists():
        return []
    return [RunFolder(str(directory / name)) for name in run_ids(str(directory))]


def only_run(project: Path) -> RunFolder:
    """Return the one run of a project."""
    (run,) = runs_of(project)
    return run


def wait_until(claim: Callable[[], object], what: str = "") -> None:
    """Wait until `claim` is true; fail after a generous deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not claim():
        assert time.monotonic() < deadline, what or "waited in vain"
        time.sleep(0.01)
