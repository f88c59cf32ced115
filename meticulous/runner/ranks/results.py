"""The part of one rank in a run: its folder, how it has ended, and the verdict on all together."""

from __future__ import annotations

import os

from meticulous import runfolder
from meticulous.base.namedtuple import NamedTuple
from meticulous.base.timestamps import now
from meticulous.child.helper import locked
from meticulous.errors import RunFolderError
from meticulous.masking import mask_command
from meticulous.recording import record as recording
from meticulous.recording.metadata import recorder
from meticulous.recording.outcome import Outcome
from meticulous.recording.record import ATTEMPT_KEYS, RunRecord
from meticulous.runfolder import (
    ERROR,
    LOST,
    RUNNING,
    SUCCESS,
    RunFolder,
    headline,
    keys,
    telling_line,
)
from meticulous.runfolder.liveness import ENDED_BY_OTHERS
from meticulous.schedulers.job_ids import scheduler_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

__all__ = ["Part", "begin", "correct", "judge_together", "read_part"]

_ADDED = ("user", "system", "read", "written")
"""Keys of ``usage`` that are sums over the ranks."""


class Part(NamedTuple):
    """How rank `number` has ended, or that it is RUNNING."""

    number: int
    state: str
    message: str
    reason: str | None
    exit_code: int | None
    signal: str | None
    end_time: str | None
    usage: dict[str, Any]
    host: str | None

    def lost(self, why: str) -> Part:
        """Return the part of a rank that will not tell any more how it ended."""
        return self._replace(state=LOST, message=why, reason=why)

    @property
    def order(self) -> tuple[bool, str, int]:
        """Sorts the failed: first the one that has most likely made the others fail."""
        is_victim = self.signal in ENDED_BY_OTHERS or self.state == LOST
        return is_victim, self.end_time or "~", self.number


def begin(
    run: RunFolder,
    number: int,
    attempt: int,
    command: Sequence[str],
    say: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
) -> RunRecord:
    """Make the folder of rank `number` in `run`, or go on in it, and say RUNNING there.

    Raises OSError or RunFolderError.
    """
    folder = run.rank(number)
    os.makedirs(folder.path, exist_ok=True)
    earlier = folder.read_metadata()
    attempts = list(earlier.get("attempts") or [])
    if earlier:
        before = {key: earlier.get(key) for key in ATTEMPT_KEYS}
        attempts.append({**before, "status": folder.read_status()[0]})
    started = now()
    metadata: dict[str, Any] = {
        keys.FORMAT: runfolder.FORMAT,
        "rank": number,
        "attempt": attempt,
        keys.COMMAND: mask_command(list(command)),
        keys.TIMESTAMP: earlier.get("timestamp", started),
        keys.START_TIME: started,
        keys.END_TIME: None,
        keys.EXIT_CODE: None,
        keys.SIGNAL: None,
        keys.REASON: None,
        **recorder(),
        keys.SCHEDULER: scheduler_ids(environ),
        keys.ATTEMPTS: attempts,
    }
    record = RunRecord(folder, metadata, say)
    recording.say_running(record, None)
    return record


def read_part(run: RunFolder, number: int, attempt: int | None) -> Part | None:
    """Read how far rank `number` is; None where it has not come to this attempt of `run`."""
    folder = run.rank(number)
    try:
        state, message = folder.read_status()
        metadata = folder.read_metadata()
    except RunFolderError:
        return None
    if not state or metadata.get("attempt") != attempt:
        return None
    usage = metadata.get(keys.USAGE)
    return Part(
        number,
        state,
        message,
        metadata.get(keys.REASON),
        metadata.get(keys.EXIT_CODE),
        metadata.get(keys.SIGNAL),
        metadata.get(keys.END_TIME),
        usage if isinstance(usage, dict) else {},
        metadata.get(keys.HOST),
    )


