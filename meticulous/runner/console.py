"""Our own lines while a command runs: on stderr, two when all is well, none with ``--quiet``."""

from __future__ import annotations

import os

from meticulous.base.descriptors import write_all
from meticulous.base.text import harmless
from meticulous.base.units import format_bytes, format_duration
from meticulous.recording.record import RunRecord
from meticulous.runfolder import SUCCESS, keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from meticulous.git import CodeState
    from meticulous.recording.outcome import Outcome

__all__ = ["Console", "first_line", "last_line", "survivors_line"]


class Console:
    """Says lines on stderr, whatever has become of it; `who` says them, where there are several."""

    def __init__(self, *, is_quiet: bool, who: str = "") -> None:
        self._is_quiet = is_quiet
        self._who = f"{who}: " if who else ""
        self._is_silent = False
        self._end_line: Callable[[], str] = str

    def follow(self, end_line: Callable[[], str]) -> None:
        """Say lines after what a command has left on the terminal; `end_line` gives what ends that."""
        self._end_line = end_line

    def note(self, text: str) -> None:
        """Say `text` unless the user wants us quiet."""
        if not self._is_quiet:
            self.say(text)

    def silence(self) -> None:
        """Say nothing from now on."""
        self._is_silent = True

    def say(self, text: str) -> None:
        """Say `text`, quiet or not."""
        if self._is_silent:
            return
        line = f"{self._end_line()}meticulous: {self._who}{harmless(text)}\n"
        try:
            write_all(2, line.encode("utf-8", "backslashreplace"))
        except OSError:
            pass  # nobody reads it


def first_line(record: RunRecord, code: CodeState | None) -> str:
    """Say which run has begun, and what of the code is not in its record."""
    text = f"run {record.run.id} in {_shown(record.run.path)}"
    if attempts := len(record.metadata.get(keys.ATTEMPTS) or ()):
        text += f", attempt {attempts + 1}"
    if code and code.snapshot:
        return f"{text} (uncommitted changes are kept in snapshot {code.snapshot[:7]})"
    count = len(code.untracked) + code.untracked_left_out if code else 0
    if count:
        noun = "file is" if count == 1 else "files are"
        text += f" ({count} untracked {noun} not part of the recorded commit)"
    if code and code.dirty:
        text += " (uncommitted changes are not recorded)"
    return text


def last_line(record: RunRecord, verdict: Outcome, usage: dict[str, Any], least_memory: int) -> str:
    """Say how the run has ended; its memory, where it is more than `least_memory` bytes; where."""
    text = f"run {record.run.id} {verdict.state} after {format_duration(usage['wall'])}"
    memory = max(usage["peak_memory"], usage.get("peak_tree_memory", 0))
    if memory > least_memory:
        text += f", peak memory {format_bytes(memory)}"
    if "peak_gpu_memory" in usage:
        text += f", on the GPU {format_bytes(usage['peak_gpu_memory'])}"
    ranks = record.metadata.get(keys.RANKS) or {}
    came = ranks.get("came", 1)
    if ranks and verdict.state != SUCCESS:  # it may have gone while others still run
        came = max(came, 1 + len(record.run.ranks()))
    if came < ranks.get("size", 1):
        text += f", with {came} of {ranks['size']} ranks"
    text += f", in {_shown(record.run.path)}"
    return f"{text}: {verdict.reason}" if verdict.reason else text


def survivors_line(survivors: list[dict[str, Any]], *, is_drained: bool) -> str:
    """Name the first few processes that live on."""
    names = ", ".join(f"{one['pid']} ({one['command']})" for one in survivors[:5])
    more = f" and {len(survivors) - 5} more" if len(survivors) > 5 else ""
    text = f"still running after the command has ended: {names}{more}"
    return text if is_drained else text + "; what they print from now on is not recorded"


def _shown(path: str) -> str:
    relative = os.path.relpath(path)
    return relative if len(relative) < len(path) else path
