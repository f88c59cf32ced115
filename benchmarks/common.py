"""What the benchmarks share: environments for what is measured, clean processes, rounds, tables.

Standard library only, and little of it: the peak memory that Linux reports for a process counts
the moment before its exec in, when it was still a copy of this one.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benchmarks" / ".peers"
"""One virtual environment for each thing that is measured; ignored by git, free to be deleted."""

MIB = 1 << 20
_PYTHON_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONHOME")


# What is measured, and where it is installed


def clean_environment() -> dict[str, str]:
    """Return our environment without what would change how the measured programs start."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _PYTHON_VARIABLES and not name.startswith(("METICULOUS_", "DUCT_", "GIT_"))
    }


def installed(name: str, requirements: Sequence[str]) -> Path | None:
    """Return the folder of programs of the environment `name`, installing it on first use.

    Says so and gives None where it cannot be installed.
    """
    wanted = "\n".join(requirements)
    return _environment(name, wanted, lambda pip: _call([*pip, *requirements]))


def installed_checkout(checkout: Path, name: str = "meticulous") -> Path | None:
    """Return the folder of programs of an environment that holds the code of `checkout`.

    Installed as a user would have it (no link to the checkout, bytecode compiled), and again
    whenever the code has changed.
    """

    def install(pip: list[str]) -> str | None:
        # The second one replaces a version of the same number, and leaves its dependencies.
        again = [*pip, "--no-deps", "--force-reinstall", str(checkout)]
        return _call([*pip, str(checkout)]) or _call(again)

    return _environment(name, _digest(checkout), install)


def _environment(name: str, wanted: str, install: Callable[[list[str]], str | None]) -> Path | None:
    place = PEERS / name
    stamp = place / ".installed"
    wanted = f"{sys.version}\n{wanted}"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {name} into {place} …", file=sys.stderr)
        stamp.unlink(missing_ok=True)
        python = str(place / "bin" / "python")
        trouble = _call([sys.executable, "-m", "venv", str(place)])
        trouble = trouble or install([python, "-m", "pip", "install", "--quiet"])
        if trouble:
            print(f"{name} cannot be installed and is left out: {trouble}", file=sys.stderr)
            return None
        stamp.write_text(wanted)
    return place / "bin"


def _call(command: list[str]) -> str | None:
    """Run `command`; return the last line it printed where it fails."""
    import subprocess

    done = subprocess.run(
        command,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines() or [f"exit code {done.returncode}"]
    return lines[-1] if done.returncode else None


def _digest(checkout: Path) -> str:
    import hashlib

    digest = hashlib.sha256()
    for path in [checkout / "pyproject.toml", *sorted((checkout / "meticulous").rglob("*.py"))]:
        digest.update(bytes(path.relative_to(checkout)) + b"\0" + path.read_bytes())
    return f"{checkout}\n{digest.hexdigest()}"


# The command line that they have in common


def parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser with the options that every benchmark has."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--directory",
        type=Path,
        help="write here (default: the system's directory for temporary files)",
    )
    made.add_argument(
        "--baseline",
        type=Path,
        metavar="CHECKOUT",
        help="another checkout of meticulous, measured in the same rounds as `baseline`",
    )
    return made


def our_programs(baseline: Path | None) -> dict[str, str]:
    """Install this checkout, and `baseline` if there is one: name in the tables → program."""
    ours = {"meticulous": installed_checkout(ROOT)}
    if baseline:
        ours["baseline"] = installed_checkout(baseline.resolve(), "baseline")
    if None in ours.values():
        sys.exit("there is nothing to measure without it")
    return {name: f"{folder}/meticulous" for name, folder in ours.items()}


def parser_with_peers(description: str | None, peers: Iterable[str]) -> argparse.ArgumentParser:
    """Make a parser with the number of rounds too, and with `peers` that are measured when asked."""
    made = parser(description)
    made.add_argument("--rounds", type=int, default=15, metavar="N", help="default: 15")
    made.add_argument(
        "--peer",
        action="append",
        default=[],
        choices=list(peers),
        help="measure this one too; it is large to install; repeatable",
    )
    return made


