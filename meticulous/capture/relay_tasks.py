"""What the relay does for one run, beside the bytes: its trouble, its samples, its environment.

Nothing of ours is imported at the top: a program waits for its relay to be ready.
"""

from __future__ import annotations

import functools
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from meticulous.recording.record import RunRecord
    from meticulous.resources.sampler import Sampler

__all__ = ["RelaySampler", "Trouble", "write_environments"]

_FIRST_SAMPLE_S = 0.3


class Trouble:
    """What could not be recorded of one run."""

    def __init__(self, path: str, say: Callable[[str], None]) -> None:
        self._path, self._say = path, say
        self.texts: list[str] = []

    def note(self, what: str, error: OSError) -> None:
        """Note that `what` cannot be recorded, in the words and the way of `RunRecord`."""
        record = self._record(self._say if not self.texts else lambda _: None)
        record.failed(what, error)
        self.texts += record.trouble

    def not_passed_on(self, name: str, error: OSError) -> None:
        """Note that what was printed to `name` cannot be written there."""
        record = self._record(self._say)
        record.not_passed_on(name, error)
        self.texts += record.trouble

    def _record(self, say: Callable[[str], None]) -> RunRecord:
        from meticulous.recording.record import RunRecord
        from meticulous.runfolder import RunFolder

        return RunRecord(RunFolder(self._path), {}, say)


class RelaySampler(threading.Thread):
    """Samples what the program and its children use while a run is open."""

    def __init__(self, pid: int, path: str, interval_s: float | None, trouble: Trouble) -> None:
        super().__init__(name="monitor", daemon=True)
        self._program, self._path, self._interval_s = pid, path, interval_s
        self._trouble = trouble
        self._is_over = threading.Event()
        self._monitor: Sampler | None = None
        self._started_s = time.monotonic()

    def run(self) -> None:
        """Sample once the run has lasted for a moment; nothing is imported before."""
        if self._is_over.wait(_FIRST_SAMPLE_S):
            return
        from meticulous.resources import process_tree
        from meticulous.resources.sampler import Reaped, Sampler
        from meticulous.runfolder import RunFolder

        # What the program had used when it told us of the run is not known any more: from here on.
        used = process_tree.measure(self._pids())
        before = Reaped(used.cpu_s, used.read or 0, used.written or 0)
        self._monitor = Sampler(
            RunFolder(self._path),
            self._started_s,
            self._pids,
            Reaped,
            self._interval_s,
            self._trouble.note,
            before,
        )
        self._monitor.work(self._is_over)

    def stop(self) -> dict[str, Any]:
        """Sample no more; return the peaks, empty where there was no sample."""
        self._is_over.set()
        return self._monitor.peaks() if self._monitor else {}

    def _pids(self) -> list[int]:
        from meticulous.resources import process_tree

        return [self._program, *process_tree.descendants([self._program])]


def write_environments(
    undescribed: Sequence[tuple[str, dict[str, Any]]], say: Callable[[str], None]
) -> None:
    """Write environment.json of each run; one that is the same as before is copied."""
    from meticulous import environment
    from meticulous.recording.record import RunRecord
    from meticulous.runfolder import ENVIRONMENT, RunFolder

    for path, words in undescribed:
        same_as = words.pop("same_as")
        record = RunRecord(RunFolder(path), {}, say)
        content = RunFolder(same_as).read_json(ENVIRONMENT) if same_as else {}
        if content:
            record.write(ENVIRONMENT, content)
        else:
            thread = record.gather_environment(functools.partial(_gather, environment, words))
            if thread is not None:
                thread.join()


def _gather(
    environment: Any, words: dict[str, Any], save: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    content: dict[str, Any] = environment.gather(save=save, **words)
    return content
