"""Reading runs back in Python: :class:`Experiments` is a directory, :class:`ExperimentReader` a run.

>>> experiments = Experiments()
>>> experiments[12].summary["loss"]
>>> experiments.as_dataframe().query("…")
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar, overload

from meticulous import runfolder, settings
from meticulous.base.timestamps import instant
from meticulous.errors import MeticulousError, RunFolderError
from meticulous.query import rows as reading
from meticulous.query.cache import sync
from meticulous.query.rows import Row
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.status import status_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from meticulous.metrics.series import Series

__all__ = ["ExperimentReader", "Experiments", "UnreadableRunWarning"]


class UnreadableRunWarning(UserWarning):
    """A run cannot be read, and is left out."""


class ExperimentReader:
    """One run, as its folder stands when it is read; subclass it to add what yours have.

    Args:
        curexpdir: path of the run's folder.

    Attributes:
        curexpdir: the path, as given.
        expid: name of the folder; an integer where it is one.
        metadata, args, default_args, summary: content of the files of these names, as dicts;
            empty where there is no such file.
        status: ``RUNNING``, ``SUCCESS``, ``ERROR``, or ``LOST`` for one that says RUNNING and whose
            recorder is gone; None where there is none.
        status_message: the reason or the whole traceback; may be empty.

    Raises RunFolderError where the folder is no run or cannot be understood.
    """

    def __init__(self, curexpdir: str | os.PathLike[str]) -> None:
        self.curexpdir = os.fspath(curexpdir)
        self._folder = RunFolder(self.curexpdir)
        self.expid = reading.identifier(self._folder.id)
        self.status: str | None = None
        self.status_message = ""
        self.refresh_status()
        self.metadata: dict[str, Any] = self._folder.read_metadata()
        if self.status is None and not self.metadata:
            raise RunFolderError(f"{self.curexpdir} is not the folder of a run", _WHERE)
        self.args: dict[str, Any] = self._folder.read_json(runfolder.ARGS)
        self.default_args: dict[str, Any] = self._folder.read_json(runfolder.DEFAULT_ARGS)
        self.summary: dict[str, Any] = {}
        self.refresh_summary()

    @property
    def sha(self) -> str | None:
        """The commit of the code."""
        return self.metadata.get(keys.GITHEAD_SHA)

    @property
    def start_time(self) -> datetime | None:
        """When it started, in UTC; a time without offset was the reader's local one."""
        return instant(self.metadata.get(keys.START_TIME) or self.metadata.get(keys.TIMESTAMP))

    def open(self, name: str, mode: str = "r", **options: Any) -> IO[Any]:
        """Open the file `name` of the run, as :func:`open` does."""
        return open(self._folder.file(name), mode, **options)

    @property
    def metrics(self) -> pd.DataFrame:
        """What the run has logged, as it stands now: one row for each line of metrics.jsonl.

        Columns: ``step``, ``time`` (datetime64 in UTC), ``attempt``, ``rank``, and one for each name
        (float64, NaN where it was not logged; object where there is text). Of a run with several
        attempts a later one replaces the steps that it repeats: see :meth:`read_metrics`.
        """
        return self.read_metrics()

    def read_metrics(
        self, names: str | Collection[str] | None = None, *, every_attempt: bool = False
    ) -> pd.DataFrame:
        """Return what :attr:`metrics` does, of `names` only; with `every_attempt` all lines.

        Raises RunFolderError where the file cannot be read.
        """
        from meticulous.metrics import frames, series

        chosen = [names] if isinstance(names, str) else names
        found = series.read(self._folder.path, chosen, every_attempt=every_attempt)
        return frames.wide_frame(found)

    def plot(
        self,
        names: str | Sequence[str],
        *,
        x: str = "step",
        log: bool = False,
        log_x: bool = False,
        smooth: float = 0.0,
    ) -> Figure:
        """Draw what the run has logged as `names`; a notebook shows it. Needs matplotlib.

        Args:
            names: one metric, or several in one picture.
            x: ``step``, ``time``, ``relative`` (seconds since the start) or a metric, such as ``epoch``.
            log: whether the y axis is logarithmic.
            log_x: whether the x axis is.
            smooth: weight of an exponential moving average, from 0 (none) to below 1.

        Raises UsageError where there is nothing to draw.
        """
        row = {"expid": self.expid, "curexpdir": self.curexpdir}
        if self.start_time is not None:
            row["start_time"] = self.start_time.isoformat()
        options = {"x": x, "log": log, "log_x": log_x, "smooth": smooth}
        return _figure([row], names, **options)

    def refresh_status(self) -> None:
        """Read the status again."""
        state, self.status_message = status_of(self._folder)
        self.status = state or None

    def refresh_summary(self) -> None:
        """Read the summary again."""
        self.summary = self._folder.read_json(runfolder.SUMMARY)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.curexpdir} {self.status}>"

    def _repr_html_(self) -> str:
        """Show the run as a table in a notebook; names and values are escaped."""
        from meticulous.views import notebook

        row = {
            "expid": self.expid,
            "status": self.status,
            "status_message": self.status_message,
            "sha": self.sha,
            "description": self.metadata.get(keys.DESCRIPTION) or "",
            "start_time": self.start_time and self.start_time.isoformat(),
        }
        return notebook.one_run(self.curexpdir, _row_of(self, row))


