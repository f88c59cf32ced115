"""``run --detach``: checked in the foreground, then on its own."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import git, meticulous, only_run, runs_of, wait_until
from tests.launch_support import METICULOUS, Terminal


def ended(project: Path) -> bool:
    return bool(runs_of(project)) and only_run(project).read_status()[0] in ("SUCCESS", "ERROR")


def test_the_id_is_printed_and_the_run_goes_on(repository: Path) -> None:
    code = "echo out; echo err >&2; cat; readlink /proc/self/fd/0; exit 3"
    done = meticulous("run", "-d", "--", "sh", "-c", code, cwd=repository, input=b"not for it")
    assert (0, b"1\n") == (done.returncode, done.stdout)
    assert b"run 1 in " in done.stderr
    assert b"in the background: `meticulous logs -f 1`" in done.stderr
    wait_until(lambda: ended(repository))
    run = only_run(repository)
    assert ("ERROR", "exit code 3") == run.read_status()
    assert b"out\n/dev/null\n" == Path(run.file("stdout")).read_bytes()
    assert b"err\n" == Path(run.file("stderr")).read_bytes()


def test_it_outlives_the_terminal(repository: Path) -> None:
    """Its terminal is closed under it, as by a logout."""
    (repository / "train.py").write_text(
        "import os, sys, time\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "for k in range(1000): print('line', k)\n"
    )
    git(repository, "commit", "-qam", "train")
    words = f"{METICULOUS[0]} run -q -d -- {sys.executable} train.py experiments/closed; read _"
    with Terminal(["/bin/sh", "-c", words], repository) as terminal:
        terminal.wait_for("1\r\n")
    assert "RUNNING" == only_run(repository).read_status()[0]
    (repository / "experiments" / "closed").touch()
    wait_until(lambda: ended(repository))
    run = only_run(repository)
    assert ("SUCCESS", "") == run.read_status()
    expected = "".join(f"line {k}\n" for k in range(1000))
    assert expected == Path(run.file("stdout")).read_text()


def test_the_recorder_it_names_can_be_told_to_end(repository: Path) -> None:
    meticulous("run", "-q", "-d", "--", "sleep", "1000", cwd=repository)
    recorder = psutil.Process(only_run(repository).read_metadata()["pid"])
    assert recorder.terminal() is None
    assert ["sleep"] == [child.name() for child in recorder.children()]
    recorder.send_signal(signal.SIGTERM)
    wait_until(lambda: ended(repository))
    assert "SIGTERM" == only_run(repository).read_metadata()["signal"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nope"], 127, b"no command 'nope' in PATH"),
        (["./train.py"], 126, b"./train.py is not executable"),
        (["./broken"], 126, b"The interpreter on its first line (#!) does not exist"),
        (["--experiment-id", "a/b", "true"], 125, b"holds a slash"),
    ],
)
def test_what_goes_wrong_before_the_start_is_said_as_without(
    repository: Path, words: list[str], code: int, message: bytes
) -> None:
    (repository / "broken").write_text("#!/no/such/interpreter\n")
    (repository / "broken").chmod(0o755)
    seen = [
        meticulous("run", "-q", *options, *words, cwd=repository) for options in ([], ["--detach"])
    ]
    for done in seen:
        assert (code, b"") == (done.returncode, done.stdout)
        assert message in done.stderr
    assert seen[0].stderr == seen[1].stderr


def test_a_directory_that_cannot_be_made_is_said(repository: Path) -> None:
    (repository / "file").write_text("")
    where = ["--experiments-directory", "file"]
    done = meticulous("run", "-d", *where, "--dirty", "ignore", "true", cwd=repository)
    assert 125 == done.returncode
    assert b"cannot make a run in" in done.stderr
