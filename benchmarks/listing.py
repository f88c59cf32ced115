"""How long it takes to list 1,000, 10,000 and 100,000 runs, beside bare scripts and other tools.

The runs are generated, the same each time, varied in their arguments, results and ends. Wall time
from the start of the tool to its end, the start of Python included.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import common

FILTER = "args_lr < 0.1 and status == 'SUCCESS'"
SCRIPTS = {
    "bare script: names": "os.listdir(d)",
    "bare script: stat": "[os.stat(e.path) for e in os.scandir(d)]",
    "bare script: reads files": (
        "[json.load(open(f'{e.path}/{n}')) for e in os.scandir(d) if e.name.isdigit()"
        " for n in ('metadata.json', 'args.json', 'default_args.json', 'summary.json')"
        " if os.path.exists(f'{e.path}/{n}')]"
    ),
}
QUESTIONS = {
    "meticulous ls --tail 20": ["--tail", "20"],
    "… --filter --sort --tail": ["--filter", FILTER, "--sort", "summary_loss", "--tail", "20"],
    "… --filter for pandas": ["--filter", "args_model.str.contains('vit')", "--tail", "20"],
    "… --groupby": ["--groupby", "args_model,args_batch_size"],
    "… every run": [],
}
FRAME = "from meticulous.experiments import Experiments; Experiments('', {!r}).as_dataframe()"
SETTLED_S = 12
PEERS = {"con-duct": 10_000, "guild": 1_000, "mlflow": 1_000}
"""Peer -> the most runs it is measured with."""


def main() -> None:
    """Print one table a size."""
    parser = common.parser(__doc__)
    parser.add_argument(
        "--size",
        type=int,
        action="append",
        metavar="N",
        help="runs; repeatable (default: all three)",
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        choices=PEERS,
        help="measure this one too; repeatable",
    )
    options = parser.parse_args()
    ours = common.our_programs(options.baseline)
    sys.path.insert(0, str(common.ROOT))  # the runs are written by the code that reads them
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        for size in options.size or (1_000, 10_000, 100_000):
            directory = folder / str(size) / "experiments"
            print(f"making {size:,} runs …", file=sys.stderr)
            importlib.import_module("made_runs").make_runs(str(directory), size)
            peers = _peers(options.peer, folder / str(size), size)
            _measure(ours, peers, directory, size, options.rounds)
            shutil.rmtree(folder / str(size))


def _measure(
    ours: dict[str, str], peers: dict[str, list[str]], directory: Path, size: int, count: int
) -> None:
    commands = {
        name: [sys.executable, "-c", f"import os, json; d = {str(directory)!r}; {script}"]
        for name, script in SCRIPTS.items()
    }
    builds = {f"{name}: the first time": name for name in ours}
    for name, program in ours.items():
        for title, words in QUESTIONS.items():
            label = title.replace("meticulous", name) if title[0] == "m" else f"{name} {title}"
            commands[label] = [program, "ls", str(directory), *words]
        python = str(Path(program).parent / "python")
        commands[f"{name} import pandas"] = [python, "-c", "import pandas"]
        commands[f"{name} as_dataframe()"] = [python, "-c", FRAME.format(str(directory))]
    commands.update(peers)
    times: dict[str, list[float]] = {name: [] for name in [*builds, *commands]}
    time.sleep(SETTLED_S)  # runs that have just ended are looked at each time

    for label, name in builds.items():
        for _ in range(2):  # the first brings the files into memory
            shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
            times[label].append(
                _wall([ours[name], "ls", str(directory), "--tail", "20"], directory)
            )
        times[label] = times[label][1:]
    common.rounds(
        commands, count, lambda name: times[name].append(_wall(commands[name], directory))
    )
    common.table(
        f"{size:,} runs, {count} rounds",
        ["", "median s", "min s", "max s"],
        [
            [name, *(f"{value:.3f}" for value in (common.median(found), min(found), max(found)))]
            for name, found in times.items()
        ],
    )


def _wall(command: list[str], directory: Path) -> float:
    return common.timed(command, directory.parent).wall_s


def _peers(names: list[str], folder: Path, size: int) -> dict[str, list[str]]:
    """Return the commands of the peers that bear this size, with runs of their own to list."""
    makers: dict[str, Callable[[Path, Path, int], list[str]]] = {
        "con-duct": _con_duct,
        "guild": _guild,
        "mlflow": _mlflow,
    }
    requirements = {"con-duct": "con-duct", "guild": "guildai", "mlflow": "mlflow"}
    commands = {}
    for name in names:
        if size > PEERS[name]:
            continue
        programs = common.installed(name, [requirements[name]])
        if programs:
            commands[f"{name}, {size:,} runs of its own"] = makers[name](programs, folder, size)
    return commands


def _con_duct(programs: Path, folder: Path, size: int) -> list[str]:
    """Record one run, and copy its record with other times."""
    logs = folder / "duct"
    logs.mkdir()
    program = str(programs / "con-duct")
    common.timed([program, "run", "-q", "-p", f"{logs}/0_", "true"], folder)
    record = json.loads((logs / "0_info.json").read_text())
    for number in range(1, size):
        (logs / f"{number}_info.json").write_text(json.dumps(record))
    return [program, "ls", *sorted(map(str, logs.glob("*_info.json")))]


def _guild(programs: Path, folder: Path, size: int) -> list[str]:
    """Record one run, and copy it under other ids."""
    home = folder / "guild"
    home.mkdir()
    os.environ["GUILD_HOME"] = str(home)
    (folder / "train.py").write_text("lr = 0.1\nprint('loss: 1')\n")
    common.timed([str(programs / "guild"), "run", "-y", "train.py", "lr=0.2"], folder)
    (first,) = (home / "runs").iterdir()
    for _ in range(1, size):
        shutil.copytree(first, first.with_name(uuid.uuid4().hex), symlinks=True)
    return [str(programs / "guild"), "runs", "list", "--all"]


def _mlflow(programs: Path, folder: Path, size: int) -> list[str]:
    """Make runs through its own interface."""
    store = f"sqlite:///{folder}/mlflow.db"
    make = (
        f"import mlflow; mlflow.set_tracking_uri({store!r})\n"
        f"for n in range({size}):\n"
        "    with mlflow.start_run():\n"
        "        mlflow.log_params({'lr': n, 'k': n % 7}); mlflow.log_metric('loss', n)\n"
    )
    show = (
        f"import mlflow; mlflow.set_tracking_uri({store!r})\n"
        "print(len(mlflow.search_runs(max_results=100000)))"
    )
    common.timed([str(programs / "python"), "-c", make], folder)
    return [str(programs / "python"), "-c", show]


if __name__ == "__main__":
    main()
