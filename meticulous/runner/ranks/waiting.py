"""Rank 0 waits for the other ranks of its run."""

from __future__ import annotations

import os
import time

from meticulous import runfolder
from meticulous.errors import RunFolderError
from meticulous.runfolder import RunFolder, liveness
from meticulous.runner.ranks.results import Part, read_part
from meticulous.runner.signals import SignalForwarder

__all__ = ["RankWaiter"]

ATTACH_S = 5.0
"""How long after its start a run counts on ranks that have not come yet."""
FAILED_S = 3.0
"""How long rank 0 waits when its own command has failed. Then it must go, for the launcher ends the
others as soon as it knows; and what waits for a rank that is no more waits for ever."""
FAREWELL_S = 10.0
"""How long the others may take to end when somebody wants us gone; Slurm kills after 30 s."""
SILENCE_S = 300.0
"""A rank on another machine that gives no sign of life for so long is lost."""

_BEAT_S = 10.0


class RankWaiter:
    """The ranks from 1 on, in one attempt of `run`.

    Args:
        run: the folder.
        attempt: its number.
        size: how many ranks there are, rank 0 included.
    """

    def __init__(self, run: RunFolder, attempt: int, size: int) -> None:
        self._run, self._attempt = run, attempt
        self._started_s = time.monotonic()
        self._awaited = set(range(1, size))
        self._ended: list[Part] = []
        self._beat_s = self._started_s
        self._beats: dict[int, tuple[float, float]] = {}

    def wait(self, supervisor: SignalForwarder, *, has_failed: bool) -> tuple[list[Part], int]:
        """Return how those that have come have ended, and how many of them still run.

        These are none, except where `has_failed` says that there is no waiting for them.
        """
        pause_s, began_s = 0.01, time.monotonic()
        told_s: float | None = None
        while True:
            running = self._look()
            now_s = time.monotonic()
            is_early = now_s - self._started_s < ATTACH_S
            if not running and not (self._awaited and is_early):
                break
            if told_s is None and (supervisor.is_told_to_end or not supervisor.linger()):
                told_s = now_s
            if told_s is not None and now_s - told_s > FAREWELL_S:
                reason = f"had not ended {FAREWELL_S:.0f}s after the run was told to"
                self._ended += [part.lost(reason) for part in running]
                running = []
                break
            if has_failed and told_s is None and now_s - began_s > FAILED_S:
                break
            self._beat()
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.3, 0.5)
        return sorted(self._ended), len(running)

    def _beat(self) -> None:
        """Show who looks from another machine that the run goes on, though nothing is sampled."""
        if time.monotonic() - self._beat_s > _BEAT_S:
            self._beat_s = time.monotonic()
            try:
                os.utime(self._run.file(runfolder.RESOURCES))
            except OSError:
                pass  # nothing was sampled, or the folder is gone

    def _look(self) -> list[Part]:
        """Take note of those that have ended; return those that have come and still run."""
        running = []
        for number in sorted(self._awaited):
            part = read_part(self._run, number, self._attempt)
            if part is None:
                continue
            why = self._lost(part) if part.state == runfolder.RUNNING else None
            if why is not None:
                part = part.lost(why)
            if part.state == runfolder.RUNNING:
                running.append(part)
            else:
                self._awaited.discard(number)
                self._ended.append(part)
        return running

    def _lost(self, part: Part) -> str | None:
        """Say how we know that the recorder of a rank is gone; None where it is not."""
        folder = self._run.rank(part.number)
        try:
            metadata = folder.read_metadata()
            if liveness.is_here(metadata) and liveness.sees(metadata):
                judged = liveness.examine(metadata, folder.path)
                return judged.evidence if judged.state == runfolder.LOST else None
            beat = os.stat(folder.file(runfolder.STATUS)).st_mtime
        except (OSError, RunFolderError):
            return None
        # Not its time is looked at, for clocks differ, but whether it changes.
        now_s = time.monotonic()
        seen = self._beats.get(part.number)
        if seen is None or seen[0] != beat:
            self._beats[part.number] = (beat, now_s)
        elif now_s - seen[1] > SILENCE_S:
            return f"no sign of life from {part.host} for {SILENCE_S / 60:.0f} minutes"
        return None
