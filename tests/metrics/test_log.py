"""What `log` writes, and that it never harms the program that calls it."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import UserDict
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meticulous import Experiment
from meticulous.child import helper
from meticulous.runfolder import METRICS, RunFolder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    path = tmp_path / "17"
    path.mkdir()
    monkeypatch.setenv("METICULOUS_RUN_DIR", str(path))
    monkeypatch.setattr(helper, "_complained", set())
    return RunFolder(str(path))


def lines(run: RunFolder) -> list[dict[str, Any]]:
    """Read the lines; one that another process was about to write may be preceded by an empty one."""
    text = Path(run.file(METRICS)).read_text()
    return [json.loads(line) for line in text.splitlines() if line]


def python(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=True, **options
    )


def test_a_step_among_the_values_is_the_step(run: RunFolder) -> None:
    helper.log({"step": 5, "loss": 1.0})
    helper.log({"loss": 2.0})
    helper.log({"step": np.int64(9), "loss": 3.0})
    helper.log({"step": 4, "loss": 4.0}, step=7)

    assert [5, 6, 9, 7] == [line["step"] for line in lines(run)]
    assert 4 == lines(run)[3]["step_"]


def test_names_of_the_line_itself_are_kept_under_another(run: RunFolder) -> None:
    helper.log({"time": 3.5, "rank": 2, "attempt": 1, "step": "warm-up", "time_": 1})

    (line,) = lines(run)
    assert line["time"] > 1.7e9
    assert {"time__": 3.5, "rank_": 2, "attempt_": 1, "step_": "warm-up", "time_": 1} == {
        name: value for name, value in line.items() if name not in ("step", "time")
    }


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (3, 3),
        (2.5, 2.5),
        (-1, -1),
        (True, 1),
        ("7", 7),
        (np.float32(0.5), 0.5),
        (np.array([4]), 4),
        (math.nan, 0),
        (math.inf, 0),
        ("x", 0),
        (object(), 0),
        (np.zeros(3), 0),
    ],
)
def test_any_step_is_taken(run: RunFolder, given: Any, written: float) -> None:
    helper.log({"loss": 1}, step=given)

    assert written == lines(run)[0]["step"]


def test_what_cannot_be_logged_is_one_warning_and_the_rest_is_written(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        shape = ()

        def item(self) -> None:
            raise RuntimeError("no data")

    values = {
        "loss": 0.5,
        "image": np.zeros(3),
        "model": object(),
        "lazy": Broken(),
        "parts": {"a": 1, "b": np.zeros(2)},
        "list": [1, object()],
    }
    for _ in range(3):
        helper.log(values)

    assert [{"loss": 0.5, "parts": {"a": 1}, "list": [1]}] * 3 == [
        {name: value for name, value in line.items() if name not in ("step", "time")}
        for line in lines(run)
    ]
    assert (
        "meticulous: log left out 'image' (ndarray), 'model' (object), 'lazy' (Broken), "
        "'parts.b' (ndarray), 'list' (object): it takes numbers and text\n"
    ) == capsys.readouterr().err


def test_what_is_no_dict_is_one_warning(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        helper.log([1, 2])  # type: ignore[arg-type]

    assert (
        "meticulous: cannot save the metrics: log takes a dict of names and values, not list\n"
    ) == capsys.readouterr().err


def test_all_kinds_of_numbers(run: RunFolder) -> None:
    helper.log(
        UserDict(
            f=np.float32(0.5),
            i=np.int64(3),
            b=np.bool_(True),
            one=np.array([[2.5]]),
            d=Decimal("1.5"),
            big=10**40,
            nan=math.nan,
            inf=-np.inf,
            half=np.float16(np.inf),
            none=None,
            text="é\ud800",
        )
    )

    (line,) = lines(run)
    assert line.pop("step") == 0
    assert line.pop("time") > 0
    assert {
        "f": 0.5,
        "i": 3,
        "b": True,
        "one": 2.5,
        "d": 1.5,
        "big": 10**40,
        "nan": "NaN",
        "inf": "-Infinity",
        "half": "Infinity",
        "none": None,
        "text": "é\ud800",
    } == line


def test_names_are_text_of_any_kind(run: RunFolder) -> None:
    names = ["train/loss", "a b", 'quote"\\', "ünï", "", "\n", "\ud800", "a.b"]
    helper.log(dict.fromkeys(names, 1.0) | {3: 1.0})

    assert [*names, "3"] == list(lines(run)[0])[2:]


def test_an_integer_too_long_to_write_is_left_out(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    helper.log({"a": 10**5000, "b": 1})

    assert 1 == lines(run)[0]["b"]
    assert "a" not in lines(run)[0] or sys.version_info < (3, 10, 7)


def test_threads_with_a_dict_in_common(run: RunFolder) -> None:
    values: dict[str, float] = {"x": 0.5}

    def work(number: int) -> None:
        for i in range(200):
            values[f"{number}-{i % 5}"] = i
            helper.log(values)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(range(800)) == sorted(line["step"] for line in lines(run))


def test_forks_open_their_own(run: RunFolder) -> None:
    python(
        "import os, meticulous\n"
        "meticulous.log({'who': 0})\n"
        "children = []\n"
        "for child in range(1, 5):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        for _ in range(100): meticulous.log({'who': child, 'x': 'y' * 500})\n"
        "        os._exit(0)\n"
        "    children.append(pid)\n"
        "for pid in children: os.waitpid(pid, 0)\n"
        "meticulous.log({'who': 0})\n"
        "assert len(os.listdir('/proc/self/fd')) <= 5, os.listdir('/proc/self/fd')"
    )

    for child in range(1, 5):
        assert list(range(100)) == [one["step"] for one in lines(run) if one["who"] == child]
    assert [0, 1] == [one["step"] for one in lines(run) if one["who"] == 0]


def test_a_fork_while_another_thread_logs_is_not_stuck(run: RunFolder) -> None:
    python(
        "import os, threading, meticulous\n"
        "meticulous.log({'x': 0}); over = False\n"
        "def work():\n"
        "    while not over: meticulous.log({'x': 1})\n"
        "thread = threading.Thread(target=work); thread.start()\n"
        "for _ in range(50):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        meticulous.log({'x': 2}); os._exit(0)\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "over = True; thread.join()",
        timeout=60,
    )

    assert 50 == sum(line["x"] == 2 for line in lines(run))


def test_a_handler_of_a_signal_may_log(run: RunFolder) -> None:
    python(
        "import os, signal, meticulous\n"
        "meticulous.log({})\n"
        "signal.signal(signal.SIGALRM, lambda *_: meticulous.log({'alarm': 1}))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
        "for _ in range(20000): meticulous.log({'x': 1})\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)",
        timeout=60,
    )

    assert 20000 == sum("x" in line for line in lines(run))
    assert any("alarm" in line for line in lines(run))


def test_a_program_that_closes_all_descriptors_finds_nothing_of_ours_in_its_files(
    run: RunFolder, tmp_path: Path
) -> None:
    python(
        "import os, meticulous\n"
        "meticulous.log({'x': 1})\n"
        "os.closerange(3, 100)\n"
        "own = [open(f'own{i}', 'w') for i in range(3)]\n"
        "meticulous.log({'x': 2})\n"
        "for file in own: file.write('mine'); file.close()\n"
        "meticulous.log({'x': 3})",
        cwd=tmp_path,
    )

    assert [1, 2, 3] == [line["x"] for line in lines(run)]
    assert ["mine"] * 3 == [(tmp_path / f"own{i}").read_text() for i in range(3)]


def test_a_kill_costs_no_line_but_the_one_being_written(run: RunFolder) -> None:
    """Linux may cut a write at the end of a page where the process is killed in it."""
    code = "import meticulous\nwhile True: meticulous.log({'x': 'y' * 3000, 'z': 0.1})"
    for attempt in range(1, 4):
        process = subprocess.Popen([sys.executable, "-c", code])
        path, least, deadline = run.file(METRICS), attempt * 500_000, time.monotonic() + 60
        while not os.path.exists(path) or os.path.getsize(path) < least:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
        process.wait()

    written = Path(run.file(METRICS)).read_text().splitlines()
    cut = [line for line in written if not line.endswith('"z": 0.1}')]
    assert len(cut) <= 3
    assert all(line.count('"step"') <= 1 for line in written)
    assert all(json.loads(line)["z"] == 0.1 for line in written if line not in cut)


def test_a_half_written_line_is_ended_first(run: RunFolder) -> None:
    Path(run.file(METRICS)).write_text('{"step": 0, "x": 1}\n{"step": 1, "x')

    helper.end_log(run.path)
    helper.log({"x": 2})

    text = Path(run.file(METRICS)).read_text().splitlines()
    assert '{"step": 1, "x' == text[1]
    assert 2 == json.loads(text[2])["x"]


def test_a_removed_file_is_begun_anew(run: RunFolder) -> None:
    helper.log({"x": 1})
    os.unlink(run.file(METRICS))
    helper.log({"x": 2})

    assert [2] == [line["x"] for line in lines(run)]


def test_a_run_folder_that_is_moved_is_followed(run: RunFolder, tmp_path: Path) -> None:
    helper.log({"x": 1})
    os.rename(run.path, tmp_path / "18")
    helper.log({"x": 2})

    assert [1, 2] == [line["x"] for line in lines(RunFolder(str(tmp_path / "18")))]


@pytest.mark.parametrize("stderr", ["None", "open('/dev/full', 'w', 1)", "closed"])
def test_trouble_without_a_working_stderr_is_none(run: RunFolder, stderr: str) -> None:
    made = "sys.stderr.close()" if stderr == "closed" else f"sys.stderr = {stderr}"
    os.mkdir(run.file(METRICS))
    python(
        f"import os, sys, meticulous; {made}\n"
        "meticulous.log({'x': object()}); meticulous.log(3)\n"
        "print('on'); sys.stdout.flush(); os._exit(0)"
    )


def test_a_pipe_in_the_place_of_the_file_does_not_stop_the_program(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(run.file(METRICS))

    for _ in range(3):
        helper.log({"x": "y" * 70_000})

    assert "is no regular file" in capsys.readouterr().err


def test_memory_does_not_grow(run: RunFolder) -> None:
    done = python(
        "import resource, meticulous\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for i in range(20000): meticulous.log({'loss': i / 7, f'name{i}': 1.5, 'bad': object()})\n"
        "before = peak()\n"
        "for i in range(200000): meticulous.log({'loss': i / 7, f'other{i}': 1.5, 'bad': object()})\n"
        "print(peak() - before)",
        timeout=120,
    )

    kib = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * kib < 2 << 20


@pytest.mark.parametrize(
    ("attempt", "rank", "own"),
    [("1", "0", {}), ("2", None, {"attempt": 2}), ("3", "4", {"attempt": 3, "rank": 4})],
)
def test_a_line_says_its_attempt_and_rank_where_they_are_not_the_first(
    run: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    attempt: str,
    rank: str | None,
    own: dict[str, int],
) -> None:
    monkeypatch.setenv("METICULOUS_ATTEMPT", attempt)
    if rank is not None:
        monkeypatch.setenv("METICULOUS_RANK", rank)
    helper.log({"x": 1})

    (line,) = lines(run)
    assert own == {name: line[name] for name in ("attempt", "rank") if name in line}


def test_attempts_of_the_launcher(repository: Path) -> None:
    (repository / "train.py").write_text("import meticulous\nmeticulous.log({'x': 1})\n1 / 0\n")
    command = [sys.executable, "-m", "meticulous", "run", "--dirty", "ignore", "--retries", "1"]
    subprocess.run(
        [*command, "--", sys.executable, "train.py"], cwd=repository, check=False, timeout=60
    )

    found = lines(RunFolder(str(repository / "experiments" / "1")))
    assert [None, 2] == [line.get("attempt") for line in found]


def test_an_experiment_logs_in_its_own_folder(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    with Experiment({"lr": 1}) as first, Experiment({"lr": 2}) as second:
        first.log({"x": 1})
        helper.log({"x": 2}, step=3)
        second.log({"x": 3, "bad": object()})
    with Experiment({"lr": 1}, norecord=True) as third:
        third.log({"x": 4})

    assert [1] == [line["x"] for line in lines(RunFolder(first.curexpdir))]
    assert [(3, 2), (4, 3)] == [
        (one["step"], one["x"]) for one in lines(RunFolder(second.curexpdir))
    ]


def test_an_experiment_that_is_resumed_says_its_attempt(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    with Experiment({"lr": 1}) as first:
        first.log({"x": 1})
        first.finish("ERROR\nbroken")
    with Experiment({"lr": 1}, resume=True) as again:
        again.log({"x": 2})
        helper.log({"x": 3})

    assert first.curexpdir == again.curexpdir
    found = lines(RunFolder(again.curexpdir))
    assert [(0, None), (0, 2), (1, 2)] == [(one["step"], one.get("attempt")) for one in found]