_WHERE = "Give the folder of a run, such as experiments/12"

Reader = TypeVar("Reader", bound=ExperimentReader)


class Experiments(Generic[Reader]):
    """The runs of an experiments directory, as they stood when it was made or refreshed.

    ``experiments[12]`` is the run 12, ``for run in experiments`` goes through them in the order
    in which they started, ``len(experiments)`` counts them. A run that cannot be read is left out
    with an :class:`UnreadableRunWarning`.

    Args:
        project_directory: of the project (default: as on the command line).
        experiments_directory: where the runs are, relative to the project directory (default: as
            on the command line, ``experiments``).
        reader: class of the runs; a subclass of ExperimentReader.

    Raises RunFolderError where there is no such directory.
    """

    @overload
    def __init__(
        self: Experiments[ExperimentReader],
        project_directory: str = "",
        experiments_directory: str | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        project_directory: str = "",
        experiments_directory: str | None = None,
        reader: type[Reader] = ...,
    ) -> None: ...

    def __init__(
        self,
        project_directory: str = "",
        experiments_directory: str | None = None,
        reader: type[Any] = ExperimentReader,
    ) -> None:
        given = {
            "project_directory": project_directory or None,
            "experiments_directory": experiments_directory,
        }
        place = settings.find_place(given)
        self.experiments_directory = place.experiments_directory
        self._seeds = settings.seed_names(place.values)
        self._reader = reader
        self._rows: dict[str, Row] = {}
        self._names: list[str] = []
        self._readers: dict[str, Reader] = {}
        self.refresh_experiments()

    def refresh_experiments(self) -> None:
        """Look at the directory again."""
        rows, self._names = sync.ask(
            self.experiments_directory, lambda runs: (runs.select(), runs.names()), _warn
        )
        self._rows = {str(row["expid"]): row for row in rows}
        self._readers = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Reader]:
        for name in list(self._rows):
            try:
                yield self[name]
            except MeticulousError as error:
                _warn(error)

    def __contains__(self, expid: object) -> bool:
        return str(expid) in self._rows

    def __getitem__(self, expid: int | str) -> Reader:
        """Return the run `expid`; raises KeyError where there is none."""
        name = str(expid)
        if name not in self._rows:
            raise KeyError(f"there is no run {expid} in {self.experiments_directory}")
        if name not in self._readers:
            self._readers[name] = self._reader(os.path.join(self.experiments_directory, name))
        return self._readers[name]

    def as_dataframe(self, normalize_json_values: int = 0, *, flat: bool = False) -> pd.DataFrame:
        """Return all runs as a DataFrame, one row each, in the order in which they started.

        Args:
            normalize_json_values: make columns of nested objects, this many levels deep
                (``model.lr``); 0 leaves them dicts.
            flat: name the columns ``args_lr``, ``summary_loss`` … as `meticulous ls` does.

        Index: ``expid``, int64 where all are integers. Columns: two levels, the first ``header``,
        ``args``, ``default_args``, ``summary`` or ``metadata``, the second the name; with `flat`
        one level. ``(header, start_time)`` and ``(header, end_time)`` are datetime64 in UTC;
        ``(header, duration)`` is float64, in seconds. Columns of integers are int64, or float64
        where a run has no value; of text str, and of mixed or nested values object.
        """
        from meticulous.query import frames

        rows, names = self._all_rows(), self._names
        if self._reader is not ExperimentReader:
            names = reading.ordered(name for row in rows for name in row)
        if normalize_json_values:
            rows = [reading.flatten(row, normalize_json_values) for row in rows]
            names = reading.ordered(name for row in rows for name in row)
        frame = frames.flat_frame(rows, names)
        return frames.by_expid(frame) if flat else frames.two_levels(frame)

    def metrics_dataframe(
        self, names: str | Sequence[str] | None = None, *, every_attempt: bool = False
    ) -> pd.DataFrame:
        """Return what all runs have logged as a DataFrame in long form, one row for each value.

        Args:
            names: the metrics to read (default: all).
            every_attempt: keep the steps that a later attempt has repeated.

        Columns: ``expid``, ``name`` (a categorical), ``step``, ``time`` (datetime64 in UTC),
        ``attempt``, ``rank`` and ``value`` (float64, or object with text). Runs stand in the order in
        which they started. A run whose metrics cannot be read is left out with an
        :class:`UnreadableRunWarning`.
        """
        from meticulous.metrics import frames

        chosen = [names] if isinstance(names, str) else names
        found = self._series(chosen, every_attempt=every_attempt)
        return frames.long_frame(found, chosen)

    def plot(
        self,
        names: str | Sequence[str],
        *,
        runs: Sequence[int | str] | None = None,
        groupby: str | Sequence[str] = (),
        x: str = "step",
        log: bool = False,
        log_x: bool = False,
        smooth: float = 0.0,
    ) -> Figure:
        """Draw what `runs` (default: all) have logged as `names`; as :meth:`ExperimentReader.plot`.

        Args:
            names: one metric, or several in one picture.
            runs: ids of the runs to draw.
            groupby: columns such as ``args_lr``: mean and standard deviation over the runs that agree
                in them; ``args`` is all arguments but seeds.
            x: what lies across: see :meth:`ExperimentReader.plot`.
            log: whether the y axis is logarithmic.
            log_x: whether the x axis is.
            smooth: weight of an exponential moving average, from 0 (none) to below 1.

        Raises KeyError for a run that is not there, UsageError where there is nothing to draw.
        """
        ids = list(self._rows) if runs is None else [str(one) for one in runs]
        for name in ids:
            if name not in self._rows:
                raise KeyError(f"there is no run {name} in {self.experiments_directory}")
        folders = {name: os.path.join(self.experiments_directory, name) for name in ids}
        rows = [{**self._rows[name], "curexpdir": folders[name]} for name in ids]
        by = [groupby] if isinstance(groupby, str) else groupby
        return _figure(rows, names, x=x, log=log, log_x=log_x, smooth=smooth, groupby=by)

    def _series(
        self, names: Sequence[str] | None, *, every_attempt: bool
    ) -> Iterator[tuple[int | str, Series]]:
        from meticulous.metrics import series

        for name, row in self._rows.items():
            path = os.path.join(self.experiments_directory, name)
            try:
                yield row["expid"], series.read(path, names, every_attempt=every_attempt)
            except RunFolderError as error:
                _warn(error)

    def _all_rows(self) -> list[Row]:
        if self._reader is ExperimentReader:
            return list(self._rows.values())
        return [_row_of(run, self._rows[str(run.expid)]) for run in self]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.experiments_directory}: {len(self)} runs>"

    def _repr_html_(self) -> str:
        """Show the runs as a table in a notebook, as `ls` does; names and values are escaped."""
        from meticulous.views import notebook

        rows = self._all_rows()
        names = reading.ordered(name for row in rows for name in row)
        return notebook.runs_table(rows, names, self._seeds)


def _figure(rows: list[Row], names: str | Sequence[str], **options: Any) -> Figure:
    from meticulous.plots import drawing

    return drawing.figure_of(rows, [names] if isinstance(names, str) else names, **options)


def _row_of(run: ExperimentReader, row: Row) -> Row:
    """Return the row of `run` as its reader has it: a subclass may change what is read."""
    header = {name: value for name, value in row.items() if name in reading.HEADER}
    return {
        **header,
        "status": run.status,
        "status_message": run.status_message,
        **reading.section("args_", run.args),
        **reading.section("default_args_", run.default_args),
        **reading.section("summary_", run.summary),
        **{name: value for name, value in row.items() if name.startswith("metrics_")},
        **reading.metadata_section(run.metadata),
    }


def _warn(error: MeticulousError) -> None:
    warnings.warn(str(error), UnreadableRunWarning, stacklevel=4)
