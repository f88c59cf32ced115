"""What a user can get wrong before the start: one message, the right code, nothing made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.commands._table import COMMANDS
from tests.conftest import git, meticulous, runs_of

TOUCH = ("--", "touch", "it-ran")

needs_user = pytest.mark.skipif(
    os.geteuid() == 0 and subprocess.run(["which", "setpriv"], capture_output=True).returncode != 0,  # noqa: PLW1510
    reason="root may write anywhere, and setpriv, to be somebody else, is not there",
)


def refused(
    project: Path, *words: str | Path, code: int = 125, says: str = "", **options: object
) -> str:
    """Run, and check that it was refused: one message, the exit code, nothing made."""
    before = sorted(os.listdir(project))

    done = meticulous("run", *words, cwd=project, **options)

    stderr = done.stderr.decode()
    assert code == done.returncode, stderr
    assert b"" == done.stdout
    assert stderr.startswith("meticulous: ")
    assert says in stderr
    assert 1 == len(stderr.splitlines()), stderr
    assert before == sorted(os.listdir(project))
    assert [] == runs_of(project)
    return stderr


def test_an_unknown_option_is_named(repository: Path) -> None:
    refused(repository, "--frobnicate", *TOUCH, says="--frobnicate")


def test_a_missing_command(repository: Path) -> None:
    refused(repository, "--", says="no command to run")
    refused(repository, says="no command to run")


def test_an_empty_command_is_not_found(repository: Path) -> None:
    refused(repository, "--", "", code=127, says="empty")


def test_a_command_that_does_not_exist(repository: Path) -> None:
    refused(repository, "--", "no-such-program", code=127, says="no-such-program")
    refused(repository, "--", "./no-such-file", code=127, says="./no-such-file")


def test_a_script_in_this_directory_is_suggested(repository: Path) -> None:
    refused(repository, "--", "train.py", code=127, says="./train.py")


def test_a_file_that_is_not_executable(repository: Path) -> None:
    refused(repository, "--", "./train.py", code=126, says="chmod +x")


def test_a_directory(repository: Path) -> None:
    (repository / "folder").mkdir()

    refused(repository, "--", "./folder", code=126, says="is a directory")


def test_no_repository(tmp_path: Path) -> None:
    refused(tmp_path, *TOUCH, says="--no-git")


def test_no_commit_yet(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")

    refused(tmp_path, *TOUCH, says="no commit")


def test_uncommitted_changes_are_named_with_the_ways_on(repository: Path) -> None:
    (repository / "train.py").write_text("print('changed')\n")

    message = refused(repository, *TOUCH, says="train.py")

    assert "--dirty snapshot" in message
    assert "--dirty ignore" in message
    assert "--norecord" in message


def test_uncommitted_changes_can_be_ignored_and_that_is_recorded(repository: Path) -> None:
    (repository / "train.py").write_text("print('changed')\n")

    done = meticulous("run", "--dirty", "ignore", "--", "true", cwd=repository)

    (run,) = runs_of(repository)
    assert 0 == done.returncode
    assert run.read_metadata()["dirty"] is True


def test_norecord_runs_bare_and_makes_nothing(repository: Path) -> None:
    (repository / "train.py").write_text("import os; print(sorted(os.environ)); exit(7)\n")
    native = subprocess.run(
        [sys.executable, "train.py"], cwd=repository, capture_output=True, check=False
    )

    done = meticulous("run", "--norecord", "--", sys.executable, "train.py", cwd=repository)

    assert (7, native.stdout, b"") == (done.returncode, done.stdout, done.stderr)
    assert [] == runs_of(repository)


def test_an_experiments_directory_that_is_a_file(repository: Path) -> None:
    refused(repository, "--experiments-directory", "train.py", *TOUCH, says="train.py")
    refused(repository, "--experiments-directory", "train.py/deep", *TOUCH, says="is a file")


@needs_user
def test_a_read_only_experiments_directory(repository: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir(mode=0o555)
    command = [sys.executable, "-m", "meticulous", "run", "--no-git"]
    if os.geteuid() == 0:
        # Root writes anywhere: be somebody else, who can read the interpreter and the package.
        command = [
            "setpriv",
            "--bounding-set",
            "-all",
            "--inh-caps",
            "-all",
            "--no-new-privs",
            *command,
        ]

    done = subprocess.run(
        [*command, "--experiments-directory", str(store), *TOUCH],
        cwd=repository,
        capture_output=True,
        check=False,
    )

    assert 125 == done.returncode
    assert b"writable" in done.stderr
    assert [] == os.listdir(store)
    assert not (repository / "it-ran").exists()


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "../x"])
def test_an_id_that_is_no_name(repository: Path, run_id: str) -> None:
    refused(repository, f"--experiment-id={run_id}", *TOUCH, says="experiment id")


def test_an_id_that_exists(repository: Path) -> None:
    meticulous("run", "-q", "--experiment-id", "base", "--", "true", cwd=repository)

    done = meticulous("run", "--experiment-id", "base", *TOUCH, cwd=repository)

    assert 125 == done.returncode
    assert b"exists already" in done.stderr
    assert not (repository / "it-ran").exists()


def test_a_broken_settings_file_is_named_with_its_line(repository: Path) -> None:
    (repository / "meticulous.yaml").write_text("quiet: true\ntaag: x\n")

    refused(repository, *TOUCH, says="meticulous.yaml, line 2")


def test_a_wrong_variable(repository: Path) -> None:
    refused(
        repository, *TOUCH, says="METICULOUS_DIRTY", env={**os.environ, "METICULOUS_DIRTY": "x"}
    )


def test_a_current_directory_that_is_gone(repository: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd "$1" && rmdir "$1" && exec {sys.executable} -m meticulous run -- true'

    done = subprocess.run(["sh", "-c", script, "sh", str(gone)], capture_output=True, check=False)

    assert 125 == done.returncode
    assert b"has been removed" in done.stderr


def test_an_interpreter_that_does_not_exist_is_recorded_as_an_error(repository: Path) -> None:
    script = repository / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)

    done = meticulous("run", "--", "./script", cwd=repository)

    (run,) = runs_of(repository)
    assert 126 == done.returncode
    assert b"interpreter" in done.stderr
    assert "ERROR" == run.read_status()[0]


@pytest.mark.parametrize("words", [["rnu"], ["--frob"], ["ls", "--frob"], ["show"]])
def test_a_wrong_command_line_of_ours_has_exit_code_two(repository: Path, words: list[str]) -> None:
    done = meticulous(*words, cwd=repository)

    assert 2 == done.returncode
    assert done.stderr.startswith(b"meticulous: ")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["tag", "note"])
def test_what_is_not_required_is_not_asked_for(repository: Path, command: str) -> None:
    done = meticulous(command, cwd=repository)

    told = (
        f"meticulous: the following arguments are required: ID. See `meticulous {command} --help`"
    )
    assert f"{told}\n" == done.stderr.decode()


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["run", "--help"], ["ls", "--help"]])
def test_help_goes_to_stdout(repository: Path, words: list[str]) -> None:
    done = meticulous(*words, cwd=repository)

    assert (0, b"") == (done.returncode, done.stderr)
    assert b"usage: meticulous" in done.stdout


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_the_terminal(repository: Path, command: str) -> None:
    for width in (80, 120):
        environ = {**os.environ, "COLUMNS": str(width)}
        done = meticulous(*command.split(), "--help", cwd=repository, env=environ)

        assert all(len(line) <= width for line in done.stdout.decode().splitlines())


def test_the_version_is_told(repository: Path) -> None:
    from meticulous import __version__

    done = meticulous("--version", cwd=repository)

    assert f"meticulous {__version__}\n".encode() == done.stdout
