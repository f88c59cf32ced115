"""Many runs at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import meticulous, runs_of

STARTS = 200


def test_two_hundred_starts_at_once_are_two_hundred_runs(repository: Path) -> None:
    command = [sys.executable, "-m", "meticulous", "run", "-q", "--", "true"]
    # One shell starts them all, as fast as it can, and waits for all.
    script = f'for i in $(seq {STARTS}); do "$@" & done; wait'

    done = subprocess.run(
        ["bash", "-c", script, "bash", *command],
        cwd=repository,
        capture_output=True,
        timeout=170,
        check=False,
    )

    runs = runs_of(repository)
    assert b"" == done.stderr
    assert [str(number) for number in range(1, STARTS + 1)] == [run.id for run in runs]
    assert {("SUCCESS", "")} == {run.read_status() for run in runs}
    assert STARTS == len({run.read_metadata()["child-pid"] for run in runs})


def test_an_id_is_not_given_again_when_the_newest_run_is_deleted(repository: Path) -> None:
    for _ in range(2):
        meticulous("run", "-q", "--", "true", cwd=repository)
    shutil.rmtree(repository / "experiments" / "2")

    meticulous("run", "-q", "--", "true", cwd=repository)

    assert ["1", "3"] == [run.id for run in runs_of(repository)]


def test_given_ids_are_names_and_numbers_go_on_after_them(repository: Path) -> None:
    for words in (["--experiment-id", "baseline"], ["--experiment-id", "7"], []):
        meticulous("run", "-q", *words, "--", "true", cwd=repository)

    assert ["7", "8", "baseline"] == [run.id for run in runs_of(repository)]


def test_a_run_within_a_run_names_its_parent(repository: Path) -> None:
    inner = [sys.executable, "-m", "meticulous", "run", "-q", "--", "true"]

    meticulous("run", "-q", "--", *inner, cwd=repository)

    outer, nested = runs_of(repository)
    assert None is outer.read_metadata()["parent"]
    assert "1" == nested.read_metadata()["parent"]
    assert os.path.samefile(outer.path, repository / "experiments" / "1")
