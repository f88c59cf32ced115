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


BY_SCRIPT = (
    START + "import multiprocessing, runpy\n"
    "p = argparse.ArgumentParser(); p.add_argument('--gpu', default='0'); p.add_argument('script')\n"
    "p.add_argument('rest', nargs='...')\n"
    "def start(script, rest):\n    sys.argv = [script, *rest]\n    runpy.run_path(script, run_name='__main__')\n"
    "if __name__ == '__main__':\n    found = p.parse_args()\n    "
)
WITHIN = {
    "in its own process": BY_SCRIPT + "start(found.script, found.rest)\n",
    "by exec of its text": BY_SCRIPT + "sys.argv[:] = [found.script, *found.rest]\n"
    "    exec(compile(open(found.script).read(), found.script, 'exec'),"
    " {'__name__': '__main__', '__file__': found.script})\n",
    "in a fork": BY_SCRIPT
    + "one = multiprocessing.get_context('fork').Process(target=start, args=(found.script, found.rest))\n"
    "    one.start(); one.join()\n",
    "in a spawned process": BY_SCRIPT
    + "one = multiprocessing.get_context('spawn').Process(target=start, args=(found.script, found.rest))\n"
    "    one.start(); one.join()\n",
    "unbuffered": BY_SCRIPT
    + "sys.exit(subprocess.call([sys.executable, '-u', found.script, *found.rest]))\n",
    "as a module": BY_SCRIPT
    + "sys.exit(subprocess.call([sys.executable, '-m', found.script, *found.rest]))\n",
}
ADDED = (
    BY_SCRIPT
    + "sys.exit(subprocess.call([sys.executable, found.script, *found.rest, '--rank=0']))\n"
)
IN_ONE_WORD = START + (
    "p = argparse.ArgumentParser(); p.add_argument('--gpu'); p.add_argument('command')\n"
    "sys.exit(subprocess.call(p.parse_args().command, shell=True))\n"
)


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


@pytest.mark.parametrize("words", [[], ["--lr", "0.3"]], ids=["bare", "with words"])
@pytest.mark.parametrize("kind", WITHIN)
def test_a_launcher_that_starts_a_script_by_its_name_is_not_the_program(
    kind: str, words: list[str], repository: Path
) -> None:
    (repository / "start.py").write_text(WITHIN[kind])
    (repository / "learn.py").write_text(TRAIN)
    name = "learn" if kind == "as a module" else "learn.py"
    done = record(repository, sys.executable, "start.py", "--gpu", "1", name, *words)

    lr = float(words[-1]) if words else 0.1
    assert (done.returncode, done.stdout) == (0, f"{lr}\n")
    run = only_run(repository)
    assert run.read_json("args.json") == {"lr": lr}
    assert "learn" in run.read_metadata()["args-source"]


def test_a_launcher_may_add_words(repository: Path) -> None:
    (repository / "start.py").write_text(ADDED)
    learn = TRAIN.replace("\nprint", "; p.add_argument('--rank', type=int)\nprint")
    (repository / "learn.py").write_text(learn)
    record(repository, sys.executable, "start.py", "learn.py", "--lr", "0.3")

    assert only_run(repository).read_json("args.json") == {"lr": 0.3, "rank": 0}


def test_a_launcher_may_have_the_command_in_one_word(repository: Path) -> None:
    (repository / "start.py").write_text(IN_ONE_WORD)
    (repository / "learn.py").write_text(TRAIN)
    record(repository, sys.executable, "start.py", f"{sys.executable} learn.py --lr 0.3")

    assert only_run(repository).read_json("args.json") == {"lr": 0.3}


def test_a_program_that_starts_a_script_of_which_it_was_told_is_the_program(
    repository: Path,
) -> None:
    (repository / "learn.py").write_text(
        START + "p = argparse.ArgumentParser(); p.add_argument('--lr', type=float)\n"
        "p.add_argument('--eval-script')\nfound = p.parse_args(); print(found.lr, flush=True)\n"
        "sys.exit(subprocess.call([sys.executable, found.eval_script, '--lr', '7']))\n"
    )
    (repository / "check.py").write_text(TRAIN)
    words = ["learn.py", "--lr", "0.3", "--eval-script", "check.py"]
    done = record(repository, sys.executable, *words)

    assert done.stdout == "0.3\n7.0\n"
    run = only_run(repository)
    assert run.read_json("args.json") == {"lr": 0.3, "eval_script": "check.py"}


def test_con_duct_is_not_the_program(repository: Path) -> None:
    pytest.importorskip("con_duct")
    (repository / "learn.py").write_text(TRAIN)
    words = ["-m", "con_duct.cli", "run", "-q", sys.executable, "learn.py", "--lr", "0.3"]
    done = record(repository, sys.executable, *words)

    assert (done.returncode, done.stdout) == (0, "0.3\n"), done.stderr
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
