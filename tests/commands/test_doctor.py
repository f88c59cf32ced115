"""`doctor`: what is wrong with the runs, named and put right."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import meticulous, only_run, runs_of
from tests.control_support import change, end_all, has_printed, kill_recorder, say, start


@pytest.fixture(autouse=True)
def nothing_left(repository: Path) -> Iterator[None]:
    yield
    end_all(repository)


def test_doctor_finds_nothing_wrong_in_a_healthy_store(repository: Path) -> None:
    for command in ("true", "false"):
        meticulous("run", "-q", command, cwd=repository)
    run = start(repository, "sleep", "1000")
    assert "nothing is wrong\n" == say(repository, "doctor")
    assert [] == json.loads(say(repository, "doctor", "--json"))
    assert "RUNNING" == run.read_status()[0]
    say(repository, "stop", "last")


def kinds(project: Path, *words: str, code: int = 1) -> list[tuple[str, str]]:
    found = json.loads(say(project, "doctor", "--json", *words, code=code))
    return [(one["run"], one["kind"]) for one in found]


def test_doctor_names_and_closes_a_lost_run(repository: Path) -> None:
    run = start(repository, "sh", "-c", "echo begun; exec sleep 1000")
    has_printed(run, "begun")
    child = kill_recorder(run)
    assert [("1", "lost"), ("1", "orphan")] == kinds(repository)
    assert f"its command lives on without a recorder: process {child}" in say(
        repository, "doctor", code=1
    )
    os.kill(child, signal.SIGKILL)
    before = os.stat(run.file("stdout")).st_mtime
    assert [("1", "lost")] == kinds(repository, "--fix", code=0)
    state, message = run.read_status()
    assert ("ERROR", True) == (state, message.startswith("lost: its recorder (process "))
    metadata = run.read_metadata()
    from datetime import datetime

    end = datetime.fromisoformat(metadata["end-time"]).timestamp()
    assert "lost" == metadata["reason"]
    assert before - 0.001 <= end <= time.time()
    assert [] == kinds(repository, "--fix", code=0)
    assert b"ERROR" in meticulous("ls", cwd=repository).stdout


@pytest.mark.parametrize(
    ("command", "status"), [("true", ("SUCCESS", "")), ("exit 3", ("ERROR", "exit code 3"))]
)
def test_doctor_completes_an_end_that_was_half_written(
    repository: Path, command: str, status: tuple[str, str]
) -> None:
    meticulous("run", "-q", "sh", "-c", command, cwd=repository)
    run = only_run(repository)
    Path(run.file("STATUS")).write_text("RUNNING\n")
    assert [("1", "lost")] == kinds(repository, "--fix", code=0)
    assert status == run.read_status()


def test_doctor_closes_a_run_that_was_made_and_never_begun(repository: Path) -> None:
    meticulous("run", "-q", "true", cwd=repository)
    run = only_run(repository)
    for name in set(os.listdir(run.path)) - {"metadata.json"}:
        path = Path(run.file(name))
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    change(run, end_time=None, child_pid=None)
    assert [("1", "half-made")] == kinds(repository, "--fix", code=0)
    assert "ERROR" == run.read_status()[0]
    assert [] == kinds(repository, code=0)


def test_doctor_touches_no_run_that_it_is_not_sure_of(repository: Path) -> None:
    meticulous("run", "-q", "sleep", "0.5", cwd=repository)
    run = only_run(repository)
    Path(run.file("STATUS")).write_text("RUNNING\n")
    change(run, host="gpu7", boot_id="another")
    os.utime(run.file("resources.jsonl"), (1, 1))
    assert [("1", "lost")] == kinds(repository, "--fix")
    assert "RUNNING" == run.read_status()[0]


def test_doctor_finds_what_is_broken(repository: Path) -> None:
    for _ in range(8):
        meticulous("run", "-q", "true", cwd=repository)
    runs = runs_of(repository)
    long_ago = time.time() - 3600
    Path(runs[0].file("args.json")).write_text("{")
    Path(runs[1].file("metadata.json")).write_text("[]")
    os.unlink(runs[2].file("STATUS"))
    os.unlink(runs[3].file("metadata.json"))
    change(runs[4], format=99)
    leftover = Path(runs[5].file("summary.json.123-456.tmp"))
    leftover.write_text("{")
    os.utime(leftover, (long_ago, long_ago))
    metadata = runs[6].read_metadata()
    del metadata["format"]
    runs[6].write_json("metadata.json", metadata)
    Path(runs[7].file("STATUS")).write_text("DONE\n")
    store = repository / "experiments"
    (store / "99").mkdir()
    os.utime(store / "99", (long_ago, long_ago))
    (store / "data").mkdir()
    (store / "data" / "x.csv").write_text("")
    (store / ".highest-id").write_text("3\n")
    expected = [
        ("1", "broken"), ("2", "broken"), ("3", "missing"), ("4", "missing"), ("5", "new-format"),
        ("6", "leftover"), ("7", "old-format"), ("8", "broken"), ("99", "half-made"),
        ("data", "foreign"), ("", "numbers"),
    ]  # fmt: skip
    assert expected == kinds(repository)
    left = [one for one in expected if one[1] not in ("leftover", "half-made", "numbers")]
    assert expected == kinds(repository, "--fix")
    assert left == kinds(repository)
    assert not (store / "99").exists()
    assert (store / "data" / "x.csv").exists()
    assert "99\n" == (store / ".highest-id").read_text()


def test_doctor_of_a_directory_that_is_not_there(repository: Path) -> None:
    assert "cannot list" in say(repository, "doctor", "nowhere", code=1)
