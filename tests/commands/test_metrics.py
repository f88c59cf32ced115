"""``meticulous metrics`` and ``meticulous log``: what a person types, and what scripts get."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pexpect
import pytest

from meticulous.metrics.event_files import EventFile
from tests.asking_support import make_run
from tests.conftest import meticulous


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a folder with two runs that have logged, and one that has not."""
    directory = tmp_path / "experiments"
    directory.mkdir()
    for number in (1, 2, 3):
        make_run(directory, number, tags=["base"] if number < 3 else [])
    for number in (1, 2):
        losses = [3.0, 2.0 / number, float("nan")]
        log(tmp_path, number, *({"step": i, "train/loss": x} for i, x in enumerate(losses)))
    log(tmp_path, 1, {"step": 2, "val acc": 0.5, "note": "<b>\x1b[31m"})
    return tmp_path


def log(project: Path, run: int | str, *lines: dict[str, Any]) -> None:
    with (project / "experiments" / str(run) / "metrics.jsonl").open("a") as file:
        for line in lines:
            file.write(json.dumps({"time": 1764046331.5, **line}) + "\n")


def out(*words: str, cwd: Path, code: int = 0) -> str:
    done = meticulous(*words, cwd=cwd)
    assert code == done.returncode, done.stderr
    return (done.stdout if code == 0 else done.stderr).decode()


def test_an_overview_of_a_run(project: Path) -> None:
    shown = out("metrics", "1", cwd=project).splitlines()

    heads = [
        "name",
        "points",
        "first",
        "last",
        "at step",
        "lowest",
        "at step",
        "highest",
        "at step",
    ]
    assert heads == re.split(r"\s{2,}", shown[0])
    assert ["train/loss", "3", "3", "NaN", "2", "2", "1", "3", "0"] == shown[1].split()
    assert shown[2].startswith("val acc")
    assert "\x1b" not in shown[3]


def test_the_last_run_is_meant_where_none_is_named(project: Path) -> None:
    log(project, 3, {"step": 0, "x": 7})

    assert "x" in out("metrics", cwd=project)
    assert "7" in out("metrics", "x", cwd=project)


def test_values_step_by_step(project: Path) -> None:
    shown = out("metrics", "1-2", "train/loss", cwd=project).splitlines()

    assert ["run", "step", "train/loss"] == shown[0].split()
    assert [["1", "0", "3.0"], ["1", "1", "2.0"], ["1", "2", "NaN"]] == [
        line.split() for line in shown[1:4]
    ]
    assert 7 == len(shown)
    tail = out("metrics", "1", "2", "train/*", "--tail", "1", cwd=project).splitlines()
    assert [["1", "2", "NaN"], ["2", "2", "NaN"]] == [line.split() for line in tail[1:]]
    head = out("metrics", "@base", "train/loss", "--head", "1", cwd=project).splitlines()
    assert [["1", "0", "3.0"], ["2", "0", "3.0"]] == [line.split() for line in head[1:]]


def test_json(project: Path) -> None:
    (one, *_) = json.loads(out("metrics", "2", "--json", cwd=project))
    assert ("train/loss", 3, 1.0, 1) == tuple(
        one[key] for key in ("name", "points", "min", "min_step")
    )
    rows = json.loads(out("metrics", "1", "val acc", "--json", cwd=project))
    time = 1764046331.5
    expected = {"expid": 1, "step": 2, "time": time, "attempt": 1, "rank": 0, "val acc": 0.5}
    assert [expected] == rows


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1", "los"], "no such metric: 'los'. There is: train/loss, val acc, note"),
        (["1", "train/lo"], "no such metric: 'train/lo'. Did you mean 'train/loss'?"),
        (["3", "x"], "no such metric: 'x'. The run has logged nothing"),
        (["9"], "there is no run 9. See `meticulous ls`"),
        (["1", "--export", "x.txt"], "cannot export to x.txt: unknown ending. Use one of .csv"),
        (["1", "--tail", "-1"], "--tail cannot be negative"),
        (["1", "--dry-run"], "--dry-run needs --from-output"),
        (["1", "--from-output", "nope"], "metrics: there is no preset 'nope'"),
    ],
)
def test_errors_name_what_is_wrong(project: Path, words: list[str], said: str) -> None:
    done = meticulous("metrics", *words, cwd=project)

    assert 0 != done.returncode
    assert b"" == done.stdout
    assert f"meticulous: {said}" in done.stderr.decode()


