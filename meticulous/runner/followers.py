"""Threads that follow a command while it runs: samples of what it uses, and metrics."""

from __future__ import annotations

import functools
import os
import threading

from meticulous import runfolder
from meticulous.arguments import reports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from meticulous.arguments import Arguments
    from meticulous.recording.alerting import Alerts
    from meticulous.recording.collected import Collected
    from meticulous.recording.plan import RunPlan
    from meticulous.recording.printed_metrics import PrintedMetrics
    from meticulous.recording.record import RunRecord
    from meticulous.resources.sampler import Sampler
    from meticulous.runner.signals import SignalForwarder

__all__ = ["FIRST_SAMPLE_S", "Followers"]

FIRST_SAMPLE_S = 0.3
"""When the first sample of what the command uses is taken: one that is over by then has none."""


class Followers:
    """The threads of one attempt.

    Args:
        plan: of the run.
        record: of the run.
        supervisor: knows what has ended, for the samples.
        guard: called with each step that must not change the run, should it fail.
        say: says a line on stderr.
    """

    def __init__(
        self,
        plan: RunPlan,
        record: RunRecord,
        supervisor: SignalForwarder,
        guard: Callable[[Callable[[], None]], None],
        say: Callable[[str], None],
    ) -> None:
        self._settings, self._record, self._supervisor = plan.settings, record, supervisor
        self._guard = guard
        self._started_s = 0.0
        self._is_over = threading.Event()
        self._sampler: Sampler | None = None
        self._collected: Collected | None = None
        self._printed: PrintedMetrics | None = None
        if plan.settings.metrics:
            from meticulous.recording.printed_metrics import PrintedMetrics

            self._printed = PrintedMetrics(record, plan.settings.metrics)
        self._alerts: Alerts | None = None
        if plan.settings.alert:
            from meticulous.recording.alerting import Alerts

            command = plan.settings.alert_command
            self._alerts = Alerts(record, plan.settings.alert, command, say)

    def begin(self, started_s: float) -> None:
        """Begin to take samples; `started_s` is when the command was started, by the monotonic clock."""
        self._started_s = started_s
        try:
            threading.Thread(target=self._sample, name="monitor", daemon=True).start()
        except RuntimeError as error:  # the limit of processes
            self._record.note_trouble(f"resources: {error}")

    def follow_output(self) -> None:
        """Begin to read metrics from what is printed, and to look for alerts, where that is wanted."""
        works = [one.work for one in (self._printed, self._alerts) if one is not None]
        for work in works:
            self._guard(functools.partial(self._follow, work))

    def follow_trackers(self, take_config: Callable[[Arguments], None]) -> None:
        """Begin to read what the start-up file notes of trackers, once it does."""
        run = self._record.run
        if self._collected is None and reports.has_notes(run):
            from meticulous.recording.collected import Collected

            folder = run.file(runfolder.REPORTS)
            self._collected = Collected(self._record, folder, take_config)
            self._follow(self._collected.work)

    def stop(self) -> None:
        """Have the threads end: the command has."""
        self._is_over.set()

    def read_rest(self) -> None:
        """Read the metrics that have come since the threads looked last."""
        for metrics in (self._collected, self._printed):
            if metrics is not None:
                metrics.look(is_last=True)
        if self._alerts is not None:
            self._alerts.end()

    def peaks(self) -> dict[str, Any]:
        """Return the keys of ``usage`` that come of samples."""
        return self._sampler.peaks() if self._sampler else {}

    def _sample(self) -> None:
        """Sample what the command uses, once it has run for a moment."""
        if self._is_over.wait(FIRST_SAMPLE_S):
            return
        from meticulous.base.spawn import OURS
        from meticulous.resources import process_tree
        from meticulous.resources.sampler import Reaped, Sampler

        supervisor = self._supervisor
        self._sampler = sampler = Sampler(
            self._record.run,
            self._started_s,
            lambda: process_tree.descendants([os.getpid()], OURS),
            lambda: Reaped(
                supervisor.user_s + supervisor.system_s, supervisor.read, supervisor.written
            ),
            self._settings.sample_interval_s,
            self._record.failed,
        )
        self._guard(lambda: sampler.work(self._is_over))

    def _follow(self, work: Callable[[threading.Event], None]) -> None:
        """Do `work` in a thread of its own until the command has ended."""
        step = lambda: self._guard(lambda: work(self._is_over))  # noqa: E731
        threading.Thread(target=step, name="metrics", daemon=True).start()
