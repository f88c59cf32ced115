"""Sweeps from Python: :class:`Sweep`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from meticulous import runfolder, settings
from meticulous.arguments import scalar
from meticulous.errors import RunFolderError, UsageError
from meticulous.experiments import ExperimentReader
from meticulous.runfolder import RunFolder, edits, headline, keys
from meticulous.runfolder.directory import highest_number
from meticulous.sweep import code, directory, objective, plan
from meticulous.sweep.controller import Controller
from meticulous.sweep.engines.local import LocalEngine
from meticulous.sweep.folder import Point
from meticulous.sweep.progress import Progress, dead_holders, progress
from meticulous.sweep.specification import Search, Specification
from meticulous.sweep.state import ERROR, STOPPED, SUCCESS, Outcome, State, allow
from meticulous.sweep.values import quoted
from meticulous.sweep.worker import Worker

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Result", "Sweep"]


class Result(NamedTuple):
    """What came out of one point.

    `status` is ``SUCCESS``, ``PRUNED``, ``ERROR``, ``STOPPED``, ``LOST``, ``RUNNING`` or
    ``WAITING``; `run` is the run, None where there is none; `value` is the objective's.
    """

    values: dict[str, Any]
    status: str
    run: ExperimentReader | None = None
    value: float | None = None
    message: str = ""


class Sweep:
    """Many runs of one command, or of the body of a loop.

    Args:
        parameters: name → list of values, or a text as on the command line (``"0..4"``,
            ``"log:1e-5..1e-1"`` with `search`). A name may be ``"lr,bs"`` with a list of tuples.
        command: words of the command, with places ``{lr}`` or without; empty where :meth:`points`
            is used.
        tables: paths of tables whose rows are points.
        only: a filter, as text: the points to keep.
        exclude: a filter, as text: the points to leave out.
        sample: take this many points at random.
        seed: of the random choice.
        minimize: the column that should become small, such as ``"summary_loss"``.
        maximize: the column that should become large.
        trials: let Optuna search the values, in this many trials.
        sampler: name of Optuna's sampler, with its options.
        pruner: name of Optuna's pruner, with its options.
        here: run in the present tree instead of one of the commit.
        options: of each run, as for ``meticulous run``: ``dirty``, ``timeout``, ``retries``,
            ``tag``, ``experiments_directory`` ….

    Raises MeticulousError where something is wrong; nothing is made then.

    """

    def __init__(  # noqa: PLR0913, the options of the command line by name
        self,
        parameters: Mapping[str, Iterable[Any] | str],
        command: Sequence[str] = (),
        *,
        tables: Sequence[str] = (),
        only: Sequence[str] = (),
        exclude: Sequence[str] = (),
        sample: int | None = None,
        seed: int | None = None,
        minimize: str | None = None,
        maximize: str | None = None,
        trials: int | None = None,
        sampler: str = "tpe",
        pruner: str = "nop",
        here: bool = False,
        **options: Any,
    ) -> None:
        self._originals: dict[tuple[str, str], Any] = {}
        words = [self._word(name, values) for name, values in parameters.items()]
        name, direction = minimize or maximize, "maximize" if maximize else "minimize"
        search = None
        if trials is not None:
            if name is None:
                raise UsageError("a search needs minimize or maximize", "Name a column of the runs")
            search = Search(trials, name, direction, sampler, pruner, None, seed)
        chosen = settings.for_run(options)
        is_loop = not command
        specification = Specification(
            tuple(command) or ("python",), (*words, *(f"@{path}" for path in tables)),
            tuple(exclude), tuple(only), sample, seed or 0, search,
        )  # fmt: skip
        planned = plan.plan(specification, chosen)
        if is_loop:
            planned = planned._replace(template=[])
        more: dict[str, Any] = {
            "objective": name,
            "direction": direction,
            "fail-fast": False,
            "engine": {},
        }
        self._folder = plan.make(planned, chosen, more, lambda _: None, here=here or is_loop)

    @classmethod
    def open(cls, sweep: int | str, experiments_directory: str | None = None) -> Sweep:
        """Return a sweep that there is, by its number or the path of its folder."""
        if experiments_directory is None:
            experiments_directory = settings.find_place({}).experiments_directory
        made = cls.__new__(cls)
        made._originals = {}  # noqa: SLF001, it is our own
        made._folder = directory.find(str(sweep), experiments_directory)  # noqa: SLF001, likewise
        return made

    def _word(self, name: str, values: Iterable[Any] | str) -> str:
        if isinstance(values, str):
            return f"{name}={values}"
        items = []
        for value in values:
            parts = value if "," in name else (value,)
            for one, part in zip(name.split(","), parts, strict=True):
                self._originals[one, _text(part)] = part
            items.append(":".join(quoted(_text(part)) for part in parts))
        return f"{name}={','.join(items)}"

    @property
    def id(self) -> int:
        """Its number."""
        return int(self._folder.id)

    @property
    def path(self) -> str:
        """The path of its folder."""
        return self._folder.path

    def __len__(self) -> int:
        return self._folder.count()

    def __repr__(self) -> str:
        return f"<Sweep {self.id}: {len(self)} points>"

    def progress(self) -> Progress:
        """Return how far it is."""
        state = self._state()
        return progress(state, len(self), dead_holders(state))

    def _state(self) -> State:
        state = State(self._folder)
        state.look()
        return state

    def run(self, jobs: int = 1) -> Progress:
        """Run what is open with `jobs` workers on this machine, and wait for the end."""
        self._ensure_code()
        engine = LocalEngine(self._folder)
        controller = Controller(self._folder, engine, jobs, lambda *_: None, lambda _: None)
        return controller.run()

    def submit(self, jobs: int = 1, **options: Any) -> None:
        """Submit `jobs` workers to Slurm; `options` as on the command line: ``time="1h"``."""
        from meticulous.sweep.engines.slurm import SlurmEngine

        self._ensure_code()
        SlurmEngine(self._folder, {**options, "jobs": jobs}, lambda _: None).start(jobs)

    def _ensure_code(self) -> None:
        if not self._folder.template:
            raise UsageError(f"sweep {self.id} is one of a loop", "Use points()")
        state = plan.state_of(self._folder)
        if state is not None:
            code.ensure(self._folder, plan.present_settings(self._folder), state, lambda _: None)

    def retry(self) -> int:
        """Let points that have failed be tried once more; return how many."""
        state = self._state()
        tries = {one.key: one.number + 1 for one in state.with_status(ERROR)}
        allow(self._folder, tries, f"{os.uname().nodename}-{os.getpid()}-{time.time_ns()}")
        self._folder.go_on()
        return len(tries)

    def stop(self, reason: str = "stopped by the program") -> None:
        """Start no more points, whoever works on it."""
        self._folder.stop(reason)

    def results(self) -> Iterator[Result]:
        """Iterate over the points, with what came out of each so far."""
        state = self._state()
        for point in self._folder.points():
            one = state.outcome(point.key)
            if one is None:
                status = "RUNNING" if point.key in state.claimed else "WAITING"
                yield Result(self._values(point.values), status)
                continue
            values = self._values(one.values or point.values)  # noqa: PD011, no DataFrame
            yield Result(values, one.status, self._reader(one.run), one.value, one.message)

    def _reader(self, run: str | None) -> ExperimentReader | None:
        if run is None:
            return None
        try:
            return ExperimentReader(os.path.join(self._folder.directory("experiments"), run))
        except RunFolderError:
            return None  # it was removed

    def _values(self, texts: Mapping[str, str]) -> dict[str, Any]:
        return {
            name: self._originals.get((name, text), scalar(text)) for name, text in texts.items()
        }

    def as_dataframe(self) -> pd.DataFrame:
        """Return a DataFrame with a row for each point.

        Columns: the names of the values, ``status``, ``expid``, ``value``, and ``summary_…`` of
        the run.
        """
        import pandas as pd

        rows = []
        for one in self.results():
            row: dict[str, Any] = {**one[0], "status": one.status, "value": one.value}
            row["expid"] = one.run.expid if one.run else None
            for name, value in (one.run.summary if one.run else {}).items():
                row[f"summary_{name}"] = value
            rows.append(row)
        return pd.DataFrame(rows)

    def points(self) -> Iterator[dict[str, Any]]:
        """Claim points and return their values, one after the other, until none is open.

        For ``for args in sweep.points(): with Experiment(args): …``. A point is done when the next
        one is asked for; where the loop is left, by ``break`` or an exception, it is given back.
        Several processes may iterate over one sweep.
        """
        worker = Worker(self._folder)
        worker.begin()
        with worker.beating():
            while (claim := worker.claim()) is not None:
                point, number = claim
                before = highest_number(self._folder.directory("experiments"))
                finished = False
                try:
                    yield self._values(point.values)
                    finished = True
                finally:
                    worker.note(self._ended(point, number, before, is_finished=finished))

    def _ended(self, point: Point, number: int, before: int, *, is_finished: bool) -> Outcome:
        """Say how the body of the loop has ended, by the run that it has recorded."""
        found = Outcome(point.key, number, SUCCESS if is_finished else STOPPED)
        run = self._recorded(before)
        if run is None:
            return found
        told = {"id": self.id, "point": point.key, "try": number}
        try:
            edits.edit(run, lambda metadata: metadata.update(sweep=told))
            state, message = run.read_status()
        except RunFolderError:
            return found
        found = found._replace(run=run.id)
        if state == runfolder.ERROR:
            return found._replace(status=ERROR, message=headline(message))
        return objective.with_value(self._folder, run, found)

    def _recorded(self, before: int) -> RunFolder | None:
        """Return the run that this process has begun since the run number `before`."""
        directory = self._folder.directory("experiments")
        for number in range(highest_number(directory), before, -1):
            run = RunFolder(os.path.join(directory, str(number)))
            try:
                if run.read_metadata().get(keys.PID) == os.getpid():
                    return run
            except RunFolderError:
                continue
        return None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, dict, set)):
        raise UsageError(f"{value!r} is no single value", "Give numbers, texts or truth values")
    return str(value)
