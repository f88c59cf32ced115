"""Arguments, tracebacks and summaries as `meticulous run` records them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from meticulous.runfolder import (
    ARGS,
    DEFAULT_ARGS,
    ENVIRONMENT,
    ERROR,
    METADATA,
    REPORTS,
    SUCCESS,
    SUMMARY,
    RunFolder,
)
from tests.conftest import git, meticulous, only_run

TRAIN = """
import argparse, os, sys
import meticulous
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--end", default="well")
parser.add_argument("--api-key")
args = parser.parse_args()
meticulous.summary({"loss": args.lr / 2, "key": args.epochs})
with meticulous.open("models/best.txt", "w") as file:
    file.write("best")
if args.end == "crash": os._exit(9)
if args.end == "raise": raise ValueError("bad end")
if args.end == "message": sys.exit("no data found")
"""


@pytest.fixture
def project(repository: Path) -> Path:
    (repository / "train.py").write_text(TRAIN)
    (repository / "run.sh").write_text(f"{sys.executable} train.py --lr 7\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "train")
    return repository


def recorded(project: Path, *words: str, **options: Any) -> RunFolder:
    meticulous("run", "-q", "--", *words, cwd=project, **options)
    return only_run(project)


def test_arguments_and_defaults_are_those_of_the_program(project: Path) -> None:
    run = recorded(project, sys.executable, "train.py", "--lr", "1e-2")

    assert {"lr": 0.01, "epochs": 3, "end": "well", "api_key": None} == run.read_json(ARGS)
    defaults = {"lr": 0.1, "epochs": 3, "end": "well", "api_key": None}
    assert defaults == run.read_json(DEFAULT_ARGS)
    metadata = run.read_metadata()
    assert f"argparse in train.py (pid {metadata['child-pid']})" == metadata["args-source"]
    assert ["lr"] == metadata["args-given"]
    assert SUCCESS == run.read_status()[0]
    assert {"loss": 0.005, "key": 3} == run.read_json(SUMMARY)
    assert "best" == Path(run.file("models/best.txt")).read_text()
    executable = run.read_json(ENVIRONMENT)["python"]["executable"]
    assert os.path.realpath(sys.executable) == os.path.realpath(executable)


@pytest.mark.parametrize("end", ["crash", "raise"])
def test_arguments_survive_a_bad_end(project: Path, end: str) -> None:
    run = recorded(project, sys.executable, "train.py", "--end", end)

    assert end == run.read_json(ARGS)["end"]
    state, message = run.read_status()
    assert ERROR == state
    assert message.endswith("exit code 9" if end == "crash" else "ValueError: bad end")


def test_the_traceback_is_plain_though_stderr_is_redirected(project: Path) -> None:
    command = f"exec {sys.executable} train.py --end raise 2> /dev/null"

    run = recorded(project, "sh", "-c", command)

    assert run.read_status()[1].startswith("Traceback (most recent call last):\n")
    assert run.read_status()[1].endswith("\nValueError: bad end")


def test_a_message_of_sys_exit_is_the_reason(project: Path) -> None:
    run = recorded(project, sys.executable, "train.py", "--end", "message")

    assert (ERROR, "exit code 1: no data found") == run.read_status()


def test_through_a_shell_script(project: Path) -> None:
    assert 7.0 == recorded(project, "sh", "run.sh").read_json(ARGS)["lr"]


def test_no_secret_is_anywhere_in_the_folder(project: Path) -> None:
    secret = "sk-" + "a1b2c3d4" * 6

    run = recorded(project, sys.executable, "train.py", "--api-key", secret, "--end", "raise")

    files = [file for file in Path(run.path).rglob("*") if file.is_file()]
    assert [] == [file for file in files if secret.encode() in file.read_bytes()]


def test_a_run_within_a_run_has_its_own_arguments(project: Path) -> None:
    inner = [sys.executable, "-m", "meticulous", "run", "-q", "--experiment-id", "inner", "--"]
    inner += [sys.executable, "train.py", "--lr", "5"]
    (project / "outer.py").write_text(
        "import argparse, os, subprocess, sys\n"
        "parser = argparse.ArgumentParser(); parser.add_argument('--x'); parser.parse_args()\n"
        f"sys.exit(subprocess.call({inner!r}))\n"
    )

    command = ["run", "-q", "--dirty", "ignore", "--experiment-id", "outer", "--"]
    done = meticulous(*command, sys.executable, "outer.py", "--x", "1", cwd=project)

    assert 0 == done.returncode, done.stderr
    folders = {name: RunFolder(str(project / "experiments" / name)) for name in ("outer", "inner")}
    assert {"x": "1"} == folders["outer"].read_json(ARGS)
    assert 5.0 == folders["inner"].read_json(ARGS)["lr"]
    assert {"loss": 2.5, "key": 3} == folders["inner"].read_json(SUMMARY)
    assert not os.path.exists(folders["outer"].file(SUMMARY))


def test_a_hostile_report_is_one_warning(project: Path) -> None:
    (project / "evil.py").write_text(
        "import os\nfolder = os.environ['METICULOUS_RUN_DIR'] + '/reports'\n"
        "os.makedirs(folder, exist_ok=True)\n"
        "for n in range(3): open(f'{folder}/{n}-x.json', 'w').write('{' * 100)\n"
        "open(folder + '/9-x.json', 'wb').truncate(200 << 20)\n"
    )

    done = meticulous(
        "run", "--dirty", "ignore", "--", sys.executable, "evil.py", "--a=1", cwd=project
    )

    run = only_run(project)
    assert SUCCESS == run.read_status()[0]
    assert {"a": 1} == run.read_json(ARGS)
    assert done.stderr.count(b"report") <= 1, done.stderr


def test_reports_that_the_child_removes_leave_the_shape_of_argv(project: Path) -> None:
    text = "import os, shutil; shutil.rmtree(os.environ['METICULOUS_RUN_DIR'] + '/reports')"

    run = recorded(project, sys.executable, "-c", text, "--a=1")

    assert SUCCESS == run.read_status()[0]
    assert {"a": 1} == run.read_json(ARGS)


def test_reports_are_kept_in_the_folder(project: Path) -> None:
    run = recorded(project, sys.executable, "train.py")

    (report,) = Path(run.file(REPORTS)).glob("*.json")
    assert 1 == json.loads(report.read_text())["format"]
    assert 0o600 == report.stat().st_mode & 0o777
    assert METADATA in os.listdir(run.path)


def test_a_refused_command_line_is_the_reason(project: Path) -> None:
    run = recorded(project, sys.executable, "train.py", "--lr", "fast")

    reason = "exit code 2: train.py: error: argument --lr: invalid float value: 'fast'"
    assert (ERROR, reason) == run.read_status()


@pytest.mark.parametrize(
    "said", ["", "0%|  | 1/2\r100%|#| 2/2\n", "a.py:3: UserWarning: x\n  warn(x)\n", "no newline"]
)
def test_what_is_no_message_is_not_taken_for_one(project: Path, said: str) -> None:
    run = recorded(
        project, sys.executable, "-c", f"import sys; sys.stderr.write({said!r}); exit(1)"
    )

    assert (ERROR, "exit code 1") == run.read_status()
