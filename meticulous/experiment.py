"""A script that records itself: the :class:`Experiment`.

The folder, its files and what writes them are those of ``meticulous run``; here is only what is
different when the recorded program and the recorder are one process. ``docs/in-process.md`` is the
guide to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from meticulous import runfolder, settings
from meticulous.arguments import Arguments
from meticulous.child import helper
from meticulous.child.values import Budget, plain
from meticulous.errors import (
    DirtyRepositoryError,
    MeticulousError,
    MismatchedArgsError,
    MismatchedCommitError,
)
from meticulous.inprocess import exit_watch, sessions
from meticulous.inprocess.exit_watch import Verdict
from meticulous.recording.outcome import Ended, Outcome
from meticulous.runfolder import ERROR, SUCCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import TracebackType
    from typing import IO, Any

    from typing_extensions import Self

__all__ = [
    "DirtyRepoException",
    "Experiment",
    "MismatchedArgsException",
    "MismatchedCommitException",
]

DirtyRepoException = DirtyRepositoryError
MismatchedArgsException = MismatchedArgsError
MismatchedCommitException = MismatchedCommitError


class Experiment:
    """One run, recorded from now until it is finished.

    As a context manager it is finished when the block is left. Without, it is finished by
    :meth:`finish`, or when the process ends, however that comes about.

    Args:
        args: the arguments, by name; values that are not JSON are converted.
        default_args: their defaults, by the same names.
        project_directory: where the project is, in its git repository (default: the git top level).
        experiments_directory: where the runs are kept, relative to the project directory.
        experiment_id: name of the run (default: the next number).
        description: a sentence on what this run is for.
        norecord: record nothing, and allow uncommitted changes.
        resume: go on with the run of the same arguments and commit, if there is one.
        tags: words to find the run by.
        dirty: what to do with uncommitted changes: ``refuse``, ``snapshot`` or ``ignore``.
        no_git: the project is in no git repository.
        env: names of more environment variables to record; ``*`` matches.

    What is not given here is taken from ``METICULOUS_…`` variables and ``meticulous.yaml``.

    Attributes:
        args, default_args: the arguments as recorded, but not masked.
        norecord: whether nothing is recorded.

    Raises:
        DirtyRepoException: there are uncommitted changes.
        MismatchedArgsException, MismatchedCommitException: `experiment_id` and `resume` were
            given, and that run is another.
        MeticulousError: the settings are wrong, or the folder cannot be made.

    """

    def __init__(  # noqa: PLR0913, the signature of the original
        self,
        args: Mapping[str, Any] | argparse.Namespace,
        default_args: Mapping[str, Any] | argparse.Namespace | None = None,
        project_directory: str = "",
        experiments_directory: str = "experiments",
        experiment_id: str | int | None = None,
        description: str = "",
        norecord: bool = False,  # noqa: FBT001, FBT002, likewise
        resume: bool = False,  # noqa: FBT001, FBT002
        *,
        tags: str | Sequence[str] = (),
        dirty: str | None = None,
        no_git: bool = False,
        env: str | Sequence[str] = (),
    ) -> None:
        arguments = _arguments(args, default_args or {})
        self.args, self.default_args = arguments.values, arguments.defaults
        given = {
            "project_directory": os.fspath(project_directory) or None,
            "experiments_directory": os.fspath(experiments_directory),
            "experiment_id": None if experiment_id is None else str(experiment_id),
            "description": str(description or "") or None,
            "norecord": norecord or None,
            "tag": _words(tags) or None,
            "dirty": dirty,
            "no_git": no_git or None,
            "env": _words(env) or None,
        }
        if experiments_directory == "experiments":
            given["experiments_directory"] = None  # the default, so the settings file may differ
        chosen = settings.for_run(given)
        self.norecord = chosen.norecord
        self._tracked: sessions.Tracked | None = None
        self._has_ended = False
        if not self.norecord:
            self._tracked = sessions.start(chosen, arguments, resumes=resume)

    @staticmethod
    def add_argument_group(parser: argparse.ArgumentParser, **defaults: Any) -> None:
        """Add the group "meticulous" to `parser`, the options for making an Experiment.

        `defaults` are the defaults of the options, by their names with underscores.
        """
        from meticulous.inprocess.parsers import add_argument_group

        add_argument_group(parser, **defaults)

    @staticmethod
    def extract_meticulous_args(
        parser: argparse.ArgumentParser, arg_list: Sequence[str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Parse and part what is parsed: (args, default args, arguments of Experiment)."""
        from meticulous.inprocess.parsers import extract

        extracted = extract(parser, arg_list)
        return extracted.args, extracted.default_args, extracted.meticulous_args

    @classmethod
    def from_parser(
        cls,
        parser: argparse.ArgumentParser,
        arg_list: Sequence[str] | None = None,
        *,
        capture_defaults: bool = True,
        **options: Any,
    ) -> Self:
        """Make an Experiment of what `parser` parses: `arg_list`, or the command line.

        The parsing is done once: the next ``parser.parse_args()`` gives the same result and has
        no second effects. `options` are arguments of Experiment that go before the parsed ones.
        Without `capture_defaults` the defaults are not recorded. Where the parser then refuses the
        words (``unrecognized arguments``), nothing has run and the record is removed.
        """
        from meticulous.inprocess.parsers import extract

        found = extract(parser, arg_list)
        words = {**found.meticulous_args, **options}
        defaults = found.default_args if capture_defaults else {}
        experiment = cls(_Parsed(found.args, found.given), defaults, **words)
        found.refused.append(experiment._discard)
        return experiment

    @property
    def curexpdir(self) -> str:
        """The run folder, an absolute path; the current directory with ``norecord``."""
        return self._tracked.record.run.path if self._tracked else os.getcwd()

    @property
    def id(self) -> str | None:
        """The name of the run folder; None with ``norecord``."""
        return self._tracked.record.run.id if self._tracked else None

    @property
    def metadata(self) -> dict[str, Any]:
        """What metadata.json holds; empty with ``norecord``."""
        return dict(self._tracked.record.metadata) if self._tracked else {}

    def summary(self, values: Mapping[str, Any]) -> None:
        """Write `values` to summary.json, in the place of what was there.

        With ``norecord`` nothing is written. Not being able to write is said once and noted.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"summary takes names with values, not a {type(values).__name__}")
        if self._tracked:
            record = self._tracked.record
            record.write(runfolder.SUMMARY, helper.plain_record(dict(values)))
            self._touch_store()

    def log(self, values: Mapping[str, Any], step: float | None = None) -> None:
        """Add a line to metrics.jsonl, as :func:`meticulous.log` does; never raises.

        With ``norecord`` nothing is written.
        """
        if self._tracked:
            helper.log_in(self.curexpdir, values, step)
            self._touch_store()

    def open(
        self, name: str | os.PathLike[str], mode: str = "r", *words: Any, **options: Any
    ) -> IO[Any]:
        """Open a file of the run folder, as the built-in ``open`` does; make its parent folders.

        With ``norecord`` it is a file of the current directory. Raises ValueError for a name
        that leads out of the folder.
        """
        self._touch_store()
        file: IO[Any] = helper.open_in(self.curexpdir, name, mode, *words, **options)
        return file

    def finish(self, status: str = SUCCESS) -> None:
        """End the record: `status` is SUCCESS, or ERROR with the reason on the lines after it.

        Nothing happens where it has ended already.
        """
        state, _, message = status.partition("\n")
        if state not in (SUCCESS, ERROR):
            raise MeticulousError(f"the status {state!r} is unknown", "Give SUCCESS or ERROR")
        reason = runfolder.headline(message) or "finished as an error"
        verdict = Verdict(Ended(None, None), Outcome(ERROR, message or reason, reason, None))
        if state == SUCCESS:
            verdict = Verdict(Ended(None, None), Outcome(SUCCESS, message, None, None))
        self._end(verdict)

    def __enter__(self) -> Self:
        if self._has_ended:
            raise MeticulousError(f"experiment {self.id} has ended", "Make a new Experiment")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Finish; an exception is recorded and printed, and the program goes on after the block.

        What is meant to end the program (KeyboardInterrupt, SystemExit) does so.
        """
        if self._tracked and not self._tracked.is_of_this_process:
            return False  # a fork, which must not go on with its parent's work
        if error is None:
            self.finish()
            return False
        goes_on = isinstance(error, Exception)
        if goes_on:
            import traceback

            try:
                traceback.print_exception(kind, error, trace)
            except (OSError, ValueError):
                pass  # stderr is closed; STATUS has it
        self._end(exit_watch.on_error(error))
        return goes_on

    def __repr__(self) -> str:
        return f"<Experiment {self.id} in {self.curexpdir}>" if self._tracked else "<Experiment>"

    def _end(self, verdict: Verdict) -> None:
        self._has_ended = True
        if self._tracked is not None:
            sessions.stop(self._tracked, verdict)

    def _discard(self) -> None:
        """Remove the record: the command line was refused, so that nothing has run."""
        if self._tracked is not None and self._tracked.is_of_this_process:
            self._has_ended = sessions.discard(self._tracked) or self._has_ended

    def _touch_store(self) -> None:
        """Tell readers' caches that a run which had ended has changed after all."""
        if self._has_ended:
            try:
                os.utime(os.path.dirname(self.curexpdir))
            except OSError:
                pass  # not ours, or gone


def _words(given: str | Sequence[str]) -> list[str]:
    """Return a list of texts; one text alone is one of them, and not its letters."""
    return [given] if isinstance(given, str) else [str(word) for word in given]


class _Parsed(dict[str, "Any"]):
    """Arguments that a parser has parsed, and the names that were `given` on the command line."""

    def __init__(self, values: Mapping[str, Any], given: Sequence[str]) -> None:
        super().__init__(values)
        self.given = given


def _arguments(args: Any, default_args: Any) -> Arguments:
    """Return what args.json and default_args.json hold: JSON values."""
    values, defaults = plain(args, Budget()), plain(default_args, Budget())
    for what, found in (("args", values), ("default_args", defaults)):
        if not isinstance(found, dict):
            raise TypeError(f"{what} must have names with values, and not be {found!r}")
    if isinstance(args, _Parsed):
        return Arguments(values, defaults, tuple(args.given), "argparse")
    given = [name for name in values if name not in defaults or values[name] != defaults[name]]
    return Arguments(values, defaults, tuple(given), "Experiment")
