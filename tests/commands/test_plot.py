"""``meticulous plot``: what is drawn in a terminal, in files, and exported."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

from meticulous import Experiments
from meticulous.errors import UsageError
from tests.asking_support import make_run
from tests.conftest import meticulous


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with four runs of two learning rates, one of which has diverged."""
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "experiments"
    directory.mkdir()
    for number in range(1, 5):
        lr, seed = (0.1, 0.01)[number // 3], number % 2
        folder = make_run(directory, number, {"lr": lr, "seed": seed}, {"loss": lr + seed})
        with Path(folder.file("metrics.jsonl")).open("w") as file:
            for step in range(200):
                loss: Any = 3 * math.exp(-step * lr / 5) + 0.1 + seed / 10
                if number == 4 and step > 150:
                    loss = "NaN"
                line = {"step": step, "loss": loss, "epoch": step / 50, "acc": step / 200}
                file.write(json.dumps(line) + "\n")
    return tmp_path


def out(*words: str, cwd: Path) -> tuple[list[str], str]:
    env = {**os.environ, "COLUMNS": "80", "LINES": "24", "PYTHONIOENCODING": "utf-8"}
    done = meticulous("plot", *words, cwd=cwd, env=env)
    assert 0 == done.returncode, done.stderr
    return done.stdout.decode().splitlines(), done.stderr.decode()


def test_a_curve_fits_in_eighty_columns(project: Path) -> None:
    lines, said = out("1", "loss", "--height", "8", cwd=project)

    assert "loss" == lines[0]
    assert 11 == len(lines)
    assert max(map(len, lines)) <= 80
    assert "⠁" <= lines[1][3] <= "⣿"  # the curve begins at the top left
    assert lines[-1].split()[0] == "0"
    assert lines[-1].endswith("step")
    assert "" == said


def test_runs_are_told_apart_by_letters_and_what_differs(project: Path) -> None:
    lines, said = out("1-4", "loss", cwd=project)

    text = "\n".join(lines)
    assert "a 1  lr=0.1  seed=1" in text
    assert "d 4  lr=0.01  seed=0" in text
    assert "×" in text
    assert "meticulous: run 4: loss is NaN 49 times, first at 151\n" == said


def test_without_names_each_metric_has_its_picture(project: Path) -> None:
    lines, _ = out("1", "-x", "epoch", cwd=project)

    assert ["loss", "acc"] == [line for line in lines if line in ("loss", "epoch", "acc")]


def test_groups_have_their_number_of_runs(project: Path) -> None:
    lines, _ = out("--filter", "args_lr > 0", "loss", "--groupby", "args", cwd=project)

    text = "\n".join(lines)
    assert "a lr=0.01  (n=2)" in text
    assert "b lr=0.1  (n=2)" in text


def test_columns_of_runs(project: Path) -> None:
    scatter, _ = out("--scatter", "args_lr", "summary_loss", cwd=project)
    assert "summary_loss" == scatter[0]
    assert 4 == "\n".join(scatter).count("●")
    heat, _ = out("--heatmap", "args_lr", "args_seed", "summary_loss", cwd=project)
    assert ["0", "0.01", "0.1"] == [
        part for part in heat[3].replace("░", " ").split() if part != "█"
    ]
    parallel, _ = out("1-4", "--parallel", "args_lr,args_seed,summary_loss", cwd=project)
    assert ["args_lr", "args_seed", "summary_loss"] == parallel[0].split()


def test_what_runs_have_used(project: Path) -> None:
    samples = [{"seconds": n, "cpu": 100.0 * n, "memory": 1e6 * n} for n in range(9)]
    path = project / "experiments" / "1" / "resources.jsonl"
    path.write_text(
        "".join(json.dumps(one) + "\n" for one in samples) + '{"seconds": "x"}\nnonsense'
    )

    lines, _ = out("1", "--resources", cwd=project)

    assert {"processor (% of a core)", "memory (MB)"} <= {*lines}
    assert any(line.startswith("500 ┤") for line in lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1", "los"], "no such metric: 'los'. Did you mean 'loss'?"),
        (["9"], "there is no run 9. See `meticulous ls`"),
        (["1", "loss", "-x", "epok"], "no such metric: 'epok'. Did you mean 'epoch'?"),
        (["1", "loss", "--smooth", "1"], "--smooth must be from 0 to below 1"),
        (["1", "loss", "-o", "a.gif"], "cannot draw into a.gif: unknown ending. Use one of .png"),
        (["1", "loss", "-o", "no/a.png"], "cannot write no/a.png: No such file or directory"),
        (["1", "loss", "-o", "a.png", "--style", "x"], "there is no style 'x'. Give a file, or"),
        (["1", "loss", "--style", "ggplot"], "--style needs -o FILE"),
        (["1", "loss", "--groupby", "args_x"], "no run has the column 'args_x'"),
        (["--scatter", "args_lr", "args_x"], "no column `args_x`"),
        (["1", "--resources"], "the runs have no samples of resources"),
        (["1", "--resources", "--groupby", "args"], "--resources, --groupby, --scatter"),
    ],
)
def test_errors_name_what_is_wrong(project: Path, words: list[str], said: str) -> None:
    done = meticulous("plot", *words, cwd=project)

    assert (b"", True) == (done.stdout, done.returncode in (1, 2))
    assert f"meticulous: {said}" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.parametrize(
    ("ending", "first"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_a_file_is_the_same_each_time(project: Path, ending: str, first: bytes) -> None:
    words = ("1-4", "loss", "--groupby", "args", "--log", "-o")

    for name in ("a", "b"):
        out(*words, f"{name}.{ending}", cwd=project)

    content = (project / f"a.{ending}").read_bytes()
    assert first == content[: len(first)]
    assert content == (project / f"b.{ending}").read_bytes()
    if ending == "svg":
        assert b"lr=0.01  (n=2)" in content  # text stays text


def test_the_points_that_are_drawn_are_exported(project: Path) -> None:
    out("1,2", "loss", "-x", "epoch", "--export", "out.csv", cwd=project)

    rows = list(csv.DictReader((project / "out.csv").read_text().splitlines()))
    assert {"1", "2"} == {row["run"] for row in rows}
    assert ("0.0", "1  seed=1") == (rows[0]["epoch"], rows[0]["label"])
    assert 3.2 == float(rows[0]["value"])
    assert "3.98" == rows[-1]["epoch"]


def test_figures_for_notebooks(project: Path) -> None:
    experiments = Experiments()

    figure = experiments[1].plot(["loss", "acc"], smooth=0.5)
    assert b"\x89PNG" == figure._repr_png_()[:4]  # type: ignore[attr-defined]
    assert ["loss", "acc"] == [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    grouped = experiments.plot("loss", runs=[1, 2], groupby="args", log=True)
    assert "log" == grouped.axes[0].get_yscale()
    with pytest.raises(UsageError, match="no run has logged nothing"):
        experiments.plot("nothing")
    with pytest.raises(KeyError, match="there is no run 9"):
        experiments.plot("loss", runs=[9])


def test_sparks_in_the_table_of_runs(project: Path) -> None:
    done = meticulous("ls", "--columns", "expid", "--spark", "loss", cwd=project)

    lines = done.stdout.decode().splitlines()
    assert ["expid", "spark_loss"] == lines[0].split()
    assert "█" == lines[1].split()[1][0]
    assert lines[4].endswith("×")
    assert b"Did you mean `loss`?" in meticulous("ls", "--spark", "los", cwd=project).stderr


def test_colours_on_a_terminal_and_a_picture_that_follows_the_run(project: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "meticulous", "plot", "1,2", "loss", "--watch"],
        cwd=str(project),
        dimensions=(30, 160),
        env={**os.environ, "TERM": "xterm-256color"},
        timeout=60,
    )
    child.expect(pexpect.EOF)
    child.close()
    content = child.before.decode()
    screen = pyte.Screen(160, 30)
    pyte.Stream(screen).feed(content)

    assert 0 == child.exitstatus
    assert "loss" == screen.display[0].strip()
    assert "\x1b[38;5;208m" in content  # of the run 1
    assert "38;5;35m" in content  # of the run 2
    assert any("a 1  seed=1" in line for line in screen.display)