def judge_together(
    parts: Sequence[Part], size: int, changes: dict[str, Any], running: int = 0
) -> Outcome:
    """Return the verdict on a run of `size` ranks, and put what they have in common into `changes`.

    Args:
        parts: the ranks that have ended, rank 0 first.
        size: how many there should have been.
        changes: the last metadata of rank 0: they become those of the run.
        running: how many are not waited for any more.
    """
    failed = sorted((part for part in parts if part.state != SUCCESS), key=lambda part: part.order)
    codes: list[int | None] = [None] * size
    for part in parts:
        codes[part.number] = part.exit_code
    changes["ranks"] = {
        "size": size,
        "came": len(parts),
        "failed": sorted(part.number for part in failed),
        "exit-codes": codes,
    }
    changes[keys.USAGE] = _together(parts)
    if not failed:
        return Outcome(SUCCESS, "", None, None)
    first = failed[0]
    lines = (first.message or first.reason or first.state).splitlines()
    place = telling_line(lines)
    lines[place] = f"rank {first.number}: {lines[place].strip()}"
    notes = []
    if others := len(failed) - 1:
        notes.append(f"{others} other {'rank has' if others == 1 else 'ranks have'} failed too")
    if running:
        notes.append(f"{running} {'was' if running == 1 else 'were'} still running")
    if notes:
        lines[place] += f" ({', '.join(notes)})"
    message = "\n".join(lines)
    reason = headline(message)
    changes.update(
        {keys.EXIT_CODE: first.exit_code, keys.SIGNAL: first.signal, keys.REASON: reason}
    )
    return Outcome(ERROR, message, reason, first.signal)


def correct(run: RunFolder, attempt: int) -> bool:
    """Put right the verdict that rank 0 has given without us, if it has given one.

    Says whether it had, and all ranks have ended by now.

    From what lies in the folders alone, so that several who do it at once write the same. Raises
    OSError or RunFolderError.
    """
    with locked(run.path):
        return _corrected(run, attempt)


def _corrected(run: RunFolder, attempt: int) -> bool:
    state = run.read_status()[0]
    if state in ("", RUNNING):
        return False
    metadata = run.read_metadata()
    size, codes = metadata[keys.RANKS]["size"], metadata[keys.RANKS]["exit-codes"]
    own = Part(
        0,
        SUCCESS,
        "",
        None,
        codes[0],
        None,
        metadata.get(keys.END_TIME),
        metadata[keys.USAGE],
        None,
    )
    if codes[0] != 0:
        own = own._replace(state=ERROR, message=run.read_status()[1])
    found = (read_part(run, number, attempt) for number in range(1, size))
    counted = metadata[keys.RANKS]["failed"]  # as lost, though its folder says RUNNING
    ended = [part for part in found if part and (part.state != RUNNING or part.number in counted)]
    changes: dict[str, Any] = {}
    verdict = judge_together([own, *ended], size, changes)
    if changes["ranks"] == metadata[keys.RANKS]:
        pass  # it was counted in, as is the rule
    elif state == SUCCESS:
        run.write_json(
            runfolder.METADATA, {**metadata, **changes, keys.USAGE: metadata[keys.USAGE]}
        )
        if verdict.state != SUCCESS:
            run.write_status(verdict.state, verdict.message)
    else:
        run.write_json(runfolder.METADATA, {**metadata, "ranks": changes["ranks"]})
    return bool(changes["ranks"]["came"] == size)


def _together(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the usage of all: sums, and the memory of the largest process; the rest is rank 0's."""
    usage = dict(parts[0].usage)
    for key in _ADDED:
        usage[key] = round(sum(part.usage.get(key) or 0 for part in parts), 6)
    if usage.get("wall"):
        usage["mean_cpu"] = round(100 * (usage["user"] + usage["system"]) / usage["wall"], 1)
    usage["peak_memory"] = max(part.usage.get("peak_memory") or 0 for part in parts)
    return usage
