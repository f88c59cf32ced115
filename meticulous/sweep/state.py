"""How far a sweep is: what its workers have noted, and which points may be claimed.

Read again and again while it goes on: each look reads only what was added. No run is opened.
"""

from __future__ import annotations

import gc
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from meticulous.sweep import claims
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.lines import append, cannot_read

__all__ = [
    "DONE",
    "ERROR",
    "GIVEN_BACK",
    "LOST",
    "MOST_LOST",
    "PRUNED",
    "STOPPED",
    "SUCCESS",
    "Outcome",
    "State",
    "allow",
    "outcome_line",
    "outcome_of",
]

SUCCESS, ERROR, PRUNED = "SUCCESS", "ERROR", "PRUNED"
STOPPED = "STOPPED"
"""The run was ended by us: the point is given back."""
LOST = "LOST"
"""The recorder was killed: the point is given back, but not for ever."""
DONE = (SUCCESS, PRUNED)
GIVEN_BACK = (STOPPED, LOST)
MOST_LOST = 3
"""A point whose recorder was killed so often is taken for the reason, and counts as failed."""


class Outcome(NamedTuple):
    """How one try at a point has ended."""

    key: str
    number: int
    status: str
    run: str | None = None
    message: str = ""
    seconds: float | None = None
    time: str = ""
    value: float | None = None
    values: Mapping[str, str] | None = None


def outcome_line(outcome: Outcome) -> str:
    """Write an outcome as a line of a worker's file."""
    entry: dict[str, Any] = {"point": outcome.key, "try": outcome.number, "status": outcome.status}
    for name in ("run", "message", "seconds", "time", "value", "values"):
        value = getattr(outcome, name)
        if value not in (None, ""):
            entry[name] = value
    return json.dumps(entry, ensure_ascii=False)


def outcome_of(entry: Mapping[str, Any]) -> Outcome:
    """Read an outcome from what its line says."""
    return Outcome(
        entry["point"],
        entry["try"],
        entry["status"],
        entry.get("run"),
        str(entry.get("message") or ""),
        entry.get("seconds"),
        str(entry.get("time") or ""),
        entry.get("value"),
        entry.get("values"),
    )


