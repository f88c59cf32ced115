"""``meticulous metrics RUN --from-output``: metrics of old runs, from what they have printed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from meticulous.child.helper import json_bytes
from meticulous.commands._console import say, tell
from meticulous.errors import RunFolderError, UsageError
from meticulous.metrics import scrape
from meticulous.metrics.series import OWN
from meticulous.recording.metrics_lines import MOST_NAMES
from meticulous.runfolder import METRICS, RUNNING, RunFolder
from meticulous.runfolder.edits import edit
from meticulous.runfolder.files import open_to_write
from meticulous.runfolder.status import status_of
from meticulous.views import text

__all__ = ["take"]

_SOURCES = "metrics-sources"
_OUTPUT = "output"


def take(runs: Sequence[RunFolder], arguments: argparse.Namespace) -> int:
    """Add what the output of `runs` tells to their metrics, or only print it; return the exit code."""
    scrape.check(arguments.from_output)
    if not arguments.dry_run:
        for run in runs:
            _check(run)
    for run in runs:
        found = [
            (line, time_s, point)
            for line, time_s, point in scrape.from_output(run, arguments.from_output)
            if point.values
        ]
        names = list(dict.fromkeys(name for _, _, point in found for name in point.values))
        if arguments.dry_run:
            for line, _, point in found:
                told = "  ".join(f"{name}={text.short(v)}" for name, v in point.values.items())
                step = "" if point.step is None else f"step {text.short(point.step)}  "
                tell(f"{step}{told}    from: {line.strip()}")
        elif found:
            _write(run, found, names)
        would = "would add" if arguments.dry_run else "added"
        say(
            f"run {run.id}: {would} {len(found)} lines, {', '.join(names[:10]) or 'nothing matches'}"
        )
    return 0


def _check(run: RunFolder) -> None:
    """Refuse a run that is still being written, or whose output has been taken in before."""
    if status_of(run).state == RUNNING:
        raise UsageError(f"run {run.id} is running", "Wait until it has ended")
    if _OUTPUT in (run.read_metadata().get(_SOURCES) or {}):
        raise UsageError(
            f"the metrics of run {run.id} have been read from its output already",
            f"Take those lines out of {run.file(METRICS)} to read them again",
        )


def _write(run: RunFolder, found: Sequence[tuple[str, float, Any]], names: list[str]) -> None:
    lines = []
    for _, time_s, point in found:
        step = point.step or 0
        values = {name + "_" if name in OWN else name: v for name, v in point.values.items()}
        whole = int(step) if step == int(step) else step
        lines.append(json_bytes({"step": whole, "time": time_s, **values}, indent=None))

    def change(metadata: dict[str, Any]) -> None:
        sources = dict(metadata.get(_SOURCES) or {})
        metadata[_SOURCES] = {**sources, _OUTPUT: names[:MOST_NAMES]}

    path = run.file(METRICS)
    try:
        descriptor = open_to_write(path, os.O_APPEND)
        with open(descriptor, "ab") as file:
            file.write(b"".join(lines))
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise RunFolderError(message, "Free some space, or make it writable") from error
    edit(run, change)
