"""A parser that makes an Experiment, and then refuses the command line after all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import only_run, runs_of

TRAIN = """
import argparse, sys
from meticulous import Experiment
parser = argparse.ArgumentParser(); parser.add_argument("--lr", type=float, default=0.1)
Experiment.add_argument_group(parser)
experiment = Experiment.from_parser(parser, no_git=True{more})
{between}
{parse}
print("training with", args.lr)
"""
STRICT, OPEN = "args = parser.parse_args()", "args, _ = parser.parse_known_args()"


def train(
    project: Path, *words: str, parse: str = STRICT, between: str = "", more: str = ""
) -> subprocess.CompletedProcess[str]:
    code = TRAIN.format(parse=parse, between=between, more=more)
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        check=False,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "words", [["--lrr", "3"], ["extra"], ["--lr", "abc"], ["--lr"], ["--help"]]
)
def test_what_the_parser_refuses_is_no_run(tmp_path: Path, words: list[str]) -> None:
    done = train(tmp_path, *words)
    assert (0 if words == ["--help"] else 2) == done.returncode
    assert "usage:" in done.stdout + done.stderr
    assert [] == runs_of(tmp_path)


def test_unknown_words_that_the_program_takes_are_a_run(tmp_path: Path) -> None:
    assert "training with 3.0\n" == train(tmp_path, "--lr", "3", "--more", "1", parse=OPEN).stdout
    assert "SUCCESS" == only_run(tmp_path).read_status()[0]


def test_an_error_of_the_programs_own_is_a_run(tmp_path: Path) -> None:
    """It may have done something before."""
    done = train(tmp_path, "--more", parse=f"{OPEN}; parser.error('lr is too large')")
    assert 2 == done.returncode
    assert "ERROR" == only_run(tmp_path).read_status()[0]


def test_files_of_the_program_are_not_removed(tmp_path: Path) -> None:
    done = train(tmp_path, "--lrr", between="experiment.open('model', 'w').close()")
    assert 2 == done.returncode
    run = only_run(tmp_path)
    assert ("ERROR", 2) == (run.read_status()[0], run.read_metadata()["exit-code"])
    assert Path(run.file("model")).exists()


@pytest.mark.parametrize(
    ("more", "defaults"), [("", {"lr": 0.1}), (", capture_defaults=False", {})]
)
def test_defaults_may_be_left_out(tmp_path: Path, more: str, defaults: dict[str, float]) -> None:
    assert 0 == train(tmp_path, "--lr", "2", more=more).returncode
    run = only_run(tmp_path)
    assert ({"lr": 2.0}, defaults) == (
        run.read_json("args.json"),
        run.read_json("default_args.json"),
    )
