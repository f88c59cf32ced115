"""What a recorded program calls: summary, log, open and where the run is."""

from __future__ import annotations

import enum
import glob
import json
import math
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from meticulous import runfolder
from meticulous.child import helper
from meticulous.runfolder import METRICS, SUMMARY, RunFolder

PYTHONS = [
    path
    for path in sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3*/bin/python")))
    if os.access(path, os.X_OK)
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    path = tmp_path / "17"
    path.mkdir()
    monkeypatch.setenv("METICULOUS_RUN_DIR", str(path))
    monkeypatch.setattr(helper, "_complained", set())
    return RunFolder(str(path))


def lines(run: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(run.file(METRICS)).read_text().splitlines()]


def test_where_the_run_is(run: RunFolder) -> None:
    assert run.path == helper.run_directory()
    assert "17" == helper.run_id()


def test_outside_a_run_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    helper.summary({"loss": 1})
    helper.log({"loss": 1})

    assert helper.run_directory() is None
    assert helper.run_id() is None
    assert [] == list(tmp_path.iterdir())


def test_outside_a_run_open_is_in_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with helper.open("a/b.txt", "w") as file:
        file.write("x")

    assert "x" == (tmp_path / "a" / "b.txt").read_text()


def test_summaries_are_merged(run: RunFolder) -> None:
    helper.summary({"loss": 1, "model": {"depth": 2}})
    helper.summary({"loss": 0.5, "done": True, "note": None, "list": [1, (2, "x")]})

    assert {
        "loss": 0.5,
        "model": {"depth": 2},
        "done": True,
        "note": None,
        "list": [1, [2, "x"]],
    } == run.read_json(SUMMARY)


def test_numbers_that_are_not_finite_survive(run: RunFolder) -> None:
    helper.summary({"a": float("nan"), "b": [float("inf"), {"c": -math.inf}]})
    helper.summary({"d": 1})

    got = run.read_json(SUMMARY)

    assert math.isnan(got.pop("a"))
    assert {"b": [math.inf, {"c": -math.inf}], "d": 1} == got


def test_scalars_of_numpy(run: RunFolder) -> None:
    np = pytest.importorskip("numpy")

    helper.summary(
        {"f": np.float32(0.5), "d": np.float64(2), "i": np.int64(3), "b": np.bool_(True)}
    )
    helper.summary({"zero-dim": np.array(4), "s": np.str_("x")})

    got = run.read_json(SUMMARY)
    assert {"f": 0.5, "d": 2.0, "i": 3, "b": True, "zero-dim": 4, "s": "x"} == got
    assert got["b"] is True


class Level(enum.IntEnum):
    HIGH = 3


def test_a_class_made_of_a_number_is_the_number(run: RunFolder) -> None:
    helper.summary({"level": Level.HIGH, 3: "key"})

    assert {"level": 3, "3": "key"} == run.read_json(SUMMARY)


def test_other_values_are_kept_as_text_and_said_once(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        helper.summary({"model": {"opt": complex(1, 2)}, None: 1, (1, 2): True})
    with pytest.raises(TypeError, match="give a dict of names and values, not list"):
        helper.summary([1])

    assert run.read_json(SUMMARY) == {"model": {"opt": "(1+2j)"}, "None": 1, "(1, 2)": True}
    said = capsys.readouterr().err
    assert said == "meticulous: the value of 'model.opt' is a complex, which is kept as text\n"


class Colour(str, enum.Enum):
    RED = "red"


def test_odd_numbers_and_names_end_no_training(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    np = pytest.importorskip("numpy")

    helper.summary(
        {
            "long": np.longdouble("0.5"),
            "array": np.arange(3, dtype=np.float32),
            "colour": Colour.RED,
            "classes": {np.int64(0): 1, np.str_("b"): np.float16(2), Colour.RED: np.bool_(True)},
            "date": np.datetime64("2026-11-25"),
            "large": np.zeros((100, 100)),
        }
    )

    found = run.read_json(SUMMARY)
    assert found["large"].startswith("[[0.")
    del found["large"]
    assert found == {
        "long": 0.5,
        "array": [0.0, 1.0, 2.0],
        "colour": "red",
        "classes": {"0": 1, "b": 2.0, "red": True},
        "date": "2026-11-25",
    }
    assert "'large' is a ndarray" in capsys.readouterr().err


def test_summaries_from_processes_and_threads_are_all_kept(run: RunFolder) -> None:
    code = (
        "import sys, meticulous\nfor i in range(20): meticulous.summary({f'{sys.argv[1]}-{i}': i})"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, f"p{number}"]) for number in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: helper.summary({f"t-{i}": i}), range(40)))
    codes = [process.wait(60) for process in processes]

    assert [0] * 4 == codes
    assert 4 * 20 + 40 == len(run.read_json(SUMMARY))
    assert [] == glob.glob(run.file("*.tmp"))