def test_a_run_without_metrics_is_said(project: Path) -> None:
    done = meticulous("metrics", "3", cwd=project)

    assert (0, b"") == (done.returncode, done.stdout)
    assert b"meticulous: run 3 has logged no metrics\n" == done.stderr


def test_lines_that_are_broken_are_counted(project: Path) -> None:
    with (project / "experiments/1/metrics.jsonl").open("a") as file:
        file.write("nonsense\n{\n")

    done = meticulous("metrics", "1", cwd=project)
    assert b"2 lines of the metrics of run 1 are no JSON" in done.stderr
    assert b"train/loss" in done.stdout


def test_attempts(project: Path) -> None:
    log(project, 3, {"step": 0, "x": 1}, {"step": 0, "x": 2, "attempt": 2})

    assert 2 == len(out("metrics", "3", "x", cwd=project).splitlines())
    every = out("metrics", "3", "x", "--all", cwd=project).splitlines()
    assert [["step", "attempt", "x"], ["0", "1", "1.0"], ["0", "2", "2.0"]] == [
        line.split() for line in every
    ]


def test_export_as_csv(project: Path) -> None:
    done = meticulous("metrics", "1,2", "--export", "out.csv", cwd=project)
    assert b"meticulous: wrote 7 lines of 2 runs to out.csv\n" == done.stderr

    with (project / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert ["1", "1", "1", "1", "2", "2", "2"] == [row["expid"] for row in rows]
    assert ["3.0", "2.0", "NaN", ""] == [row["train/loss"] for row in rows[:4]]
    assert ("0.5", "<b>\x1b[31m") == (rows[3]["val acc"], rows[3]["note"])
    assert {"1764046331.5"} == {row["time"] for row in rows}


def test_export_as_json(project: Path) -> None:
    out("metrics", "2", "--export", "out.json", cwd=project)
    out("metrics", "2", "--export", "out.jsonl", cwd=project)

    rows = json.loads((project / "out.json").read_text())
    assert [3.0, 1.0, "NaN"] == [row["train/loss"] for row in rows]
    lines = (project / "out.jsonl").read_text().splitlines()
    assert rows == [json.loads(line) for line in lines]


def test_export_as_parquet_and_pickle(project: Path) -> None:
    pytest.importorskip("pyarrow")
    for ending, read in (("parquet", pd.read_parquet), ("pd", pd.read_pickle)):
        out("metrics", "@base", "train/loss", "--export", f"out.{ending}", cwd=project)
        frame = read(project / f"out.{ending}")
        assert [1, 1, 1, 2, 2, 2] == frame["expid"].tolist()
        assert [3.0, 1.0] == frame["train/loss"].tolist()[3:5]
        assert "val acc" not in frame.columns


def test_export_for_tensorboard(project: Path) -> None:
    out("metrics", "1", "--export", "one.tfevents", cwd=project)
    out("metrics", "1,2", "--export", "both.tfevents", cwd=project)
    out("metrics", "1,2", "--export", "both.tfevents", cwd=project)

    found = [scalar[:3] for scalar in EventFile(str(project / "one.tfevents")).read()]
    assert [(step, 1764046331.5, "train/loss") for step in range(3)] == found[:3]
    assert (2, 1764046331.5, "val acc") == found[3]
    folders = {path.name: os.listdir(path) for path in (project / "both.tfevents").iterdir()}
    assert {"1": 1, "2": 1} == {name: len(files) for name, files in folders.items()}


def test_a_place_that_cannot_be_written_is_named(project: Path) -> None:
    told = out("metrics", "1", "--export", "no/out.csv", cwd=project, code=1)

    assert "meticulous: cannot write no/out.csv: No such file or directory" in told


def test_on_a_terminal_curves_are_drawn_and_lines_are_few(project: Path) -> None:
    log(project, 3, *({"step": step, "x": step} for step in range(100)))

    def shown(*words: str) -> str:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "meticulous", "metrics", *words],
            cwd=str(project),
            dimensions=(40, 100),
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},  # type: ignore[arg-type]
        )
        child.expect(pexpect.EOF, timeout=30)
        assert isinstance(child.before, str)
        return child.before

    assert "▁▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▆▇▇▇███" in shown("3")
    values = shown("3", "x")
    assert "the last 20 of 100 lines" in values
    assert 22 == len(values.splitlines())


