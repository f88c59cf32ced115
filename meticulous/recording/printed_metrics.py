"""``run --metrics``: the metrics in what the command prints, read from the files of its streams.

A thread follows them while the run goes on; the bytes on their way to the terminal know nothing of it.
"""

from __future__ import annotations

import os
import threading
import time

from meticulous import runfolder
from meticulous.metrics.scrape import Scraper
from meticulous.recording.growing import Growing
from meticulous.recording.metrics_lines import append, line, say_sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from meticulous.recording.record import RunRecord

__all__ = ["PrintedMetrics"]

PAUSE_S = 0.5


class _Followed:
    """One stream of a run, and what reads it."""

    def __init__(self, path: str, presets: Sequence[str]) -> None:
        self.file = Growing(path, os.path.getsize(path) if os.path.exists(path) else 0)
        self.scrapers = [Scraper(preset) for preset in presets]


class PrintedMetrics:
    """The metrics that one attempt prints. Make it before the command starts.

    Args:
        record: of the run.
        presets: names of presets and patterns, checked.
    """

    def __init__(self, record: RunRecord, presets: Sequence[str]) -> None:
        self._record = record
        self._streams = [
            _Followed(record.run.file(name), presets)
            for name in (runfolder.STDOUT, runfolder.STDERR)
        ]
        self._names: dict[str, None] = {}
        self._lock = threading.Lock()

    def work(self, end: threading.Event) -> None:
        """Follow the streams until `end`."""
        while not end.wait(PAUSE_S):
            self.look()

    def look(self, *, is_last: bool = False) -> None:
        """Take in what has been printed; `is_last` where nothing more will come."""
        with self._lock:
            known = len(self._names)
            for stream in self._streams:
                while content := stream.file.new():
                    for scraper in stream.scrapers:
                        self._take(scraper, content)
                if is_last:
                    for scraper in stream.scrapers:
                        self._take(scraper, None)
            if len(self._names) > known:
                say_sources(self._record, {"output": self._names})

    def _take(self, scraper: Scraper, content: bytes | None) -> None:
        found = scraper.end() if content is None else scraper.feed(content)
        lines = []
        for _, point in found:
            self._names.update(dict.fromkeys(point.values))
            lines.append(line(self._record, point.step or 0, time.time(), point.values))
        if lines:
            append(self._record, lines)
        if content is None and scraper.trouble:
            self._record.note_trouble(f"metrics: {scraper.trouble}")
