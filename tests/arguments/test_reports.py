"""Reports of processes are read with distrust, and the right one is believed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.arguments import Arguments
from meticulous.arguments.reports import Report, Watcher, read
from meticulous.arguments.tools import is_launcher, is_runner
from meticulous.runfolder import REPORTS, RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "run" / REPORTS).mkdir(parents=True)
    return RunFolder(str(tmp_path / "run"))


def parse(time: float = 1.0, **values: Any) -> dict[str, Any]:
    return {
        "library": "argparse",
        "time": time,
        "caller": "train.py",
        "values": values,
        "defaults": {},
        "given": list(values),
    }


def write(run: RunFolder, pid: int, *parses: dict[str, Any], **more: Any) -> Path:
    report = {
        "format": 1,
        "pid": pid,
        "rank": None,
        "started": float(pid),
        "parses": list(parses),
        "interpreter": {"executable": "/bin/python", "file": "train.py"},
        **more,
    }
    path = Path(run.file(REPORTS)) / f"{pid}-x.json"
    path.write_text(json.dumps(report))
    return path


def values(run: RunFolder) -> dict[str, Any] | None:
    arguments = read(run).arguments
    return arguments.values if arguments else None


def test_no_folder_is_an_empty_report(tmp_path: Path) -> None:
    assert Report() == read(RunFolder(str(tmp_path)))


def test_a_report(run: RunFolder) -> None:
    write(run, 5, parse(lr=1), exception="Traceback\nValueError: x")

    report = read(run)

    assert Arguments({"lr": 1}, {}, ("lr",), "argparse in train.py (pid 5)") == report.arguments
    assert "Traceback\nValueError: x" == report.traceback
    assert 5 == report.source_pid
    assert report.interpreter is not None
    assert "/bin/python" == report.interpreter["executable"]


def test_the_first_program_that_parsed_wins(run: RunFolder) -> None:
    write(run, 1)
    write(run, 2, parse(time=20, lr=2))
    write(run, 3, parse(time=10, lr=3))

    assert {"lr": 3} == values(run)


def test_rank_0_wins(run: RunFolder) -> None:
    write(run, 1, parse(time=1, lr=1), rank=1)
    write(run, 2, parse(time=2, lr=2), rank=0)

    assert {"lr": 2} == values(run)
    assert read(run).source_pid == 2


def test_launchers_are_skipped(run: RunFolder) -> None:
    main = {"file": "/env/bin/torchrun", "module": None}
    write(run, 1, parse(nproc=2), interpreter=main)
    write(run, 2, parse(time=9, lr=2))

    assert {"lr": 2} == values(run)


def test_a_tool_in_the_program_s_own_process_is_skipped(run: RunFolder) -> None:
    write(run, 1, {**parse(native=True), "caller": "memray.commands"}, parse(time=2, lr=2))

    assert {"lr": 2} == values(run)


@pytest.mark.parametrize(
    "main",
    [
        "torch.distributed.run",
        "accelerate.commands.launch",
        "deepspeed.launcher.runner",
        "pip",
        "pip._internal.cli.main",
        "pytest",
        "_pytest.config",
        "/usr/bin/torchrun",
        "/env/bin/accelerate",
        "/env/lib/python3.11/site-packages/pip/__main__.py",
        "/env/bin/pytest",
        "meticulous",
        "/env/bin/meticulous",
    ],
)
def test_launchers_are_known_by_name(main: str) -> None:
    assert is_launcher(main)


@pytest.mark.parametrize(
    "main", ["train.py", "pip.py", "/home/x/ray.py", "torch_train", "project.pip", "", "lightning"]
)
def test_programs_are_not_launchers(main: str) -> None:
    assert not is_launcher(main)


@pytest.mark.parametrize(
    "main",
    ["memray.commands", "coverage.cmdline", "/env/bin/coverage", "mpi4py.run", "cProfile"]
    + ["/env/lib/python3.12/site-packages/debugpy/adapter/__main__.py"],
)
def test_runners_are_known_by_name_and_are_no_launchers(main: str) -> None:
    assert is_runner(main)
    assert not is_launcher(main)


def test_a_program_under_a_runner_counts(run: RunFolder) -> None:
    main = {"file": "/env/bin/coverage", "module": None}
    write(run, 1, parse(lr=2), interpreter=main)

    assert {"lr": 2} == values(run)


def test_the_first_rank_that_failed_is_the_reason(run: RunFolder) -> None:
    write(run, 1, interpreter={"module": "torch.distributed.run"}, exception="ChildFailedError")
    write(run, 2, parse(lr=1), rank=0)
    write(run, 3, parse(lr=1), rank=1, exception="first")
    write(run, 4, parse(lr=1), rank=2, exception="second")

    assert "first" == read(run).traceback


def test_of_several_commands_the_last_that_failed_is_the_reason(run: RunFolder) -> None:
    write(run, 1, parse(lr=1))
    write(run, 2, exception="tolerated")
    write(run, 3, exception="fatal")

    assert "fatal" == read(run).traceback


def test_of_many_reports_the_first_are_read(run: RunFolder) -> None:
    for pid in range(1001):
        (Path(run.file(REPORTS)) / f"{pid}-x.json").write_text("{}")

    trouble = read(run).trouble

    assert "1001 processes reported; 1000 of the reports are read" == trouble[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b"null",
        b'{"format": 2}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}" * 10,
        b'{"format": 1, "pid": true, "started": 1, "parses": []}',
        b"1" * 10_000,
    ],
)
def test_a_broken_report_is_one_line_and_the_others_count(run: RunFolder, content: bytes) -> None:
    write(run, 2, parse(lr=1))
    broken = Path(run.file(REPORTS)) / "1-broken.json"
    broken.write_bytes(content)

    report = read(run)

    assert report.arguments is not None
    assert 1 == len(report.trouble)
    assert str(broken) in report.trouble[0]


def test_a_huge_report_is_not_read(run: RunFolder) -> None:
    write(run, 2, parse(lr=1))
    huge = Path(run.file(REPORTS)) / "1-huge.json"
    with huge.open("wb") as file:
        file.truncate(100 << 20)

    report = read(run)

    assert (f"the report {huge} is too large (100 MiB)",) == report.trouble
    assert report.arguments is not None


def test_pipes_links_and_folders_are_not_read(run: RunFolder, tmp_path: Path) -> None:
    folder = Path(run.file(REPORTS))
    os.mkfifo(folder / "1-pipe.json")
    (folder / "2-folder.json").mkdir()
    (folder / "3-link.json").symlink_to(write(run, 4, parse(lr=1)))
    (folder / ".5-hidden.json").write_text("{")
    (folder / "debug.log").write_text("x")

    assert 3 == len(read(run).trouble)


def test_a_watcher_sees_a_change_and_reads_each_version_once(run: RunFolder) -> None:
    watcher = Watcher(run)
    write(run, 1, parse(lr=1))
    assert watcher.changed()
    assert watcher.read().arguments is not None
    folder = run.file(REPORTS)
    os.utime(folder, (1, 1))
    watcher.read()

    assert not watcher.changed()

    write(run, 2, parse(lr=1))
    assert watcher.changed()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
KEYS = [
    "format",
    "pid",
    "rank",
    "started",
    "parses",
    "interpreter",
    "exception",
    "thread_exception",
]


@given(more=st.dictionaries(st.sampled_from(KEYS), JSON), inner=st.dictionaries(st.text(), JSON))
def test_nothing_in_a_report_raises(run: RunFolder, more: dict[str, Any], inner: Any) -> None:
    write(run, 1, {**parse(lr=1), **inner})
    (Path(run.file(REPORTS)) / "2-x.json").write_text(json.dumps({"format": 1, **more}))

    read(run)
