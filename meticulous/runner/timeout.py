"""The time that a command may take: SIGTERM when it has passed, SIGKILL when that was not heeded."""

from __future__ import annotations

import signal
import time

from meticulous.base.units import format_duration
from meticulous.runner.console import Console
from meticulous.runner.signals import SignalForwarder

__all__ = ["KILL_AFTER_S", "Timeout"]

KILL_AFTER_S = 10.0
"""How long a command that is over its time may take to end by itself."""


class Timeout:
    """The time that the command may take, and what happens when it has passed."""

    def __init__(
        self, seconds: float | None, supervisor: SignalForwarder, console: Console
    ) -> None:
        self.seconds = seconds
        self.is_exceeded = False
        self._supervisor, self._console = supervisor, console
        self._due_s = None if seconds is None else time.monotonic() + seconds

    def check(self) -> None:
        """Send SIGTERM when the time is over, and SIGKILL when the command stays all the same."""
        if self._due_s is None or time.monotonic() < self._due_s or not self._supervisor.pid:
            return
        if self._supervisor.has_ended:
            return
        if self.is_exceeded:
            self._due_s = None
            self._console.say(f"it has not ended within {KILL_AFTER_S:.0f}s: sending SIGKILL")
            self._supervisor.end(signal.SIGKILL)
            return
        self.is_exceeded = True
        self._due_s += KILL_AFTER_S
        limit = format_duration(self.seconds or 0)
        self._console.say(f"the time limit of {limit} has passed: sending SIGTERM")
        self._supervisor.end(signal.SIGTERM)
        self._supervisor.end(signal.SIGCONT)  # one that is stopped would not hear of it
