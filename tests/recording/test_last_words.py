"""The reason of a failed run is the line that says what was wrong, not a border or advice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.recording.last_words import telling
from meticulous.runfolder import headline
from tests.conftest import only_run
from tests.launch_support import METICULOUS

PROGRAMS = {
    "argparse": ("import argparse\np = argparse.ArgumentParser(); p.add_argument('--lr', type=float); p.parse_args()", "--lr x", "argument --lr: invalid float value: 'x'"),
    "argparse, unknown": ("import argparse\nargparse.ArgumentParser().parse_args()", "--lrr 1", "unrecognized arguments: --lrr 1"),
    "click": ("import click\n@click.command()\n@click.option('--lr', type=float)\ndef main(lr): pass\nmain()", "--lr x", "Invalid value for '--lr'"),
    "typer": ("import typer\ndef main(lr: float = 0.1): pass\ntyper.run(main)", "--lr x", "Invalid value for '--lr'"),
    "typer, unknown": ("import typer\ndef main(lr: float = 0.1): pass\ntyper.run(main)", "--lrr 1", "No such option: --lrr"),
    "tyro": ("import tyro\ndef main(lr: float = 0.1): pass\ntyro.cli(main)", "--lrr 3", "Unrecognized options"),
    "absl": ("from absl import app\napp.run(lambda _: None)", "--lr 1", "Unknown command line flag 'lr'"),
    "hydra": ("import hydra\n@hydra.main(version_base=None, config_path=None)\ndef main(c): pass\nmain()", "lrr=1", "Could not override 'lrr'"),
    "hydra, default": ("import hydra\n@hydra.main(version_base=None, config_path=None)\ndef main(c): pass\nmain()", "=x", "Could not override ''"),
    "hydra, exception": ("import hydra\n@hydra.main(version_base=None, config_path=None)\ndef main(c): raise ValueError('bad')\nmain()", "", "ValueError: bad"),
}  # fmt: skip


@pytest.mark.parametrize("kind", PROGRAMS)
def test_what_was_wrong_is_the_reason(kind: str, repository: Path) -> None:
    code, words, expected = PROGRAMS[kind]
    pytest.importorskip(kind.partition(",")[0])
    (repository / "program.py").write_text(code + "\n")
    (repository / ".gitignore").write_text("outputs\n")
    done = subprocess.run(
        [
            *METICULOUS,
            "run",
            "-q",
            "--dirty",
            "ignore",
            "--",
            sys.executable,
            "program.py",
            *words.split(),
        ],
        cwd=repository,
        capture_output=True,
        check=False,
    )
    assert done.returncode in (1, 2)

    state, message = only_run(repository).read_status()
    assert state == "ERROR"
    assert expected in headline(message)
    assert expected in only_run(repository).read_metadata()["reason"]


@pytest.mark.parametrize("text", ["", "done\n", "Loading: 50%\n", "a\nb\n\n", "----\n", "╰──╯\n"])
def test_where_nothing_is_known_nothing_is_told(text: str) -> None:
    assert telling(text) is None
