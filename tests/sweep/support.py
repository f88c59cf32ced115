"""What the tests of sweeps share: a project with a program, the command, what the runs say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.state import State
from tests.conftest import git, meticulous, runs_of

PROGRAM = """\
import argparse, os, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--fast", action="store_true")
parser.add_argument("--wait", default="")
args = parser.parse_args()
if args.wait:
    open(f"{args.wait}.{args.seed}", "w").close()
    while not os.path.exists(args.wait + ".go"):
        time.sleep(0.01)
if args.seed == 13:
    raise ValueError(f"bad luck with {args.lr}")
import meticulous
meticulous.summary({"loss": args.lr * (args.seed + 1)})
print(args.lr, args.seed, args.fast)
"""


def program(repository: Path, text: str = PROGRAM) -> Path:
    """Put the program into the repository, as ``train.py``."""
    (repository / "train.py").write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "program")
    return repository


def sweep(project: Path, *words: str | Path, **options) -> subprocess.CompletedProcess[bytes]:
    """Run ``meticulous sweep``."""
    return meticulous("sweep", *words, cwd=project, **options)


def train(*more: str) -> list[str]:
    """Return the words for running the program."""
    return ["--", sys.executable, "train.py", *more]


def folder_of(project: Path, number: int = 1) -> SweepFolder:
    return SweepFolder(os.path.join(project, "sweeps", str(number)))


def state_of(project: Path, number: int = 1) -> State:
    state = State(folder_of(project, number))
    state.look()
    return state


def statuses(project: Path, number: int = 1) -> Counter[str]:
    """Count the last outcomes of the points."""
    state = state_of(project, number)
    return Counter(state.status(key) or "HELD" for key in state.claimed)


def runs_by_point(project: Path) -> dict[str, list[str]]:
    """List the states of the runs of each point."""
    found: dict[str, list[str]] = {}
    for run in runs_of(project):
        point = run.read_metadata()["sweep"]["point"]
        found.setdefault(point, []).append(run.read_status()[0])
    return found


def arguments(project: Path) -> list[dict[str, object]]:
    """List what the program parsed in each run."""
    return [json.loads(Path(run.file("args.json")).read_text()) for run in runs_of(project)]
