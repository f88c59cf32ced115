"""The column `program`, and that runs of different programs are never taken together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meticulous.arguments.launchers import program_name
from tests.conftest import meticulous

NAMES = {
    "python train.py --lr 1": "train.py",
    "/usr/bin/python3 -u src/train.py": "train.py",
    "python -m pkg.train --lr 1": "pkg.train",
    "python -c pass x": "python -c",
    "torchrun --nproc_per_node 8 train.py --lr 1": "train.py",
    "uv run train.py a": "train.py",
    "nohup nice -n 5 ./run.sh x": "run.sh",
    "sh -c echo": "sh -c",
    "train.py --k 3": "train.py",
    "Rscript fit.R 1": "fit.R",
    "": "",
}


@pytest.mark.parametrize("command", NAMES)
def test_a_program_has_the_name_that_people_call_it_by(command: str) -> None:
    assert program_name(command.split()) == NAMES[command]


def test_runs_of_two_programs_are_two_groups(repository: Path) -> None:
    for script in ("one.sh", "two.sh"):
        (repository / script).write_text("exit 0\n")
        for seed in (1, 2):
            words = ["run", "-q", "--", "sh", script, "--lr", "0.1", "--seed", str(seed)]
            assert meticulous(*words, cwd=repository).returncode == 0

    rows = json.loads(meticulous("ls", "--groupby", "args", "--json", cwd=repository).stdout)
    assert [(row["program"], row["runs"]) for row in rows] == [("one.sh", 2), ("two.sh", 2)]
    found = meticulous(
        "ls", "--filter", "program == 'two.sh'", "--columns", "expid", "--json", cwd=repository
    )
    assert json.loads(found.stdout) == [{"expid": 3}, {"expid": 4}]
    header = meticulous("ls", cwd=repository).stdout.splitlines()[0]
    assert b"program" in header
