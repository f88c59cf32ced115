"""Which of several Python processes is the program, whatever has started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import only_run
from tests.launch_support import METICULOUS

TRAIN = "import argparse\np = argparse.ArgumentParser(); p.add_argument('--lr', type=float, default=0.1)\nprint(p.parse_args().lr)\n"
START = "import argparse, os, subprocess, sys\n"
LAUNCHERS = {
    "that parses the rest": START
    + "p = argparse.ArgumentParser(); p.add_argument('--lr', default='9'); p.add_argument('command', nargs=argparse.REMAINDER)\n"
    "sys.exit(subprocess.call(p.parse_args().command))\n",
    "that parses known words": START
    + "p = argparse.ArgumentParser(); p.add_argument('--nodes', default='1'); _, rest = p.parse_known_args()\n"
    "sys.exit(subprocess.call(rest))\n",
    "that becomes the program": START
    + "p = argparse.ArgumentParser(); p.add_argument('--nodes', default='1'); _, rest = p.parse_known_args()\n"
    "os.execvp(rest[0], rest)\n",
    "that waits in a thread": START
    + "import threading\np = argparse.ArgumentParser(); p.add_argument('command', nargs='+')\n"
    "words = sys.argv[1:]\nthread = threading.Thread(target=subprocess.call, args=(words,)); thread.start(); thread.join()\n",
}


def record(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*METICULOUS, "run", "-q", "--", *words],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", LAUNCHERS)
def test_a_launcher_that_is_on_no_list_is_not_the_program(kind: str, repository: Path) -> None:
    (repository / "start.py").write_text(LAUNCHERS[kind])
    (repository / "learn.py").write_text(TRAIN)
    done = record(repository, sys.executable, "start.py", sys.executable, "learn.py", "--lr", "0.3")

    assert (done.returncode, done.stdout) == (0, "0.3\n")
    run = only_run(repository)
    assert run.read_json("args.json") == {"lr": 0.3}
    assert "learn.py" in run.read_metadata()["args-source"]


def test_workers_of_joblib_are_not_the_program(repository: Path) -> None:
    pytest.importorskip("joblib")
    (repository / "shaped.py").write_text(
        "from joblib import Parallel, delayed\n"
        "if __name__ == '__main__': print(sum(Parallel(n_jobs=2)(delayed(abs)(i) for i in range(4))))\n"
    )
    done = record(repository, sys.executable, "shaped.py", "--lr", "0.3")

    assert (done.returncode, done.stdout) == (0, "6\n")
    run = only_run(repository)
    assert run.read_json("args.json") == {"lr": 0.3}
    assert run.read_metadata()["args-source"] == "argv"
