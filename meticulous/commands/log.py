"""Log metrics of the run this is called in: `meticulous log loss=0.12 acc=0.9 --step 3`.

For programs of any language: each call is one line of metrics.jsonl. Outside a run it does nothing, as
the function of the same name. What a run printed is shown by `meticulous logs`.
"""

from __future__ import annotations

import argparse
import json
import os

from meticulous.child import helper
from meticulous.commands import _values
from meticulous.errors import UsageError
from meticulous.runfolder import METRICS
from meticulous.runfolder.files import read_end

__all__ = ["add_arguments", "main"]

_LAST_BYTES = 1 << 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of ``meticulous log``."""
    _values.add_arguments(parser, "log")
    parser.add_argument(
        "--step", type=float, metavar="N", help="default: one more than the last line's"
    )


def main(args: argparse.Namespace) -> int:
    """Log the values and return the exit code."""
    if args.values and "=" not in args.values[0]:
        raise UsageError(
            f"{args.values[0]!r} is not NAME=VALUE",
            f"Write for instance loss=0.12, or `meticulous logs {args.values[0]}`",
        )
    values = _values.given(args, "log")
    directory = helper.run_directory()
    if directory is None:
        return 0
    step = args.step
    if step is None:
        step = values.pop("step", None)
    if step is None:
        step = _next_step(os.path.join(directory, METRICS))
    helper.log_in(directory, values, int(step) if step == int(step) else step)
    return 0


def _next_step(path: str) -> float:
    """Return one more than the step of the last line at `path`; 0 without one."""
    try:
        lines = read_end(path, _LAST_BYTES).split(b"\n")
    except OSError:
        return 0
    for line in reversed(lines):
        try:
            step = json.loads(line)["step"]
            return int(step) + 1
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue
    return 0
