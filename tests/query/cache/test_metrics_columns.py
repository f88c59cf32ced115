"""Columns of what runs have logged: in tables, filters, selectors, groups and DataFrames."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from meticulous import Experiments
from meticulous.errors import RunFolderError
from meticulous.metrics import best, table
from meticulous.query import selectors
from meticulous.query.cache import sqlite_file, stamps, sync
from meticulous.query.question import Question, Table, answer
from tests.asking_support import make_run


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Make three runs; the second has the lowest loss, the third logs nothing."""
    path = tmp_path / "experiments"
    path.mkdir()
    for number, losses in enumerate(([3.0, 2.0], [5.0, 1.0, 4.0], []), 1):
        make_run(path, number, minute=number, args={"lr": number % 2})
        log(path, number, *({"step": 10 * i, "loss": loss} for i, loss in enumerate(losses)))
    return path


def log(directory: Path, run: int, *lines: dict[str, Any]) -> None:
    with (directory / str(run) / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def _fail(error: RunFolderError) -> None:
    pytest.fail(str(error))


def ask(directory: Path, **words: Any) -> Table:
    return sync.ask(
        str(directory),
        lambda runs: answer(runs, Question(**words)),
        _fail,
    )


def ids(directory: Path, **words: Any) -> list[object]:
    return [row["expid"] for row in ask(directory, **words).rows]


def test_filters_and_sorting(directory: Path) -> None:
    for _ in range(2):  # from the folders, and from the index
        assert [2] == ids(directory, filter="metrics_loss_min < 1.5")
        assert [1] == ids(directory, filter="metrics_loss < 3 and status == 'SUCCESS'")
        assert [1] == ids(directory, filter="metrics_loss_min == metrics_loss")
        assert [3] == ids(directory, filter="metrics_loss.isnull()")
        assert [1, 2] == ids(directory, filter="metrics_loss + 1 > 0")
        assert [2, 1, 3] == ids(directory, sort=("metrics_loss",))
        assert [2, 1] == ids(
            directory, sort=("metrics_loss_min",), smallest_first=True, head=2, tail=None
        )


def test_selectors(directory: Path) -> None:
    def named(word: str) -> object:
        return sync.ask(
            str(directory), lambda runs: selectors.select_one(word, runs)["expid"], _fail
        )

    assert 2 == named("best:metrics_loss_min")
    assert 1 == named("best:metrics_loss")
    assert 2 == named("best:-metrics_loss_max")


def test_a_table_shows_the_last_value_where_no_summary_has_the_name(directory: Path) -> None:
    (directory / "1" / "summary.json").write_text('{"acc": 1}')
    log(directory, 2, {"step": 0, "acc": 0.5, "val": 2})

    shown = [name for name in ask(directory).names if name.startswith(("summary_", "metrics_"))]
    assert ["summary_acc", "metrics_loss", "metrics_val"] == shown
    assert "metrics_acc" in ask(directory).all_names


def test_a_table_of_many_names_shows_the_first(directory: Path) -> None:
    log(directory, 3, {"step": 0, **{f"n{number}": number for number in range(300)}})

    shown = [name for name in ask(directory).names if name.startswith("metrics_")]
    assert ["metrics_loss", *(f"metrics_n{number}" for number in range(11))] == shown
    # More columns than a table of SQLite has.
    assert [3] == ids(directory, filter="metrics_n299_max == 299")
    assert [299] == [row["metrics_n299"] for row in ask(directory, filter="expid == 3").rows]


def test_groups(directory: Path) -> None:
    table = ask(directory, groupby=("args_lr",))
    assert "metrics_loss_mean" in table.names
    assert "metrics_loss_min_mean" not in table.names
    chosen = ask(directory, groupby=("args_lr",), columns=("metrics_loss_min_mean",))
    assert [1.0, 2.0] == [row["metrics_loss_min_mean"] for row in chosen.rows]


def test_dataframes(directory: Path) -> None:
    frame = Experiments(experiments_directory=str(directory)).as_dataframe()

    assert [2.0, 1.0] == frame[("metrics", "loss_min")].tolist()[:2]
    assert 10 == frame[("metrics", "loss_min_step")][2]


def test_a_running_run_is_followed_and_only_what_is_new_is_read(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(directory, 4, minute=4, status="RUNNING")
    log(directory, 4, *({"step": step, "x": step} for step in range(5000)))
    assert [4999] == [row["metrics_x"] for row in ask(directory, filter="expid == 4").rows]
    log(directory, 4, {"step": 5000, "x": -1})
    sizes: list[int] = []
    parse = table.parse
    monkeypatch.setattr(best, "parse", lambda text, n: sizes.append(len(text)) or parse(text, n))

    (row,) = ask(directory, filter="metrics_x_min == -1").rows
    assert 5000 == row["metrics_x_min_step"]
    assert 0 < sum(sizes) < 100 * 5  # runs that have just ended are looked at as well


def test_a_run_that_is_over_is_not_read_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "MARGIN_S", 0.0)
    ids(directory)
    monkeypatch.setattr(best.Follower, "columns", lambda *_: pytest.fail("read again"))

    assert [2] == ids(directory, filter="metrics_loss_min < 1.5")


def test_a_file_that_cannot_be_read_has_no_columns(directory: Path) -> None:
    os.unlink(directory / "1" / "metrics.jsonl")
    os.mkfifo(directory / "1" / "metrics.jsonl")
    (directory / "2" / "metrics.jsonl").write_bytes(b"\xff\n{\n")

    assert [1, 2, 3] == ids(directory)
    assert [] == [name for name in ask(directory).all_names if name.startswith("metrics_")]


def test_runs_with_metrics_can_be_forgotten(directory: Path) -> None:
    ids(directory)
    shutil.rmtree(directory / "2")

    assert [1] == ids(directory, filter="metrics_loss > 0")
    connection = sqlite_file.on_disk(str(directory))
    try:
        assert [(1,)] == connection.execute("SELECT count(*) FROM best").fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("size", [10, 200_000])
def test_runs_with_many_metrics_are_chunks_of_their_own(
    directory: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(stamps, "CHUNK", 20)
    for number in range(4, 9):
        make_run(directory, number)
        log(directory, number, {"step": 0, "text": "x" * size})
    done: list[int] = []

    sync.ask(str(directory), lambda runs: runs.count(), _fail, lambda n, _: done.append(n))
    assert ([8] if size == 10 else [4, 5, 6, 7, 8]) == done
