"""How long recording `true` takes, beside the tools that people use for it.

Wall time from the start of the tool to its end, in generated git repositories of 20 and of 20,000
files. Rounds are interleaved; judge by the ratios within one table.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import common

SMALL, LARGE = 20, 20_000
FILES_A_FOLDER = 100
OPTIONAL_PEERS = {"sacred": ("sacred", "setuptools<81"), "mlflow": ("mlflow",)}
"""Slow to install: only with ``--peer``. Value: what pip is asked for."""

SACRED_PROGRAM = """
import subprocess
from sacred import Experiment
from sacred.observers import FileStorageObserver
experiment = Experiment("benchmark")
experiment.observers.append(FileStorageObserver({folder!r}))
@experiment.main
def main():
    subprocess.call(["true"])
experiment.run()
"""
MLFLOW_PROGRAM = """
import subprocess
import mlflow
mlflow.set_tracking_uri("sqlite:///{folder}/runs.db")
with mlflow.start_run():
    subprocess.call(["true"])
"""


def main() -> None:
    """Print one table a repository, and one of the commands that do not record."""
    options = common.parser_with_peers(__doc__, OPTIONAL_PEERS).parse_args()
    ours = common.our_programs(options.baseline)
    peers = _peers(options.peer)
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        for count in (SMALL, LARGE):
            repository = make_repository(folder / f"{count}-files", count)
            commands = _recording_commands(ours, peers, folder / f"written-{count}")
            title = f"Recording `true` in a repository of {count:,} files, {options.rounds} rounds"
            _compare(title, commands, repository, options.rounds)
        title = f"Commands that record nothing, {options.rounds} rounds"
        _compare(title, _other_commands(ours), folder / f"{SMALL}-files", options.rounds)


def make_repository(folder: Path, count: int) -> Path:
    """Make a git repository of `count` small files in one commit."""
    for number in range(count):
        path = folder / f"part_{number // FILES_A_FOLDER}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"NUMBER = {number}\n" * 30)
        # Git reads files anew that are as young as its index; real ones seldom are.
        os.utime(path, (1_600_000_000, 1_600_000_000))
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "all files"]):
        common.timed(["git", *words], folder)
    return folder


def _peers(optional: list[str]) -> dict[str, Path]:
    wanted = {"con-duct": ("con-duct",), **{name: OPTIONAL_PEERS[name] for name in optional}}
    folders = {name: common.installed(name, needs) for name, needs in wanted.items()}
    return {name: folder for name, folder in folders.items() if folder}


def _recording_commands(
    ours: dict[str, str], peers: dict[str, Path], folder: Path
) -> dict[str, list[str]]:
    """Return what to measure, by its name in the table; peers write to `folder`."""
    folder.mkdir()
    python = str(Path(ours["meticulous"]).with_name("python"))
    commands = {
        "bare `true`": ["true"],
        "`python -c pass`": [python, "-c", "pass"],
        "tee": ["sh", "-c", f"true 2>&1 | tee '{folder}/tee'"],
    }
    if shutil.which("script") and sys.platform == "linux":
        commands["script"] = ["script", "-qefc", "true", f"{folder}/script"]
    for name, programs in peers.items():
        commands[name] = _peer_command(name, programs, f"{folder}/{name}")
    for name, program in ours.items():
        commands[name] = [program, "run", "-q", "--", "true"]
    return commands


def _peer_command(name: str, programs: Path, folder: str) -> list[str]:
    if name == "con-duct":
        return [*con_duct(programs, folder), "true"]
    text = {"sacred": SACRED_PROGRAM, "mlflow": MLFLOW_PROGRAM}[name]
    program = Path(folder, "program.py")
    program.parent.mkdir()
    program.write_text(text.format(folder=folder))
    return [f"{programs}/python", str(program)]


def con_duct(programs: Path, folder: str) -> list[str]:
    """Return the words before a command that con-duct is to record in `folder`."""
    prefix = folder + "/{datetime_filesafe}-{pid}_"
    return [f"{programs}/con-duct", "run", "--quiet", "--output-prefix", prefix]


def _other_commands(ours: dict[str, str]) -> dict[str, list[str]]:
    python = str(Path(ours["meticulous"]).with_name("python"))
    commands = {"bare `true`": ["true"], "`python -c pass`": [python, "-c", "pass"]}
    for name, program in ours.items():
        commands[f"{name} --version"] = [program, "--version"]
        commands[f"{name} --help"] = [program, "--help"]
        commands[f"{name} run --norecord"] = [program, "run", "--norecord", "--", "true"]
    return commands


def _compare(title: str, commands: dict[str, list[str]], folder: Path, count: int) -> None:
    kept = common.compared(commands, folder, count)
    seconds = {name: [one.wall_s for one in done] for name, done in kept.items()}
    middle = {name: common.median(values) for name, values in seconds.items()}
    bare, duct = middle["bare `true`"], middle.get("con-duct")
    lines = [
        [
            name,
            *(f"{1000 * value:.1f}" for value in (min(values), middle[name], max(values))),
            f"{1000 * (middle[name] - bare):.1f}",
            f"{middle[name] / bare:.1f}",
            *([f"{middle[name] / duct:.2f}"] if duct else []),
            f"{1000 * common.median([one.cpu_s for one in kept[name]]):.1f}",
        ]
        for name, values in seconds.items()
    ]
    ratios = ["÷ bare", *(["÷ con-duct"] if duct else [])]
    common.table(title, ["ms", "min", "median", "max", "added", *ratios, "CPU"], lines)


if __name__ == "__main__":
    main()
