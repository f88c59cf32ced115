"""What the start-up file of a recorded command adds to a start of Python, for each Python found.

The folder of this checkout is put on ``PYTHONPATH`` as `run` does it, and the start compared with
one without; once for a program that does nothing, and once for one that parses with argparse.
"""

from __future__ import annotations

import argparse
import glob
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import common

STARTUP = common.ROOT / "meticulous" / "child" / "startup"
PARSE = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.parse_args()
"""
PROGRAMS = {"nothing": "0", "argparse": PARSE}
FOUND = (
    "~/.pyenv/versions/*/bin/python",
    "/usr/bin/python3",
    "/usr/bin/python3.*",
    "/usr/bin/pypy3",
)


def main() -> None:
    """Print one table: a line for each Python and program."""
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=40, metavar="N", help="default: 40")
    parser.add_argument("pythons", nargs="*", help="measure these (default: all that are found)")
    options = parser.parse_args()
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        lines = []
        for python in options.pythons or _pythons():
            for name, program in PROGRAMS.items():
                lines.append(_compare(python, name, program, folder, options))
    header = ["Python", "program", "bare ms", "added ms", "added CPU ms"]
    common.table("Cost of the start-up file", header, lines)


def _pythons() -> list[str]:
    """Return every CPython 3 and PyPy that is installed, and ours, each once."""
    candidates = [sys.executable]
    for pattern in FOUND:
        candidates += sorted(glob.glob(os.path.expanduser(pattern)))
    found = {os.path.realpath(path): path for path in candidates if "config" not in path}
    return sorted(path for path in found.values() if _version(path).startswith("3"))


def _version(python: str) -> str:
    code = "import platform; print(platform.python_version())"
    command = [python, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _cpu_s(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def _compare(
    python: str, name: str, program: str, folder: Path, options: argparse.Namespace
) -> list[str]:
    """Return the line of the table for one Python and program."""
    bare = common.clean_environment()
    ours = {**bare, "PYTHONPATH": str(STARTUP), "METICULOUS_RUN_DIR": str(folder)}
    taken: dict[str, list[float]] = {"bare": [], "ours": []}

    used: dict[str, list[float]] = {"bare": [], "ours": []}

    def measure(which: str) -> None:
        shutil.rmtree(folder / "reports", ignore_errors=True)
        environment = ours if which == "ours" else bare
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began_s = time.perf_counter()
        subprocess.run([python, "-c", program], env=environment, check=True)
        taken[which].append(1000 * (time.perf_counter() - began_s))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used[which].append(1000 * (_cpu_s(after) - _cpu_s(before)))

    measure("ours")  # writes the bytecode, as it happens once in the life of an installation
    taken["ours"].clear()
    used["ours"].clear()
    common.rounds(taken, options.rounds, measure)
    added = common.median(taken["ours"]) - common.median(taken["bare"])
    added_cpu = common.median(used["ours"]) - common.median(used["bare"])
    numbers = (common.median(taken["bare"]), added, added_cpu)
    return [_version(python), name, *(f"{number:.1f}" for number in numbers)]


if __name__ == "__main__":
    main()
