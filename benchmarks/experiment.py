"""What an empty experiment costs a program that records itself, beside other libraries.

A Python program that makes one experiment with one argument and ends it, in a generated git
repository of 20 files; and the time of each further one in the same program. Rounds are
interleaved; judge by the ratios within one table.
"""

from __future__ import annotations

from pathlib import Path

import common
from overhead import OPTIONAL_PEERS, SMALL, make_repository

MORE = 10
"""Further experiments in one program."""

PROGRAMS = {
    "meticulous": """
from meticulous import Experiment
for number in range({count}):
    with Experiment({{"k": number}}, experiments_directory="{folder}"):
        pass
""",
    "sacred": """
import sacred
from sacred.observers import FileStorageObserver
for number in range({count}):
    experiment = sacred.Experiment("benchmark", save_git_info=True)
    experiment.observers.append(FileStorageObserver("{folder}"))
    experiment.add_config(k=number)
    experiment.main(lambda: None)
    experiment.run()
""",
    "mlflow": """
import mlflow
mlflow.set_tracking_uri("sqlite:///{folder}.db")
for number in range({count}):
    with mlflow.start_run():
        mlflow.log_param("k", number)
""",
}
PEERS = {**OPTIONAL_PEERS, "sacred": (*OPTIONAL_PEERS["sacred"], "GitPython")}


def main() -> None:
    """Print one table."""
    options = common.parser_with_peers(__doc__, PEERS).parse_args()
    pythons = {
        name: str(Path(program).with_name("python"))
        for name, program in common.our_programs(options.baseline).items()
    }
    for name in options.peer:
        folder = common.installed(name, PEERS[name])
        if folder:
            pythons[name] = f"{folder}/python"
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        repository = make_repository(folder / "repository", SMALL)
        _compare(pythons, folder, repository, options.rounds)


def _compare(pythons: dict[str, str], folder: Path, repository: Path, count: int) -> None:
    bare = "`python -c pass`"
    commands = {bare: [pythons["meticulous"], "-c", "pass"]}
    for name, python in pythons.items():
        for experiments in (1, 1 + MORE):
            program = folder / f"{name}_{experiments}.py"
            text = PROGRAMS["meticulous" if name == "baseline" else name]
            program.write_text(text.format(count=experiments, folder=folder / f"runs_{name}"))
            commands[f"{name} {experiments}"] = [python, str(program)]
    kept = common.compared(commands, repository, count)
    walls = {name: [1000 * one.wall_s for one in done] for name, done in kept.items()}
    cpus = {name: common.median([1000 * one.cpu_s for one in done]) for name, done in kept.items()}
    floor = common.median(walls[bare])
    lines = [_line(bare, walls[bare], 0.0, cpus[bare], "")]
    for name in pythons:
        one, many = f"{name} 1", f"{name} {1 + MORE}"
        middle = common.median(walls[one])
        further = (common.median(walls[many]) - middle) / MORE
        lines.append(_line(name, walls[one], middle - floor, cpus[one], f"{further:.1f}"))
    title = f"One empty experiment, {count} rounds"
    header = ["ms", "min", "median", "max", "added", "CPU", "each further one"]
    common.table(title, header, lines)


def _line(name: str, walls: list[float], added: float, cpu: float, further: str) -> list[str]:
    values = (min(walls), common.median(walls), max(walls), added, cpu)
    return [name, *(f"{value:.1f}" for value in values), further]


if __name__ == "__main__":
    main()
