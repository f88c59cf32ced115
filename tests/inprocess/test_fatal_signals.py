"""SIGTERM and SIGHUP that come while a record is being written."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import only_run, runs_of
from tests.experiment_support import run_script

SIGNALLED = """
import os, signal, sys
is_armed = False

def hook(event, words):
    global is_armed
    if is_armed and event == {event!r} and {path!r} in str(words[0]):
        is_armed = {is_sent_again}
        os.kill(os.getpid(), signal.{name})

from meticulous import Experiment
sys.addaudithook(hook)
is_armed = {when!r} == "start"
experiment = Experiment({{"k": 1}})
is_armed = {when!r} == "end"
experiment.finish()
is_armed = False
print("goes on")
"""


def signalled(
    project: Path, when: str, event: str, path: str, name: str, *, is_sent_again: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Run a script that sends itself a signal when a file is touched, in the midst of ours."""
    words = {"when": when, "event": event, "path": path, "name": name}
    return run_script(project, SIGNALLED.format(**words, is_sent_again=is_sent_again))


@pytest.mark.parametrize(
    ("event", "path", "name"),
    [
        ("os.mkdir", "/experiments/1", "SIGTERM"),
        ("open", "boot_id", "SIGHUP"),
        ("os.rename", "STATUS", "SIGTERM"),
        ("os.putenv", "METICULOUS_RUN_DIR", "SIGHUP"),
    ],
)
def test_an_experiment_that_begins_is_whole_before_a_signal_ends_the_process(
    repository: Path, event: str, path: str, name: str
) -> None:
    done = signalled(repository, "start", event, path, name)

    number = signal.Signals[name]
    assert (-number, b"", b"") == (done.returncode, done.stdout, done.stderr)
    run = only_run(repository)
    assert ("ERROR", f"killed by signal {number} ({name})") == run.read_status()
    assert name == run.read_metadata()["signal"]
    assert {"k": 1} == run.read_json("args.json")


@pytest.mark.parametrize("is_sent_again", [False, True])
@pytest.mark.parametrize(
    ("event", "path"),
    [("open", "/metadata.json"), ("os.rename", "STATUS"), ("open", "/proc/self/status")],
)
def test_an_experiment_that_ends_has_its_verdict_before_a_signal_ends_the_process(
    repository: Path, event: str, path: str, *, is_sent_again: bool
) -> None:
    done = signalled(repository, "end", event, path, "SIGTERM", is_sent_again=is_sent_again)

    assert (-signal.SIGTERM, b"", b"") == (done.returncode, done.stdout, done.stderr)
    run = only_run(repository)
    assert "SUCCESS" == run.read_status()[0]
    assert run.read_metadata()["end-time"]


NESTED = """
import os, signal, sys
from meticulous import Experiment
outer = Experiment({"k": 1})
inner = Experiment({"k": 2})
is_armed = True
def hook(event, words):
    global is_armed
    if is_armed and event == "open" and str(words[0]).endswith("/2/metadata.json"):
        is_armed = False
        os.kill(os.getpid(), signal.SIGTERM)
sys.addaudithook(hook)
inner.finish()
"""


def test_what_is_still_open_was_ended_by_the_signal(repository: Path) -> None:
    done = run_script(repository, NESTED)

    assert -signal.SIGTERM == done.returncode
    outer, inner = runs_of(repository)
    assert ("ERROR", "SIGTERM") == (outer.read_status()[0], outer.read_metadata()["signal"])
    assert ("SUCCESS", None) == (inner.read_status()[0], inner.read_metadata()["signal"])
