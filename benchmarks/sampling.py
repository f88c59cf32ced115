"""What it costs to sample the resources of a run that has many processes.

The command starts `--processes` Python processes that sleep. The processor time of the recorder
itself is read while they live, with samples at the default interval and without any.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import common

CHILD = """
import subprocess, sys, time
children = [subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(1000)"])
            for _ in range(int(sys.argv[1]) - 1)]
print("ready", flush=True)
time.sleep(1000)
"""
WAYS = {"default": (), "every 1s": ("--sample-interval", "1s"), "none": ("--sample-interval", "0")}


def main() -> None:
    """Print one table."""
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--processes", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--seconds", type=float, default=20, help="measured so long (default: 20)")
    options = parser.parse_args()
    ours = common.our_programs(options.baseline)
    spent: dict[str, list[float]] = {f"{one}, {way}": [] for one in ours for way in WAYS}

    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)

        def measure(name: str) -> None:
            program, _, way = name.partition(", ")
            words = [ours[program], "run", "-q", "--no-git", *WAYS[way], "--"]
            words += [sys.executable, "-S", "-c", CHILD, str(options.processes)]
            spent[name].append(_milliseconds(words, folder, options.seconds))

        common.rounds(spent, options.rounds, measure)
    lines = [
        [name, f"{min(values):.1f}", f"{common.median(values):.1f}", f"{max(values):.1f}",
         f"{common.median(values) / 10:.2f} %"]
        for name, values in spent.items()
    ]  # fmt: skip
    title = f"Processor time of the recorder, {options.processes} processes"
    common.table(title, ["ms a second", "min", "median", "max", "of a core"], lines)


def _milliseconds(words: list[str], folder: Path, seconds: float) -> float:
    """Return the processor time of the recorder, in milliseconds a second."""
    environ = common.clean_environment()
    with subprocess.Popen(words, cwd=folder, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(1)  # the environment is being described
        before_s = _processor_s(process.pid)
        time.sleep(seconds)
        used_s = _processor_s(process.pid) - before_s
        process.terminate()
    return 1000 * used_s / seconds


def _processor_s(pid: int) -> float:
    """Return the processor time of the threads of `pid`: schedstat is exact to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


if __name__ == "__main__":
    if os.path.exists("/proc/self/schedstat"):
        main()
    else:
        sys.exit("this benchmark reads /proc/PID/schedstat, which only Linux has")