class State:
    """What is known of a sweep; :meth:`look` brings it up to date.

    ``order`` has the lines of all outcomes as they were found: :func:`outcome_of` reads one.
    ``groups`` has the points that were claimed, by the status of the last try; None: none yet.
    """

    def __init__(self, folder: SweepFolder) -> None:
        self.folder = folder
        self.order: list[dict[str, Any]] = []
        self.claimed: dict[str, int] = {}
        self.allowed: dict[str, int] = {}
        self.groups: dict[str | None, list[str]] = {}
        self._last: dict[str, dict[str, Any]] = {}
        self._lost: Counter[str] = Counter()
        self._given_back: dict[str, None] = {}
        self._read: dict[str, int] = {}

    def look(self) -> None:
        """Read what is new: claims first, so that one without an outcome may have got it since."""
        claimed = claims.claimed(self.folder)
        is_collecting = gc.isenabled()
        gc.disable()  # a hundred thousand new dicts would be looked through again and again
        try:
            for entry in self._new_lines("workers"):
                self._take_outcome(entry)
            for entry in self._new_lines("again"):
                self._take_permission(entry)
        finally:
            if is_collecting:
                gc.enable()
        self.claimed = claimed
        self._group()

    def _group(self) -> None:
        """Sort the points that were claimed by how their last try has ended."""
        groups: dict[str | None, list[str]] = {}
        last = self._last
        for key, number in self.claimed.items():
            entry = last.get(key)
            status = None if entry is None or entry["try"] < number else entry["status"]
            groups.setdefault(status, []).append(key)
        self.groups = groups

    def _new_lines(self, directory: str) -> Iterator[dict[str, Any]]:
        place = self.folder.file(directory)
        try:
            with os.scandir(place) as entries:
                found = sorted(
                    (entry.path, entry.stat().st_size)
                    for entry in entries
                    if entry.name.endswith(".jsonl")
                )
        except FileNotFoundError:
            return  # an empty directory that a copy has left out
        except OSError as error:
            raise cannot_read(place, error) from error
        for path, size in found:
            start = self._read.get(path, 0)
            if size == start:
                continue
            try:
                with open(path, "rb") as file:
                    file.seek(start)
                    content = file.read()
            except OSError:
                continue
            whole = content[: content.rfind(b"\n") + 1]
            self._read[path] = start + len(whole)
            yield from _entries(whole)

    def _take_outcome(self, entry: dict[str, Any]) -> None:
        status = entry.get("status")
        if status is None:
            return  # the worker's first line
        try:
            key, number = str(entry["point"]), int(entry["try"])
        except (KeyError, TypeError, ValueError):
            return  # edited by hand
        if status in GIVEN_BACK:
            self._given_back[key] = None
        if status == LOST:
            self._lost[key] += 1
            if self._lost[key] >= MOST_LOST:
                entry["status"] = ERROR
                entry["message"] = (
                    f"lost {self._lost[key]} times, the last time: {entry.get('message')}"
                )
        before = self._last.get(key)
        if before is None or before["try"] <= number:
            self._last[key] = entry
        self.order.append(entry)

    def _take_permission(self, entry: Mapping[str, Any]) -> None:
        key, number = entry.get("point"), entry.get("try")
        if isinstance(key, str) and isinstance(number, int):
            self.allowed[key] = max(number, self.allowed.get(key, 0))
            self._lost[key] = 0

    def outcome(self, key: str) -> Outcome | None:
        """Return the outcome of the last try at a point, None where there is none (yet)."""
        return outcome_of(self._last[key]) if self.status(key) is not None else None

    def status(self, key: str) -> str | None:
        """Return how the last try at a point has ended, None where it has not (yet)."""
        entry = self._last.get(key)
        if entry is None or entry["try"] < self.claimed.get(key, 0):
            return None
        status: str = entry["status"]
        return status

    def last(self, key: str) -> Outcome | None:
        """Return the outcome of the last try at a point that has ended, None where none has."""
        return outcome_of(self._last[key]) if key in self._last else None

    def earlier_run(self, key: str) -> str | None:
        """Return the run of the last try at a point that has ended."""
        last = self.last(key)
        return last.run if last else None

    def with_status(self, *statuses: str) -> list[Outcome]:
        """List the last outcomes that have one of `statuses`."""
        keys = (key for status in statuses for key in self.groups.get(status, ()))
        return [outcome_of(self._last[key]) for key in keys]

    def is_given_up(self, key: str) -> bool:
        """Return whether the recorders of a point were killed so often that it is not run again."""
        return self._lost[key] >= MOST_LOST

    def next_try(self, key: str) -> int | None:
        """Return the number of the try that may be claimed now; None where the point is not open.

        That of a holder who may be dead is none of these: see :meth:`held`.
        """
        number = self.claimed.get(key, 0)
        if number == 0:
            return 1
        status = self.status(key)
        if status is None:
            return None
        is_allowed = status not in DONE and self.allowed.get(key, 0) > number
        return number + 1 if status in GIVEN_BACK or is_allowed else None

    def again(self) -> list[tuple[str, int]]:
        """List the points that were claimed before and may be now, with the number of the try."""
        keys = dict.fromkeys([*self._given_back, *self.allowed])
        tries = ((key, self.next_try(key)) for key in keys if self.claimed.get(key))
        return [(key, number) for key, number in tries if number]

    def held(self) -> list[str]:
        """List the points that were claimed and have no outcome: running, or their holder is dead."""
        return self.groups.get(None, [])


def _entries(content: bytes) -> Iterator[dict[str, Any]]:
    lines = content.split(b"\n")[:-1]
    try:
        found = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    yield from (entry for entry in found if isinstance(entry, dict))


def allow(folder: SweepFolder, tries: Mapping[str, int], who: str) -> None:
    """Let the points that have failed be tried once more: `tries` has the number of the next try."""
    lines = [json.dumps({"point": key, "try": number}) for key, number in tries.items()]
    if lines:
        folder.prepare()
        append(folder.file("again", f"{who}.jsonl"), lines)
