"""How long a line takes from the command's write to its arrival on our own output.

The command writes the moment of each write as a line; the benchmark reads at the other end and
looks at the same clock. Once through a pipe and once through a pseudo-terminal.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import common
from overhead import con_duct

CHILD = """
import os, sys, time
for _ in range(int(sys.argv[1])):
    os.write(1, b"%d\\n" % time.monotonic_ns())
    time.sleep(float(sys.argv[2]))
"""


def main() -> None:
    """Print one table for the pipe and one for the pseudo-terminal."""
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--lines", type=int, default=300, help="lines a round (default: 300)")
    parser.add_argument(
        "--pause", type=float, default=3, metavar="MS", help="between two lines (default: 3)"
    )
    options = parser.parse_args()
    ours = common.our_programs(options.baseline)
    duct = common.installed("con-duct", ("con-duct",))
    words = [sys.executable, "-S", "-c", CHILD, str(options.lines), str(options.pause / 1000)]
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        commands = _commands(ours, duct, words, folder)
        for is_terminal, title in ((False, "pipe"), (True, "pseudo-terminal")):
            _compare(title, commands, folder, options, is_terminal=is_terminal)


def _commands(
    ours: dict[str, str], duct: Path | None, words: list[str], folder: Path
) -> dict[str, list[str]]:
    commands = {"bare": words, "tee": ["sh", "-c", '"$@" | tee kept', "sh", *words]}
    if shutil.which("script") and sys.platform == "linux":
        import shlex

        commands["script"] = ["script", "-qefc", shlex.join(words), "typescript"]
    if duct:
        commands["con-duct"] = [*con_duct(duct, f"{folder}/duct"), *words]
    for name, program in ours.items():
        commands[name] = [program, "run", "-q", "--no-git", "--", *words]
    return commands


def _compare(
    title: str,
    commands: dict[str, list[str]],
    folder: Path,
    options: argparse.Namespace,
    *,
    is_terminal: bool,
) -> None:
    delays: dict[str, list[float]] = {name: [] for name in commands}

    def measure(name: str) -> None:
        found = _delays_ms(commands[name], folder, is_terminal=is_terminal)
        if len(found) != options.lines:
            sys.exit(f"{name}: {len(found)} lines arrived, not {options.lines}")
        delays[name] += found

    common.rounds(commands, options.rounds, measure)
    bare = common.median(delays["bare"])
    lines = [
        [
            name,
            f"{common.median(values):.3f}",
            f"{common.quantile(values, 0.99):.3f}",
            f"{max(values):.3f}",
            f"{common.median(values) - bare:.3f}",
        ]
        for name, values in delays.items()
    ]
    count = f"{options.rounds} × {options.lines} lines, {options.pause:g} ms apart"
    common.table(f"Through a {title}: {count}", ["ms", "median", "p99", "max", "added"], lines)


def _delays_ms(command: list[str], folder: Path, *, is_terminal: bool) -> list[float]:
    """Run `command` and return the delay of each of its lines."""
    ours, theirs = os.openpty() if is_terminal else os.pipe()
    streams: dict[int, int | str] = {1: theirs}
    if is_terminal:
        # By its name: who opens it as the first of a new session gets it as controlling terminal.
        streams = dict.fromkeys(range(3), os.ttyname(theirs))
    began_s = time.monotonic()
    pid = common.start(command, folder, streams, new_session=is_terminal)
    os.close(theirs)
    found: list[float] = []
    rest = b""
    while chunk := _read(ours):
        now = time.monotonic_ns()
        *lines, rest = (rest + chunk).split(b"\n")
        # Only what is a number: tools may say something of their own on a terminal.
        found += [(now - int(line)) / 1e6 for line in lines if line.strip().isdigit()]
    os.close(ours)
    common.finish(pid, began_s, command)
    return found


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""  # a pseudo-terminal that nobody holds open any more


if __name__ == "__main__":
    main()
