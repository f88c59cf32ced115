"""How many bytes a second are kept of what a command prints, and with how much memory.

The command prints `--size` bytes; each tool keeps them in a file. Seconds are from the first write
of the command to the end of the tool; memory is that of the largest process, the command included.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import common
from overhead import con_duct

LINE = b"x" * 79 + b"\n"
BLOCK_BYTES = (64 << 10) // len(LINE) * len(LINE)
LONGEST_LINE_BYTES = 1 << 30
ONE_BY_ONE_PART = 16
"""A line at a time is far slower; so much less of it is printed."""

CHILD = Path(__file__).with_name("prints.py")


class Case(NamedTuple):
    """What is printed: `size_bytes` in pieces of `piece_bytes`, a line each or with no newline."""

    title: str
    descriptor: int
    size_bytes: int
    piece_bytes: int
    has_lines: bool


def main() -> None:
    """Print one table for each way of printing."""
    parser = common.parser(__doc__)
    parser.add_argument(
        "--size", type=_size, default=2 << 30, help="bytes printed: 256M, 2G (default: 2G)"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    options = parser.parse_args()
    ours = common.our_programs(options.baseline)
    duct = common.installed("con-duct", ("con-duct",))
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        for case in _cases(options.size):
            _compare(case, _tools(ours, duct, case), folder, options.rounds)


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if not match:
        raise ValueError(text)
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]


def _cases(size: int) -> list[Case]:
    few, longest = size // ONE_BY_ONE_PART, min(size, LONGEST_LINE_BYTES)
    return [
        Case("stdout, lines of 80 bytes, many in one write", 1, size, BLOCK_BYTES, has_lines=True),
        Case("stderr, lines of 80 bytes, many in one write", 2, size, BLOCK_BYTES, has_lines=True),
        Case("stdout, lines of 80 bytes, one in each write", 1, few, len(LINE), has_lines=True),
        Case("stdout, a single line", 1, longest, BLOCK_BYTES, has_lines=False),
    ]


class Tool(NamedTuple):
    """Words before the command, or a shell line in which ``"$@"`` is the command; its output.

    `kept` is the pattern of the file that must hold every byte at the end. `writes_there` says
    that the tool's own stream goes to it.
    """

    words: list[str]
    kept: str
    writes_there: bool = False


def _tools(ours: dict[str, str], duct: Path | None, case: Case) -> dict[str, Tool]:
    stream = "stdout" if case.descriptor == 1 else "stderr"
    pipe = '"$@" | tee kept' if case.descriptor == 1 else '"$@" 2>&1 >/dev/null | tee kept >&2'
    tools = {
        "bare `>`": Tool([], "kept", writes_there=True),
        "tee": Tool(["sh", "-c", pipe, "sh"], "kept"),
    }
    if duct:
        tools["con-duct"] = Tool(con_duct(duct, "duct"), f"duct/*{stream}")
    for name, program in ours.items():
        words = [program, "run", "-q", "--no-git", "--"]
        tools[name] = Tool(words, f"experiments/1/{stream}")
    return tools


def _compare(case: Case, tools: dict[str, Tool], folder: Path, count: int) -> None:
    speeds: dict[str, list[float]] = {name: [] for name in tools}
    peaks: dict[str, int] = dict.fromkeys(tools, 0)

    def measure(name: str) -> None:
        speed, peak = _measure(tools[name], case, folder / "run")
        speeds[name].append(speed)
        peaks[name] = max(peaks[name], peak)

    common.rounds(tools, count, measure)
    tee = common.median(speeds["tee"])
    lines = [
        [
            name,
            *(f"{one / 1e9:.3f}" for one in (min(values), common.median(values), max(values))),
            f"{common.median(values) / tee:.2f}",
            f"{peaks[name] / common.MIB:.0f}",
        ]
        for name, values in speeds.items()
    ]
    title = f"{case.title}: {case.size_bytes / common.MIB:,.0f} MiB, {count} rounds"
    common.table(title, ["GB/s", "min", "median", "max", "÷ tee", "peak MiB"], lines)


def _measure(tool: Tool, case: Case, folder: Path) -> tuple[float, int]:
    """Return bytes a second and the peak memory in bytes."""
    folder.mkdir()
    numbers = (case.descriptor, case.size_bytes, case.piece_bytes, int(case.has_lines))
    child = [sys.executable, "-S", str(CHILD), "began", *map(str, numbers)]
    streams: dict[int, int | str] = {}
    if tool.writes_there:
        streams[case.descriptor] = tool.kept
    finished = common.timed([*tool.words, *child], folder, streams)
    elapsed_s = finished.ended_s - float((folder / "began").read_text())
    sizes = [path.stat().st_size for path in folder.glob(tool.kept)]
    if sizes != [case.size_bytes]:
        sys.exit(f"{tool.words}: {sizes} bytes kept in {tool.kept}, not {case.size_bytes}")
    shutil.rmtree(folder)
    return case.size_bytes / elapsed_s, finished.peak_bytes


if __name__ == "__main__":
    main()
