"""What the tests of running, stopped and lost runs share."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from meticulous.base.process_id import start_time
from meticulous.runfolder import RunFolder
from tests.conftest import meticulous, runs_of, wait_until


def start(project: Path, *command: str, options: tuple[str, ...] = ()) -> RunFolder:
    """Record `command` in the background; return its run when the command has begun."""
    done = meticulous("run", "-q", "-d", *options, "--", *command, cwd=project)
    assert 0 == done.returncode, done.stderr
    run = RunFolder(str(project / "experiments" / done.stdout.decode().strip()))
    wait_until(lambda: run.read_metadata().get("child-start-time"))
    return run


def has_printed(run: RunFolder, text: str) -> None:
    wait_until(lambda: text in Path(run.file("stdout")).read_text(errors="replace"))


def say(project: Path, *words: str, code: int = 0) -> str:
    done = meticulous(*words, cwd=project)
    assert code == done.returncode, (done.stdout, done.stderr)
    return (done.stdout + done.stderr).decode()


def change(run: RunFolder, **changes: Any) -> None:
    """Alter the metadata of a run behind everybody's back."""
    metadata = run.read_metadata()
    metadata.update({name.replace("_", "-"): value for name, value in changes.items()})
    run.write_json("metadata.json", metadata)


def kill_recorder(run: RunFolder) -> int:
    """Kill the recorder of `run`; return the process of its command."""
    metadata = run.read_metadata()
    os.kill(metadata["pid"], signal.SIGKILL)
    wait_until(lambda: start_time(metadata["pid"]) is None)
    child: int = metadata["child-pid"]
    return child


def end_all(repository: Path) -> None:
    """End what a test has started in the background: those are no children of ours."""
    for run in runs_of(repository):
        try:
            metadata = run.read_metadata()
        except Exception:  # noqa: BLE001, one that a test has broken
            continue
        if metadata.get("format") and metadata.get("host") == os.uname().nodename:
            for name in ("child-pid", "pid"):
                pid, started = metadata.get(name), metadata.get(name.replace("pid", "start-time"))
                started = metadata.get("pid-start-time") if name == "pid" else started
                if pid and started and start_time(pid) == started and pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)
