"""What it costs to draw the curves of 200 runs of 10,000 points: in the terminal, a file, a page.

Processor time in fresh processes, with the start of Python and the imports in it.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
from pathlib import Path

import common
from made_runs import make_runs

RUNS, POINTS = 200, 10_000
CASES = {
    "plot of 200 runs": ["plot", "--filter", "expid > 0", "loss"],
    "plot of 200 runs into a PNG": ["plot", "--filter", "expid > 0", "loss", "-o", "out.png"],
    "report of 200 runs": ["report", "-o", "out.html"],
}


def main() -> None:
    """Print a table."""
    parser = common.parser_with_peers(__doc__, {})
    parser.set_defaults(rounds=3)
    options = parser.parse_args()
    program = common.our_programs(options.baseline)["meticulous"]
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        make(folder / "experiments")
        subprocess.run(
            [program, "ls", "experiments"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        pip = [str(Path(program).with_name("python")), "-m", "pip", "install", "-q", "matplotlib"]
        common.timed(pip, folder)
        found: dict[str, list[common.Finished]] = {name: [] for name in CASES}

        def measure(name: str) -> None:
            command = [program, *CASES[name], "--experiments-directory", "experiments"]
            found[name].append(common.timed(command, folder, {1: "out", 2: "err"}))

        common.rounds(CASES, options.rounds, measure)
        sizes = {"report of 200 runs": "out.html", "plot of 200 runs into a PNG": "out.png"}
        lines = []
        for name, done in found.items():
            times = [one.cpu_s for one in done]
            numbers = [f"{v:.2f}" for v in (min(times), common.median(times), max(times))]
            peak = max(one.peak_bytes for one in done) / common.MIB
            lines.append([name, *numbers, f"{peak:.0f}", size(folder, sizes.get(name))])
        header = ["seconds of processor time", "min", "median", "max", "peak MiB", "MB"]
        common.table(f"{RUNS} runs of {POINTS:,} points, {options.rounds} rounds", header, lines)


def size(folder: Path, name: str | None) -> str:
    return f"{(folder / name).stat().st_size / 1e6:.2f}" if name else ""


def make(directory: Path) -> None:
    make_runs(str(directory), RUNS)
    for number in range(1, RUNS + 1):
        dice = random.Random(number)
        with (directory / str(number) / "metrics.jsonl").open("w") as file:
            for step in range(POINTS):
                loss = 3 * math.exp(-step / 2000) + dice.gauss(0, 0.05)
                line = {
                    "step": step,
                    "time": round(1.7e9 + step * 1.5 + dice.random(), 5),
                    "loss": loss,
                }
                file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
