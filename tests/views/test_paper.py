"""Groups that go into a paper: short names, mean ± std, nothing that never differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from meticulous.runfolder import ERROR
from tests.asking_support import make_run
from tests.conftest import meticulous


@pytest.fixture
def project(repository: Path) -> Path:
    """Two learning rates with two seeds each, a failed run, and a result that never differs."""
    directory = repository / "experiments"
    for number, (lr, seed) in enumerate([(0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1)], 1):
        args = {"lr": lr, "epochs": 3, "seed": seed}
        make_run(directory, number, args, {"val_acc": lr + seed / 100, "parameters": 7, "tag": "x"})
    make_run(directory, 5, {"lr": 0.3, "epochs": 3, "seed": 0}, status=ERROR, message="no")
    return repository


def lines(project: Path, *words: str, ending: str = "md") -> list[str]:
    done = meticulous("ls", *words, f"--export=-.{ending}", cwd=project)
    assert (0, b"") == (done.returncode, done.stderr)
    return [" ".join(line.split()) for line in done.stdout.decode().splitlines()]


def test_what_never_differs_and_groups_without_results_are_left_out(project: Path) -> None:
    note, _, heads, _, *rows = lines(project, "--groupby", "args")

    assert ("<!-- in all rows: args_epochs=3 -->", "| lr | runs | val_acc |") == (note, heads)
    assert ["| 0.1 | 2 | 0.1050 ± 0.0071 (2) |", "| 0.2 | 2 | 0.2050 ± 0.0071 (2) |"] == rows


def test_the_number_of_runs_can_be_left_out(project: Path) -> None:
    table = lines(project, "--groupby", "args", "--no-n", ending="tex")

    assert r"lr & val\_acc \\" in table
    assert r"0.1 & 0.1050 $\pm$ 0.0071 \\" in table


def test_a_result_is_named_plainly(project: Path) -> None:
    words = (
        "--groupby",
        "args_lr",
        "--columns",
        "summary_val_acc,duration",
        "--sort",
        "summary_val_acc",
    )

    table = lines(project, *words)
    piped = meticulous("ls", *words, cwd=project).stdout.decode().split()

    assert "| lr | val_acc | duration |" == table[0]
    assert ["0.2", "0.1", "0.3"] == [line.split()[1] for line in table[2:]]
    columns = "args_lr summary_val_acc_mean summary_val_acc_std duration_mean duration_std"
    assert columns.split() == piped[:5]


def test_duration_is_in_a_table_only_when_it_is_asked_for(project: Path) -> None:
    words = ("ls", "--groupby", "args_lr")

    assert b"duration" not in meticulous(*words, cwd=project).stdout
    assert b"duration_mean" in meticulous(*words, "--columns", "duration", cwd=project).stdout
