"""The command line of `meticulous sweep`, declared; itself no command."""

from __future__ import annotations

import argparse

from meticulous.base.units import parse_bytes
from meticulous.settings.options import RUN_OPTIONS

__all__ = ["OF_RUNS", "SBATCH_OPTIONS", "add_engine", "add_start"]

_NOT_OF_RUNS = (
    "experiment-id", "norecord", "no-ranks", "quiet", "detach", "resume", "needed",
)  # fmt: skip
OF_RUNS = tuple(option.name for option in RUN_OPTIONS if option.name not in _NOT_OF_RUNS)
"""Options of `run` that each run of a sweep can have."""
SBATCH_OPTIONS = (
    "partition",
    "account",
    "qos",
    "time",
    "mem",
    "cpus-per-task",
    "gres",
    "constraint",
)
"""Options of sbatch that are so common that they are ours too."""


def add_start(parser: argparse.ArgumentParser) -> None:
    """Declare the command line that starts a sweep."""
    _add_points(parser)
    _add_search(parser)
    _add_manner(parser)
    add_engine(parser)
    _add_options_of_runs(parser)


def _add_points(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="NAME=VALUES",
        help="lr=0.1,0.01, seed=0..4, lr,bs=0.1:32,0.01:64, x=linspace(0,1,5), f=glob(data/*.csv), "
        "env:VARIABLE=1,2, @points.csv, or a file sweep.yaml",
    )  # fmt: skip
    which = parser.add_argument_group("which points")
    which.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="FILTER",
        help="those for which this holds; repeatable",
    )
    which.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="FILTER",
        help="not those for which this holds; repeatable",
    )
    which.add_argument("--sample", type=_count, metavar="N", help="N of them, chosen at random")
    which.add_argument("--seed", type=int, metavar="S", help="of --sample and --search")
    which.add_argument("--repeat", type=_count, metavar="N", help="each N times, with seed=0 … N-1")


def _add_search(parser: argparse.ArgumentParser) -> None:
    search = parser.add_argument_group("search instead of a product")
    search.add_argument(
        "--search",
        choices=("optuna",),
        help="choose values by what came out before; lr=log:1e-5..1e-1 depth=int:2..8 x=float:0..1 act=relu,tanh",
    )
    search.add_argument("--trials", type=_count, metavar="N", help="how many points to try")
    search.add_argument(
        "--sampler",
        metavar="NAME",
        help="of Optuna: tpe, random, cmaes, 'tpe(multivariate=True)' … (default: tpe)",
    )
    search.add_argument(
        "--pruner", metavar="NAME", help="of Optuna: median, hyperband … (default: none)"
    )
    search.add_argument(
        "--prune-by",
        metavar="METRIC",
        help="the series that the pruner looks at (default: that of the objective)",
    )
    for name, what in (("minimize", "smaller"), ("maximize", "larger")):
        parser.add_argument(
            f"--{name}", metavar="COLUMN", help=f"the {what} the better; shown as the best so far"
        )


def _add_manner(parser: argparse.ArgumentParser) -> None:
    start = parser.add_argument_group("before the start")
    start.add_argument(
        "-n",
        "--dry-run",
        action="store_true",
        help="print the command of each point, and start nothing",
    )
    start.add_argument("-y", "--yes", action="store_true", help="start more than 10,000 points too")
    start.add_argument(
        "--here", action="store_true", help="run in the present tree, not in one of the commit"
    )
    stop = parser.add_argument_group("failures")
    stop.add_argument(
        "--fail-fast", action="store_true", help="start no more points when one has failed"
    )
    stop.add_argument(
        "--keep-going",
        action="store_false",
        dest="fail_fast",
        help="go on when points fail (default)",
    )


def _add_options_of_runs(parser: argparse.ArgumentParser) -> None:
    runs = parser.add_argument_group("of each run, as for `meticulous run`")
    for option in RUN_OPTIONS:
        if option.name not in OF_RUNS:
            continue
        names = [f"-{option.short}"] if option.short else []
        names.append(f"--{option.name}")
        if option.kind == "flag":
            runs.add_argument(*names, action="store_const", const=True, help=option.help)
        else:
            action = "append" if option.kind == "list" else "store"
            runs.add_argument(
                *names,
                action=action,
                choices=option.choices or None,
                metavar=option.metavar,
                help=option.help,
            )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare where the workers run."""
    _add_local(parser)
    _add_slurm(parser)
    dask = parser.add_argument_group("on Dask")
    dask.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="start the workers on this scheduler (tcp://…), or `local`",
    )


def _add_local(parser: argparse.ArgumentParser) -> None:
    local = parser.add_argument_group("on this machine")
    local.add_argument(
        "-j",
        "--jobs",
        type=_count,
        metavar="N",
        help="how many at once (default: 1); the workers of an engine",
    )
    local.add_argument("--gpus", metavar="each|0,1", help="give each of them one of these GPUs")
    local.add_argument(
        "--cpus-per-run",
        type=float,
        metavar="N",
        help="not more at once than there are processors for",
    )
    local.add_argument(
        "--memory-per-run",
        type=_size,
        metavar="SIZE",
        help="not more at once than there is free memory for",
    )


def _add_slurm(parser: argparse.ArgumentParser) -> None:
    slurm = parser.add_argument_group("on Slurm")
    slurm.add_argument(
        "--slurm",
        action="store_true",
        default=None,
        help="submit the workers as an array of jobs, and leave",
    )
    slurm.add_argument(
        "--per-job",
        type=_count,
        metavar="N",
        help="points that one job runs (default: as many as there are)",
    )
    for name in SBATCH_OPTIONS:
        slurm.add_argument(f"--{name}", metavar=name.upper(), help=f"sbatch --{name}")
    slurm.add_argument(
        "--sbatch",
        action="append",
        metavar="OPTION",
        help="any other option of sbatch, such as --sbatch=--exclusive; repeatable",
    )
    slurm.add_argument(
        "--setup",
        action="append",
        metavar="LINE",
        help="a line of shell before the worker starts, such as 'module load cuda'; repeatable",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above zero")
    return int(text)


def _size(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: {error}") from None
