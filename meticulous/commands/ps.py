"""Show the runs that are running: how long, what they use, how far they are.

Processor is in percent of one core, as it was sampled last. Progress is that of the last progress
bar or counter in the log; the time left is the bar's own, or estimated from what has passed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import datetime
from typing import Any

from meticulous.commands import _runs, _watch
from meticulous.commands._console import print_json, print_lines
from meticulous.control import progress
from meticulous.query.question import Question, answer
from meticulous.query.rows import Row
from meticulous.runfolder import STDERR, STDOUT, RunFolder
from meticulous.runfolder.files import read_end
from meticulous.runfolder.samples import last_sample
from meticulous.views import processes

__all__ = ["add_arguments", "main"]

_TAIL_BYTES = 1 << 14


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `ps`."""
    _runs.add_directory(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    _watch.add_option(parser, "show it again and again, every 2s or so often")


def main(arguments: argparse.Namespace) -> int:
    """Print a line for each running run."""
    directory = _runs.directory_of(arguments.experiments_directory)
    while True:
        found = [_look(row) for row in _running(directory)]
        if arguments.json:
            print_json(found)
        else:
            limit = os.get_terminal_size().columns if sys.stdout.isatty() else None
            lines = processes.lines(found, limit) if found else ["no run is running"]
            if arguments.watch:
                _watch.clear_screen()
            print_lines(lines)
        if arguments.watch is None:
            return 0
        _watch.pause(arguments.watch)


def _running(directory: str) -> list[Row]:
    if not os.path.isdir(directory):
        return []
    question = Question(status=("RUNNING",))
    return _runs.ask(directory, lambda runs: answer(runs, question).rows if runs.count() else [])


def _look(row: Row) -> dict[str, Any]:
    run = RunFolder(row["curexpdir"])
    sample = last_sample(run)
    elapsed_s = None
    if row["start_time"]:
        elapsed_s = max(time.time() - datetime.fromisoformat(row["start_time"]).timestamp(), 0.0)
    found = _progress(run)
    gpus = sample.get("gpus") or []
    shares = [gpu["utilisation"] for gpu in gpus if gpu.get("utilisation") is not None]
    return {
        "expid": row["expid"],
        "elapsed": elapsed_s,
        "cpu": sample.get("cpu"),
        "memory": sample.get("memory"),
        "processes": sample.get("processes"),
        "gpu_memory": sum(gpu.get("memory") or 0 for gpu in gpus) if gpus else None,
        "gpu_utilisation": sum(shares) if shares else None,
        "progress": found.fraction if found else None,
        "progress_text": found.text if found else None,
        "left": _left_s(found, elapsed_s) if found else None,
        "host": row.get("metadata_host"),
        "description": row["description"],
        "command": row.get("metadata_command"),
    }


def _progress(run: RunFolder) -> progress.Progress | None:
    """Look for a bar on stderr, where most programs draw it, and then on stdout.

    One that is full is over, if there is another.
    """
    full = None
    for name in (STDERR, STDOUT):
        try:
            end = read_end(run.file(name), _TAIL_BYTES)
            found = progress.in_log(end.decode("utf-8", "replace"))
        except OSError:
            continue
        if found is not None and found.fraction < 1:
            return found
        full = full or found
    return full


def _left_s(found: progress.Progress, elapsed_s: float | None) -> float | None:
    if found.left_s is not None:
        return found.left_s
    if not elapsed_s or not found.fraction:
        return None
    return elapsed_s * (1 - found.fraction) / found.fraction