def test_a_broken_summary_is_put_aside(run: RunFolder) -> None:
    Path(run.file(SUMMARY)).write_text("{broken")

    helper.summary({"a": 1})

    assert {"a": 1} == run.read_json(SUMMARY)
    assert "{broken" == Path(run.file(SUMMARY + ".broken")).read_text()


def test_a_folder_that_is_gone_is_one_line_on_stderr(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    os.rmdir(run.path)

    helper.summary({"a": 1})
    helper.summary({"a": 1})
    helper.log({"a": 1})

    assert (
        "meticulous: cannot save the summary: No such file or directory\n"
        "meticulous: cannot save the metrics: No such file or directory\n"
    ) == capsys.readouterr().err


def test_metrics_are_lines_with_a_step_and_a_time(run: RunFolder) -> None:
    helper.log({"loss": 2.0})
    helper.log({"loss": float("nan"), "é": "ü"})
    helper.log({"loss": 1.0}, step=10)
    helper.log({"loss": 0.5})

    assert [0, 1, 10, 11] == [line["step"] for line in lines(run)]
    assert [2.0, "NaN", 1.0, 0.5] == [line["loss"] for line in lines(run)]
    assert "ü" == lines(run)[1]["é"]
    assert all(line["time"] > 1.7e9 for line in lines(run))


def test_metrics_of_threads_do_not_mix(run: RunFolder) -> None:
    threads = [
        threading.Thread(
            target=lambda n=n: [helper.log({"n": n, "x": "y" * 2000}) for _ in range(50)]
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 200 == len(lines(run))


def test_open_makes_folders_and_reads_back(run: RunFolder) -> None:
    with helper.open(Path("models") / "a.bin", "wb") as file:
        file.write(b"\x00")
    with helper.open("models/a.bin", mode="rb") as file:
        content = file.read()

    assert b"\x00" == content
    assert os.path.exists(run.file("models/a.bin"))


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "link/x", ".", ""])
def test_open_does_not_leave_the_run_folder(run: RunFolder, name: str) -> None:
    os.symlink("/", run.file("link"))

    with pytest.raises((ValueError, IsADirectoryError)):
        helper.open(name, "w")


def test_public_names_are_loaded_when_used() -> None:
    code = (
        "import sys; before = set(sys.modules); import meticulous; new = set(sys.modules) - before\n"
        "print(sorted(new)); meticulous.summary; meticulous.MeticulousError\n"
        "print(meticulous.__all__ == sorted(meticulous.__all__), set(meticulous.__all__) <= set(dir(meticulous)))\n"
        "try: meticulous.nothing\n"
        "except AttributeError as error: print(error)"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.splitlines() == [
        "['__future__', 'meticulous']",
        "True True",
        "module 'meticulous' has no attribute 'nothing'",
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_helper_runs_on_old_pythons(run: RunFolder, python: str) -> None:
    code = (
        f"import importlib.machinery as m; h = m.SourceFileLoader('h', {helper.__file__!r}).load_module()\n"
        "h.summary({'a': float('inf')}); h.log({'b': 1}); h.open('x/y', 'w').close()"
    )

    subprocess.run([python, "-W", "ignore", "-c", code], check=True)

    assert {"a": math.inf} == run.read_json(SUMMARY)
    assert 1 == len(lines(run))


@pytest.mark.parametrize("name", sorted(helper.RECORDED))
@pytest.mark.parametrize("mode", ["w", "ab", "r+"])
def test_the_record_itself_is_not_opened_for_writing(run: RunFolder, name: str, mode: str) -> None:
    with pytest.raises(ValueError, match="file of the record"):
        helper.open(name, mode)


def test_the_record_is_what_the_format_says_that_we_write() -> None:
    ours = {
        runfolder.STATUS,
        runfolder.ARGS,
        runfolder.DEFAULT_ARGS,
        runfolder.ENVIRONMENT,
        runfolder.METADATA,
        runfolder.RESOURCES,
        runfolder.STDERR,
        runfolder.STDOUT,
        runfolder.TIMELINE,
    }

    assert ours == set(helper.RECORDED)
