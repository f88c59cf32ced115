"""Variables and files that are meant for the recorded program do nothing to the recorder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import meticulous as package
from tests.conftest import git, only_run, runs_of
from tests.launch_support import ENTRY_POINTS, METICULOUS, PYTHON, natively

VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
SHADOWED = [
    "resource", "signal", "json", "select", "socket", "struct", "datetime", "marshal", "fcntl",
    "termios", "site", "psutil", "yaml", "pygit2", "pandas", "tabulate",
]  # fmt: skip
"""Modules that the recorder imports, and that a project or another Python may have too."""


@pytest.fixture
def foreign(repository: Path) -> Path:
    """A directory of modules, none of which the recorder can use."""
    directory = repository / "foreign"
    directory.mkdir()
    for name in SHADOWED:
        (directory / f"{name}.py").write_text(f"raise ImportError('a foreign {name}')\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "foreign")
    return directory


def run(entry: str, project: Path, *words: str, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*ENTRY_POINTS[entry], "run", "-q", "--", *words],
        cwd=project,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("entry", ENTRY_POINTS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONPATH", "{foreign}"),
        ("PYTHONPATH", "{foreign}:{foreign}/.."),
        ("PYTHONSTARTUP", "{foreign}/json.py"),
        ("PYTHONINSPECT", "1"),
        ("PYTHONWARNINGS", "error"),
        ("PYTHONOPTIMIZE", "2"),
        ("PYTHONIOENCODING", "ascii:strict"),
        ("PYTHONUSERBASE", "{foreign}"),
    ],
)
def test_the_command_gets_the_variable_and_the_recorder_does_not_heed_it(
    repository: Path, foreign: Path, entry: str, name: str, value: str
) -> None:
    value = value.format(foreign=foreign)
    words = ["sh", "-c", f'printf %s "${name}"; sleep 0.4; exit 3']
    done = run(entry, repository, *words, **{name: value})
    assert (3, b"") == (done.returncode, done.stderr)
    assert done.stdout.decode().endswith(value)  # ours may be before it
    recorded = only_run(repository)
    assert "ERROR" == recorded.read_status()[0]
    assert "recording-trouble" not in recorded.read_metadata()
    assert recorded.read_json("environment.json")


def test_a_foreign_library_is_not_looked_for(repository: Path, tmp_path: Path) -> None:
    """``python -m`` does not start at all with a PYTHONHOME of nothing; the command does."""
    done = run("script", repository, "sh", "-c", "echo $PYTHONHOME", PYTHONHOME=str(tmp_path))
    assert (0, f"{tmp_path}\n".encode(), b"") == (done.returncode, done.stdout, done.stderr)
    assert "SUCCESS" == only_run(repository).read_status()[0]


@pytest.mark.parametrize("name", ["sitecustomize", "usercustomize"])
def test_a_start_up_file_of_the_user_runs_in_the_program_alone(
    repository: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.py").write_text("import os; os.write(2, b'start-up file\\n')\n")
    natively_seen = natively(
        [PYTHON, "-c", "pass"], repository, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    done = run("script", repository, PYTHON, "-c", "pass", PYTHONPATH=str(tmp_path))
    assert (0, natively_seen.stderr) == (done.returncode, done.stderr)


@pytest.mark.parametrize("entry", ENTRY_POINTS)
@pytest.mark.parametrize("name", ["json", "signal", "resource", "threading", "site"])
def test_modules_of_the_current_directory_are_not_the_recorders(
    repository: Path, entry: str, name: str
) -> None:
    (repository / f"{name}.py").write_text("raise ImportError('of the project')\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", name)
    done = run(entry, repository, "sh", "-c", "sleep 0.4")
    assert (0, b"") == (done.returncode, done.stderr)


def test_detached_and_repeated_runs_are_isolated_too(repository: Path, foreign: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(foreign)}
    for words in (["run", "--detach", "--", "true"], ["wait", "1"], ["rerun", "1"]):
        done = natively([*METICULOUS, *words], repository, env=environ)
        assert (0, False) == (done.code, b"Traceback" in done.stderr), words
    assert ["SUCCESS"] * 2 == [one.read_status()[0] for one in runs_of(repository)]


@pytest.mark.parametrize("target", ["absolute", "relative", "a link to a link"])
def test_the_command_may_be_reached_by_links(repository: Path, tmp_path: Path, target: str) -> None:
    link = tmp_path / "bin" / "meticulous"
    link.parent.mkdir()
    (script,) = METICULOUS
    if target == "relative":
        script = os.path.relpath(script, link.parent)
    elif target == "a link to a link":
        (tmp_path / "between").symlink_to(script)
        script = "../between"
    link.symlink_to(script)
    environ = {**os.environ, "PATH": f"{link.parent}:{os.environ['PATH']}"}
    for command in (["meticulous"], [str(link)], ["sh", str(link)]):
        done = natively([*command, "--version"], repository, env=environ)
        assert (0, f"meticulous {package.__version__}\n".encode()) == (done.code, done.stdout)


@pytest.mark.parametrize("is_python_beside", [True, False])
def test_a_prefix_that_is_no_virtual_environment(
    repository: Path, tmp_path: Path, is_python_beside: bool
) -> None:
    """As conda and ``pip install --user`` make it."""
    packages = tmp_path / "lib" / VERSION / "site-packages"
    (packages / "meticulous-0.dist-info").mkdir(parents=True)
    (packages / "checkout.pth").write_text(os.path.dirname(os.path.dirname(package.__file__)))
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "meticulous"
    script.write_bytes(Path(METICULOUS[0]).read_bytes())
    script.chmod(0o755)
    scripts = sysconfig.get_path("scripts")
    path = os.environ["PATH"] if is_python_beside else f"{scripts}:{os.environ['PATH']}"
    if is_python_beside:
        starter = tmp_path / "bin" / VERSION
        starter.write_text(f'#!/bin/sh\nexec "{PYTHON}" "$@"\n')
        starter.chmod(0o755)
    words = [str(script), "run", "-q", "--", "echo", "ran"]
    done = natively(words, repository, env={**os.environ, "PATH": path})
    assert (0, b"ran\n", b"") == (done.code, done.stdout, done.stderr)


def test_without_a_python_it_says_so(tmp_path: Path) -> None:
    script = tmp_path / "bin" / "meticulous"
    script.parent.mkdir()
    script.write_bytes(Path(METICULOUS[0]).read_bytes())
    done = natively(["sh", str(script), "ls"], tmp_path)
    assert 125 == done.code
    assert b"no Python beside" in done.stderr


def test_the_recorder_is_found_by_its_command_line(repository: Path) -> None:
    """As ``pkill -f "meticulous run"`` looks for it."""
    look = "tr '\\0' ' ' < /proc/$PPID/cmdline"
    for entry in ENTRY_POINTS:
        assert b"meticulous run -q" in run(entry, repository, "sh", "-c", look).stdout
