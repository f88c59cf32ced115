"""Runs a child as the launcher does, with the shim first on its path, and reads what it reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import meticulous
from meticulous.arguments import reports
from meticulous.runfolder import REPORTS, RunFolder

STARTUP = os.path.join(os.path.dirname(meticulous.__file__), "child", "startup")


class Child(NamedTuple):
    """A finished child."""

    code: int
    stdout: str
    stderr: str
    report: reports.Report
    files: list[dict[str, Any]]
    log: str


def environment(run: Path | None, **more: str) -> dict[str, str]:
    """Return the environment of a child: of a recorded one where `run` is given."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("METICULOUS_")}
    env.pop("PYTHONPATH", None)
    env["PYTHONIOENCODING"] = "utf-8"
    if run is not None:
        env.update(PYTHONPATH=STARTUP, METICULOUS_RUN_DIR=str(run), METICULOUS_SHIM_DEBUG="1")
    if run is not None and "PYTHONPATH" in more:
        more["PYTHONPATH"] = os.pathsep.join([STARTUP, more["PYTHONPATH"]])
    return {**env, **more}


def run_child(
    run: Path,
    *words: str | Path,
    cwd: Path | None = None,
    python: str = sys.executable,
    **more: str,
) -> Child:
    """Run `python` with `words` and the environment `more` added; read what it reported."""
    run.mkdir(exist_ok=True)
    done = subprocess.run(
        [python, *words],
        cwd=cwd,
        env=environment(run, **more),
        capture_output=True,
        timeout=120,
        check=False,
    )
    folder = run / REPORTS
    files = [json.loads(file.read_bytes()) for file in sorted(folder.glob("*.json"))]
    log = folder / "debug.log"
    return Child(
        done.returncode,
        done.stdout.decode("utf-8", "replace"),
        done.stderr.decode("utf-8", "replace"),
        reports.read(RunFolder(str(run))),
        files,
        log.read_text() if log.exists() else "",
    )


def run_script(tmp_path: Path, text: str, *words: str, **more: Any) -> Child:
    """Write `text` to ``train.py`` and run it with `words`; the shim must have had no trouble."""
    script = tmp_path / "train.py"
    script.write_text(text)
    child = run_child(tmp_path / "run", str(script), *words, cwd=tmp_path, **more)
    assert "cannot" not in child.log, child.log
    return child
