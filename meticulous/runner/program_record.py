"""What is recorded of the program itself: its arguments, config files, data files and environment.

At first from the command line; then from what the start-up file in the program reports.
"""

from __future__ import annotations

import os

from meticulous import environment
from meticulous.arguments import Arguments, from_argv, reports
from meticulous.base import inherited
from meticulous.recording.config_files import copy_configs
from meticulous.runfolder import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from meticulous.recording.data_files import DataFiles
    from meticulous.recording.plan import RunPlan
    from meticulous.recording.record import RunRecord

__all__ = ["ProgramRecord"]


class ProgramRecord:
    """The description of one program, which grows while it runs.

    Args:
        plan: of the run.
        record: of the run.
        is_ours: whether the program is described here; rank 0 describes it for the others.
        guard: called with each step that must not change the run, should it fail.
    """

    def __init__(
        self,
        plan: RunPlan,
        record: RunRecord,
        *,
        is_ours: bool,
        guard: Callable[[Callable[[], None]], None],
    ) -> None:
        self._command, self._settings, self._record = plan.command, plan.settings, record
        self._is_ours, self._guard = is_ours, guard
        self._watcher = reports.Watcher(record.run)
        self.report = reports.Report()
        self._data: DataFiles | None = None

    def begin(self) -> None:
        """Write down what the command line says."""
        self._set_arguments(from_argv(self._command))
        self._gather_environment(None)

    def look(self) -> bool:
        """Take what the program has reported; return whether there was something new."""
        if not self._watcher.changed():
            return False
        report = self._watcher.read()
        if report.arguments is not None and report.arguments != self.report.arguments:
            self._set_arguments(report.arguments)
        if report.interpreter is not None and report.interpreter != self.report.interpreter:
            self._gather_environment(report.interpreter)
        self.report = report
        return True

    def take_config(self, config: Arguments) -> None:
        """Take the config of a tracker for the arguments of a program that has parsed none."""
        if self.report.arguments is None:
            words = from_argv(self._command)
            values = {**words.values, **config.values}
            self._set_arguments(Arguments(values, {}, words.given, config.source))

    def end(self) -> list[dict[str, Any]]:
        """Return the data files, as ``data`` of the metadata has them; none is looked at any more."""
        return self._data.end() if self._data else []

    def _set_arguments(self, arguments: Arguments) -> None:
        """Write the arguments down, and keep the config files that they name."""
        if not self._is_ours:
            self._record.update({})
            return
        self._record.set_arguments(arguments)
        for trouble in copy_configs(self._record.run, arguments, os.getcwd()):
            self._record.note_trouble(trouble)
        if any(isinstance(value, (str, list, dict)) for value in arguments.values.values()):
            self._guard(lambda: self._look_at_data(arguments))

    def _look_at_data(self, arguments: Arguments) -> None:
        """Note the data files that `arguments` name, if they were there before the run."""
        if self._data is None:
            from meticulous.recording.data_files import DataFiles

            record = self._record
            # Of the first attempt: what it has written is no input of a later one.
            first = str(record.metadata[keys.TIMESTAMP])
            self._data = DataFiles(
                self._settings, first, lambda found: record.update({keys.DATA: found})
            )
        self._data.look(arguments)

    def _gather_environment(self, interpreter: dict[str, Any] | None) -> None:
        """Describe the environment, with what the Python of the command has told of itself."""
        if not self._is_ours:
            return
        environ = inherited.environment()
        cwd, names, command = os.getcwd(), self._settings.env, self._command
        self._record.gather_environment(
            lambda save: environment.gather(command, cwd, environ, names, interpreter, save)
        )
