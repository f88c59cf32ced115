"""What the start-up file has noted of trackers: taken into the record while the run goes on.

The metrics themselves are lines of metrics.jsonl already. Here come, from the notes beside the
reports: where each series is from (``metrics-sources`` in the metadata), the config (the arguments
of a program whose own parser gave none), final values (summary.json, where the program has set
none), event files that are written below Python, and what other ranks have logged differently.
"""

from __future__ import annotations

import json
import os
import threading

from meticulous import runfolder
from meticulous.arguments import Arguments
from meticulous.arguments.reports import NOTES
from meticulous.child.helper import json_bytes, locked, replace_file
from meticulous.recording.metrics_lines import OWN, append, line, say_sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from meticulous.metrics.event_files import EventFile
    from meticulous.recording.record import RunRecord

__all__ = ["Collected"]

PAUSE_S = 1.0
_RANK_PREFIX = "metrics-"
_KERAS = ("epoch_", "evaluation_", "batch_")
"""Names under which Keras writes what its callbacks are told, and we know already."""


class Collected:
    """The notes of one run, read again and again.

    Args:
        record: of the run.
        reports: the folder that holds the notes.
        set_arguments: told the arguments that trackers were given, with all known so far.
    """

    def __init__(
        self, record: RunRecord, reports: str, set_arguments: Callable[[Arguments], None]
    ) -> None:
        self._record, self._reports, self._set_arguments = record, reports, set_arguments
        self._positions: dict[str, int] = {}
        self._sources: dict[str, dict[str, None]] = {}
        self._config: dict[str, Any] = {}
        self._config_sources: dict[str, None] = {}
        self._final: dict[str, Any] = {}
        self._written: dict[str, Any] = {}
        self._directories: list[dict[str, Any]] = []
        self._event_files: dict[str, EventFile] = {}
        self._started_s = os.stat(record.run.path).st_ctime
        self._lock = threading.Lock()

    def work(self, end: threading.Event) -> None:
        """Look every second until `end`."""
        while not end.wait(PAUSE_S):
            self.look()

    def look(self, *, is_last: bool = False) -> None:
        """Take in what is new; `is_last` where the command has ended."""
        with self._lock:
            notes = self._new_notes()
            for note in notes:
                self._take(note)
            if any("config" in note for note in notes):
                source = " and ".join(f"{name}'s config" for name in self._config_sources)
                self._set_arguments(Arguments(dict(self._config), {}, (), source))
            if any("summary" in note for note in notes):
                self._merge_summary()
            found = self._read_event_files()
            if is_last:
                found |= self._merge_ranks()
            if found or any("names" in note for note in notes):
                say_sources(self._record, self._sources)

    def _new_notes(self) -> list[dict[str, Any]]:
        notes = []
        try:
            names = sorted(os.listdir(self._reports))
        except OSError:
            return []
        for name in names:
            if name.startswith(NOTES):
                for text in self._new_lines(os.path.join(self._reports, name)):
                    try:
                        note = json.loads(text)
                    except ValueError:
                        continue
                    if isinstance(note, dict) and isinstance(note.get("source"), str):
                        notes.append(note)
        return notes

    def _new_lines(self, path: str) -> list[bytes]:
        try:
            with open(path, "rb") as file:
                file.seek(self._positions.get(path, 0))
                content = file.read()
        except OSError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._positions[path] = self._positions.get(path, 0) + len(whole)
        return whole.splitlines()

    def _take(self, note: dict[str, Any]) -> None:
        source = note["source"]
        if isinstance(note.get("names"), list):
            self._add_names(source, [str(name) for name in note["names"]])
        if isinstance(note.get("config"), dict):
            self._config.update(note["config"])
            self._config_sources[source] = None
        if isinstance(note.get("summary"), dict):
            self._final.update(note["summary"])
        if isinstance(note.get("event-directory"), str) and note.get("read") is True:
            self._directories.append(note)

    def _add_names(self, source: str, names: list[str]) -> None:
        self._sources.setdefault(source, {}).update(dict.fromkeys(names))

    def _merge_summary(self) -> None:
        """Put final values in summary.json; a name that the program itself has set stays."""
        path = self._record.run.file(runfolder.SUMMARY)
        try:
            with locked(self._record.run.path):
                try:
                    with open(path, "rb") as file:
                        existing = json.loads(file.read())
                except FileNotFoundError:
                    existing = {}
                if not isinstance(existing, dict):
                    return
                new = {
                    name: value
                    for name, value in self._final.items()
                    if name not in existing or existing[name] == self._written.get(name, self)
                }
                self._written.update(new)
                replace_file(path, json_bytes({**existing, **new}))
        except OSError as error:
            self._record.failed(runfolder.SUMMARY, error)
        except ValueError:
            pass  # broken: whose it is, the program's helper puts it aside

    def _read_event_files(self) -> bool:
        """Append what TensorFlow has written to its event files; return whether there was any."""
        from meticulous.metrics.event_files import EventFile, is_event_file

        found = False
        for note in self._directories:
            directory = note["event-directory"]
            try:
                entries = [entry for entry in os.scandir(directory) if is_event_file(entry.name)]
                paths = [e.path for e in entries if e.stat().st_mtime >= self._started_s - 1]
            except OSError:
                continue
            for path in sorted(paths):
                event_file = self._event_files.setdefault(path, EventFile(path))
                found |= self._append_events(event_file, note["source"], str(note.get("prefix")))
        return found

    def _append_events(self, event_file: EventFile, source: str, prefix: str) -> bool:
        known = {
            name for other, names in self._sources.items() if other != source for name in names
        }
        lines: list[bytes] = []
        names: dict[str, None] = {}
        try:
            for step, time_s, tag, value in event_file.read():
                name = prefix + tag
                if name in known or (source == "keras" and tag.startswith(_KERAS)):
                    continue
                names[name] = None
                lines.append(line(self._record, step, time_s, {name: value}))
        except OSError:
            pass  # removed meanwhile
        if lines:
            self._add_names(source, list(names))
            append(self._record, lines)
        return bool(lines)

    def _merge_ranks(self) -> bool:
        """Append what ranks other than the first have logged, where their values differ."""
        try:
            names = sorted(
                name for name in os.listdir(self._reports) if name.startswith(_RANK_PREFIX)
            )
        except OSError:
            return False
        found = False
        first: set[int] | None = None
        for name in names:
            if first is None:
                first = self._points_of_first_rank()
            lines = []
            for text in self._new_lines(os.path.join(self._reports, name)):
                kept = _but(text, first)
                if kept is not None:
                    lines.append(kept)
            if lines:
                found = True
                append(self._record, lines)
        return found

    def _points_of_first_rank(self) -> set[int]:
        points: set[int] = set()
        try:
            with open(self._record.run.file(runfolder.METRICS), "rb") as file:
                for text in file:
                    record = _object(text)
                    if record and "rank" not in record:
                        step = record.get("step")
                        points.update(
                            hash((step, name, str(value))) for name, value in record.items()
                        )
        except OSError:
            pass
        return points


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _but(text: bytes, points: set[int]) -> bytes | None:
    """Return the line of a rank without the values that the first rank has at that step as well."""
    record = _object(text)
    if record is None:
        return None
    step = record.get("step")
    kept = {
        name: value
        for name, value in record.items()
        if name in OWN or hash((step, name, str(value))) not in points
    }
    return json_bytes(kept, indent=None) if set(kept) - set(OWN) else None
