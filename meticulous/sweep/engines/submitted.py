"""What was submitted to Slurm or Dask for a sweep: kept beside it, so that it can be asked for later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from meticulous.errors import MeticulousError
from meticulous.sweep.engines import ENDED, WorkerState
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.lines import append, read_lines

__all__ = ["cancel", "described", "note", "noted"]

_FILE = "engine.jsonl"


def note(folder: SweepFolder, entry: dict[str, Any]) -> None:
    """Keep what was submitted: its ``engine``, and the ids by which the engine knows it."""
    append(folder.file(_FILE), [json.dumps(entry)])


def noted(folder: SweepFolder, engine: str) -> list[dict[str, Any]]:
    """Return what was submitted to `engine`."""
    return [entry for _, entry in read_lines(folder.file(_FILE)) if entry.get("engine") == engine]


def _engines(folder: SweepFolder) -> Iterator[Any]:
    if noted(folder, "slurm"):
        from meticulous.sweep.engines.slurm import SlurmEngine

        yield SlurmEngine(folder, {}, lambda _: None)
    if noted(folder, "dask"):
        from meticulous.sweep.engines.dask import DaskEngine

        yield DaskEngine(folder, str(noted(folder, "dask")[-1].get("address")))


def described(folder: SweepFolder) -> Iterator[str]:
    """Say how many workers wait and run, a line for each engine that was used."""
    for engine in _engines(folder):
        try:
            states: list[WorkerState] = [one for one in engine.states() if one.state != ENDED]
        except MeticulousError as error:
            yield f"{engine.name}: {error}"
            continue
        if states:
            kinds: dict[str, int] = {}
            for one in states:
                word = f"{one.state}{f' ({one.detail})' if one.detail else ''}"
                kinds[word] = kinds.get(word, 0) + 1
            yield f"{engine.name}: " + ", ".join(f"{n} workers {word}" for word, n in kinds.items())


def cancel(folder: SweepFolder, say: Callable[[str], None]) -> None:
    """Tell every engine that was used to end the workers."""
    for engine in _engines(folder):
        try:
            engine.cancel()
        except MeticulousError as error:
            say(str(error))
