"""Starting the workers of a sweep and telling how it goes; itself no command."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from meticulous.base.spawn import which
from meticulous.commands import _console
from meticulous.errors import MeticulousError, UsageError
from meticulous.runfolder import RunFolder
from meticulous.sweep import code, objective
from meticulous.sweep.controller import Controller
from meticulous.sweep.engines.local import LocalEngine, gpus_of, limited
from meticulous.sweep.folder import SweepFolder, Values
from meticulous.sweep.progress import Progress
from meticulous.sweep.state import ERROR, SUCCESS, State
from meticulous.sweep.stopping import grouped
from meticulous.views import sweep as view

__all__ = ["check_engine", "engine_options", "run"]

_ENGINE = (
    "jobs", "gpus", "cpus_per_run", "memory_per_run", "slurm", "per_job", "partition", "account",
    "qos", "time", "mem", "cpus_per_task", "gres", "constraint", "sbatch", "setup", "dask",
)  # fmt: skip
_INTERRUPTED = 130


def engine_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the command line says of the engine, by name."""
    found = {name: getattr(arguments, name, None) for name in _ENGINE}
    given = {name: value for name, value in found.items() if value is not None}
    if given.get("slurm") and given.get("dask"):
        raise UsageError("--slurm and --dask exclude each other", "Give one of them")
    return given


def check_engine(options: dict[str, Any]) -> None:
    """Raise MeticulousError where the engine cannot be had at all, before anything is made."""
    if options.get("slurm"):
        if which("sbatch", os.environ.get("PATH")) is None:
            hint = "Submit where Slurm is, or leave out --slurm"
            raise MeticulousError("there is no sbatch in PATH", hint)
    elif options.get("dask"):
        from meticulous.sweep.engines.dask import check

        check()
    else:
        _room(options)


def _room(options: dict[str, Any]) -> tuple[list[str], int]:
    """Return the GPUs, and how many runs may go at once on this machine."""
    gpus = gpus_of(options.get("gpus"))
    limits = options.get("cpus_per_run"), options.get("memory_per_run")
    return gpus, limited(options.get("jobs"), len(gpus), *limits)


def run(folder: SweepFolder, options: dict[str, Any], *, again_only: bool = False) -> int:
    """Work on the sweep by the engine in `options`; return the exit code."""
    if options.get("slurm"):
        from meticulous.sweep.engines.slurm import SlurmEngine

        engine = SlurmEngine(folder, options, _console.say, again_only=again_only)
        engine.start(options.get("jobs") or 1)
        _console.say(f"see `meticulous sweep show {folder.id}`")
        return 0
    if options.get("dask"):
        from meticulous.sweep.engines.dask import run_on_dask

        return _follow(folder, options, again_only=again_only, make=run_on_dask)
    return _follow(folder, options, again_only=again_only, make=_local)


def _local(folder: SweepFolder, options: dict[str, Any], *, again_only: bool) -> tuple[Any, int]:
    gpus, jobs = _room(options)
    return LocalEngine(folder, gpus, again_only=again_only), jobs


def _follow(folder: SweepFolder, options: dict[str, Any], *, again_only: bool, make: Any) -> int:
    """See the sweep through, with a view of it on stderr."""
    engine, jobs = make(folder, options, again_only=again_only)
    kind = view.Live if sys.stderr.isatty() else view.Lines
    shown = kind(sys.stderr, Values(folder), str(folder.specification.get("objective") or ""))
    controller = Controller(folder, engine, jobs, shown, shown.say)
    found = controller.run()
    return _conclude(folder, controller, found)


def _conclude(folder: SweepFolder, controller: Controller, found: Progress) -> int:
    """Say how it ended, and what to do next."""
    if groups := grouped(controller.state.with_status(ERROR)):
        for line in view.failures(groups, Values(folder)):
            print(line, file=sys.stderr)
    reason = folder.stop_reason()
    if reason is not None:
        _console.say(f"sweep {folder.id} was stopped: {reason}")
    _console.say(f"sweep {folder.id}: {view.counts(found)}")
    _say_missing_objective(folder, controller.state, found)
    if found.done == found.points:
        code.tidy(folder, _console.say)
        _console.say(f"`meticulous ls --sweep {folder.id}` lists its runs")
        return 0
    if found.running and found.done + found.running == found.points:
        _console.say(f"{found.running:,} are run by workers that were started elsewhere")
        return 0
    _console.say(f"`meticulous sweep resume {folder.id}` runs what is missing or failed")
    if controller.was_told:
        return _INTERRUPTED
    return 1


def _say_missing_objective(folder: SweepFolder, state: State, found: Progress) -> None:
    """Say so where no run has the column that the sweep is about."""
    name = folder.specification.get("objective")
    if not name or found.best is not None or not found.done:
        return
    runs = [one.run for one in state.with_status(SUCCESS) if one.run]
    if not runs:
        return
    run = min(runs, key=lambda name: (len(name), name))  # the lowest number, whichever ended first
    columns = objective.columns(RunFolder(os.path.join(folder.directory("experiments"), run)))
    has = f"run {run} has {', '.join(columns)}" if columns else f"run {run} has no results"
    _console.say(f"no run has a number {name}: {has}")