@contextmanager
def scratch(parent: Path | None) -> Iterator[Path]:
    """Make an empty folder in `parent`, and remove it with all that has been put there."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="meticulous-benchmark-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# Processes


class Finished(NamedTuple):
    """How a process and all it waited for ended.

    ``cpu_s`` is their processor time, user and system; ``peak_bytes`` is that of the largest single process among them; ``ended_s`` is the moment on
    the clock of ``time.monotonic``.
    """

    wall_s: float
    ended_s: float
    cpu_s: float
    peak_bytes: int


def start(
    command: list[str],
    directory: Path,
    streams: Mapping[int, int | str] | None = None,
    *,
    new_session: bool = False,
) -> int:
    """Start `command` in `directory` with an environment of its own; return its process id.

    `streams` maps its descriptors to ours, or to files to be written; the rest is ``/dev/null``.
    """
    actions: list[Any] = []
    for descriptor in range(3):
        target = (streams or {}).get(descriptor, os.devnull)
        if isinstance(target, int):
            actions.append((os.POSIX_SPAWN_DUP2, target, descriptor))
        else:
            flags = os.O_RDWR | os.O_CREAT
            actions.append((os.POSIX_SPAWN_OPEN, descriptor, target, flags, 0o666))
    options: dict[str, Any] = {"setsid": True} if new_session else {}
    os.chdir(directory)
    # Python ignores SIGPIPE, and what it starts would too.
    return os.posix_spawnp(
        command[0],
        command,
        clean_environment(),
        file_actions=actions,
        setsigdef=[signal.SIGPIPE],
        **options,
    )


def timed(
    command: list[str], directory: Path, streams: Mapping[int, int | str] | None = None
) -> Finished:
    """Run `command` to its end, see :func:`start`. Anything but exit code 0 ends the benchmark."""
    began_s = time.monotonic()
    return finish(start(command, directory, streams), began_s, command)


def finish(pid: int, began_s: float, command: list[str]) -> Finished:
    """Wait for the process `pid`, which is running `command`."""
    _, status, used = os.wait4(pid, 0)
    ended_s = time.monotonic()
    code = os.waitstatus_to_exitcode(status)
    if code:
        sys.exit(f"exit code {code} from: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024
    cpu_s = used.ru_utime + used.ru_stime
    return Finished(ended_s - began_s, ended_s, cpu_s, used.ru_maxrss * unit)


# Numbers


def rounds(names: Iterable[str], count: int, measure: Callable[[str], None]) -> None:
    """Measure each of `names` `count` times, one after the other in each round (A B C A B C …).

    What disturbs the machine for a while thus disturbs them all. A round before that, whose
    results are not told apart, is the caller's business.
    """
    order = list(names)
    for number in range(1, count + 1):
        for name in order:
            if sys.stderr.isatty():
                print(f"\r\033[Kround {number} of {count}: {name}", end="", file=sys.stderr)
            measure(name)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)


def compared(
    commands: Mapping[str, list[str]], directory: Path, count: int
) -> dict[str, list[Finished]]:
    """Run each of `commands` in `directory`, `count` rounds after two that are not counted.

    Those two bring files and directories into memory.
    """
    warm_up_rounds = 2
    finished: dict[str, list[Finished]] = {name: [] for name in commands}
    rounds(
        commands,
        warm_up_rounds + count,
        lambda name: finished[name].append(timed(commands[name], directory)),
    )
    return {name: done[warm_up_rounds:] for name, done in finished.items()}


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which `part` (0 to 1) of `values` lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def median(values: Sequence[float]) -> float:
    """Return the middle of `values`."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


# What is printed


def table(title: str, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Print a table that reads as text and as Markdown: first column to the left, others right."""
    cells = [list(header), *map(list, lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *["-" * (width - 1) + ":" for width in widths[1:]]]
    print(f"\n{title}\n")
    for line in [cells[0], rule, *cells[1:]]:
        first, *others = zip(line, widths, strict=True)
        shown = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        print(f"| {' | '.join(shown)} |")


def describe_machine(directory: Path) -> None:
    """Print what the numbers depend on."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{platform.system()} {platform.release()}, {_processor()}, {os.cpu_count()} CPUs")
    print(f"{memory / 2**30:.0f} GiB of memory, load {load}")
    print(f"Python {platform.python_version()}; writing to {_file_system(directory)}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _file_system(directory: Path) -> str:
    """Name the kind of the file system that holds `directory`, as far as Linux says."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return str(directory.parent)
    above = [mount for mount in mounts if directory.resolve().is_relative_to(mount[1])]
    return f"{directory.parent} ({max(above, key=lambda mount: len(mount[1]))[2]})"
