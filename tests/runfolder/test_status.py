"""Every command and export gives the same answer to how a run is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous import Experiments
from meticulous.base.process_id import start_time
from meticulous.runfolder import RunFolder
from meticulous.runfolder.liveness import this_boot, this_host
from meticulous.runfolder.status import status_of
from tests.conftest import meticulous

STATES = {"1": "LOST", "2": "RUNNING", "3": "LOST", "4": "SUCCESS"}
"""A killed recorder, a living one, a copy of a run that goes on elsewhere, and one that ended."""


@pytest.fixture
def store(repository: Path) -> Iterator[Path]:
    """Return a directory with runs of each kind; their recorder is a process of the test."""
    directory = repository / "experiments"
    meticulous("run", "-q", "--", "true", cwd=repository)
    recorder = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    metadata = json.loads((directory / "1" / "metadata.json").read_text())
    for name in ("2", "3", "4"):
        shutil.copytree(directory / "1", directory / name)
    living = {
        **metadata, "end-time": None, "host": this_host(), "boot-id": this_boot(),
        "pid": recorder.pid, "pid-start-time": start_time(recorder.pid),
    }  # fmt: skip
    lost = {**living, "pid-start-time": -1.0}
    copy = {**living, "imported-from": {"id": "9", "host": "elsewhere"}}
    for name, values in (("1", lost), ("2", living), ("3", copy)):
        (directory / name / "metadata.json").write_text(json.dumps(values))
        (directory / name / "STATUS").write_text("RUNNING\n")
    try:
        yield directory
    finally:
        recorder.communicate(b"\n")


def test_every_command_shows_the_same_status(store: Path) -> None:
    project = store.parent

    def asked(*words: str) -> str:
        return meticulous(*words, cwd=project).stdout.decode()

    table = asked("ls", "--no-header", "--columns", "expid,status")
    assert dict(line.split() for line in table.splitlines() if line.strip()) == STATES
    assert {run.expid: run.status for run in Experiments(str(project))} == {
        int(name): state for name, state in STATES.items()
    }
    for name, state in STATES.items():
        assert status_of(RunFolder(str(store / name))).state == state
        assert json.loads(asked("show", name, "--json"))[0]["status"] == state
        assert f"# run {name}: {state}" in asked("script", name)
    assert [found["expid"] for found in json.loads(asked("ps", "--json"))] == [2]


@pytest.mark.parametrize(
    ("name", "action"), [("1", "Failed"), ("2", "Active"), ("3", "Failed"), ("4", "Completed")]
)
def test_the_crate_of_a_run_says_its_status(name: str, action: str, store: Path) -> None:
    pytest.importorskip("rocrate")
    crate = store.parent / "crate.zip"

    words = ["--ro-crate", "--running", "--license", "MIT"]
    done = meticulous("export", name, str(crate), *words, cwd=store.parent)

    assert done.returncode == 0, done.stderr

    with zipfile.ZipFile(crate) as packed:
        inner = next(one for one in packed.namelist() if one.endswith("ro-crate-metadata.json"))
        graph = json.loads(packed.read(inner))["@graph"]
    states = [os.path.basename(one["actionStatus"]) for one in graph if "actionStatus" in one]
    assert states == [f"{action}ActionStatus"]