def test_watching_ends_with_the_run(repository: Path) -> None:
    (repository / "train.py").write_text(
        "import time, meticulous\n"
        "for i in range(5):\n    meticulous.log({'x': i}); time.sleep(0.1)\n"
    )
    python = [sys.executable, "train.py"]
    meticulous("run", "--dirty", "ignore", "-d", "-q", "--", *python, cwd=repository)
    shown = out("metrics", "last", "x", "--watch", "0.1", cwd=repository).splitlines()

    assert ["4", "4.0"] == shown[-1].split()


def test_metrics_of_an_old_run_are_read_from_its_output(repository: Path) -> None:
    (repository / "train.py").write_text(
        "for i in range(3): print(f'epoch {i}: loss={1 / (i + 1)}')"
    )
    python = [sys.executable, "train.py"]
    meticulous("run", "--dirty", "ignore", "-q", "--", *python, cwd=repository)
    path = repository / "experiments/1/metrics.jsonl"

    dry = meticulous("metrics", "1", "--from-output", "pairs", "--dry-run", cwd=repository)
    assert b"loss=0.5    from: epoch 1: loss=0.5" in dry.stdout
    assert not path.exists()

    assert 0 == meticulous("metrics", "1", "--from-output", "pairs", cwd=repository).returncode
    assert [1.0, 0.5] == [json.loads(line)["loss"] for line in path.read_text().splitlines()][:2]
    assert "1 " in out("ls", "--filter", "metrics_loss_min < 0.4", cwd=repository)
    again = out("metrics", "1", "--from-output", "pairs", cwd=repository, code=2)
    assert "have been read from its output already" in again


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "3").mkdir()
    monkeypatch.setenv("METICULOUS_RUN_DIR", str(tmp_path / "3"))
    return tmp_path


def test_log_for_programs_of_any_language(run: Path) -> None:
    (run / "values.json").write_text('{"b": 2, "step": 9}')
    for words in (
        ["loss=0.5", "a b=x"],
        ["loss=nan"],
        ["loss=1", "--step", "7.5"],
        ["loss=2"],
        ["--json", "values.json"],
    ):
        out("log", *words, cwd=run)

    lines = [json.loads(line) for line in (run / "3/metrics.jsonl").read_text().splitlines()]
    for line in lines:
        assert line.pop("time") > 1.7e9
    assert [
        {"step": 0, "loss": 0.5, "a b": "x"},
        {"step": 1, "loss": "NaN"},
        {"step": 7.5, "loss": 1},
        {"step": 8, "loss": 2},
        {"step": 9, "b": 2},
    ] == lines


def test_log_refuses_what_it_does_not_understand(run: Path) -> None:
    told = out("log", "12", cwd=run, code=2)
    assert "'12' is not NAME=VALUE. Write for instance loss=0.12, or `meticulous logs 12`" in told
    assert "nothing to log" in out("log", cwd=run, code=2)


def test_log_outside_a_run_does_nothing(tmp_path: Path) -> None:
    assert "" == out("log", "loss=1", cwd=tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_show_tells_of_each_metric(project: Path) -> None:
    shown = out("show", "1", cwd=project)

    assert re.search(r"train/loss +█▁× +3 → NaN, lowest 2 at 1, highest 3 at 0", shown)
    assert re.search(r"val acc +▅ +0.5\n", shown)
    (record,) = json.loads(out("show", "1", "--json", cwd=project))
    assert [0.5] == [one["last"] for one in record["metrics"] if one["name"] == "val acc"]


def test_show_tells_of_the_first_of_many(project: Path) -> None:
    log(project, 3, {"step": 0, **{f"n{number}": number for number in range(10_000)}})

    assert "9950 more: see `meticulous metrics`" in out("show", "3", cwd=project)
