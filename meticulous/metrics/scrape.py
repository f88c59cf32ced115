"""Metrics in what a program prints: presets for common formats, and patterns of the user's own.

:class:`Scraper` takes the bytes of an output as they come and yields points. ``meticulous run
--metrics`` follows the streams of a running command with it, ``meticulous metrics --from-output``
reads those of an old run.

A line is looked at only to its first 4,096 characters, and a pattern of the user's own that is slow
on one line (as some are, exponentially) is given up: it runs in a process apart, which is killed.
"""

from __future__ import annotations

import re

from meticulous.base.ansi import without_sequences
from meticulous.errors import SettingsError
from meticulous.metrics.presets import NUMBER, PRESETS, Point, number
from meticulous.runfolder import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meticulous.metrics.bounded import Bounded
    from meticulous.runfolder import RunFolder

__all__ = ["PRESETS", "Point", "Scraper", "check", "from_output"]

_LONGEST_LINE = 4096
_BLOCK_BYTES = 1 << 20
_CONTROL = re.compile(r"[\x00-\x08]")


def check(text: str) -> None:
    """Raise SettingsError unless `text` is the name of a preset, or a pattern that can be used."""
    if text not in PRESETS:
        _compiled(text)


def _compiled(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        names = ", ".join(PRESETS)
        raise SettingsError(
            f"metrics: {text!r} is neither a preset nor a pattern: {error}",
            f"Presets are {names}; a pattern is a regular expression with named groups",
        ) from None
    if not pattern.groupindex or pattern.groupindex.keys() <= {"step"}:
        if re.fullmatch(r"[\w-]+", text):
            names = ", ".join(PRESETS)
            raise SettingsError(f"metrics: there is no preset {text!r}", f"Presets are {names}")
        raise SettingsError(
            f"metrics: the pattern {text!r} names no value",
            r"Name the groups, as in 'loss=(?P<loss>\S+)'; a group `step` is the step, and"
            " groups `name` and `value` take the name from the line",
        )
    return pattern


class Scraper:
    """Reads metrics from the bytes of an output.

    Args:
        preset_or_pattern: name of a preset, or a regular expression with named groups.

    Raises SettingsError where it is neither.
    """

    def __init__(self, preset_or_pattern: str) -> None:
        self._rest = b""
        self._count = 0
        self._guard: Bounded | None = None
        self._read: Callable[[str], Point | None] = self._match
        if preset_or_pattern in PRESETS:
            self._read = PRESETS[preset_or_pattern]()
        else:
            from meticulous.metrics.bounded import Bounded

            self._guard = Bounded(_compiled(preset_or_pattern).pattern)

    @property
    def trouble(self) -> str | None:
        """A line about lines that the pattern was too slow on, or None."""
        return self._guard.trouble if self._guard else None

    def feed(self, content: bytes) -> Iterator[tuple[str, Point]]:
        """Take in more of the output; yield each line that matches, and what it tells.

        A carriage return ends a line as well, as progress bars have it. The step of a line that
        says none is one more than that of the last such line.
        """
        content = self._rest + content
        *lines, self._rest = re.split(rb"[\r\n]", content)
        if len(self._rest) > _LONGEST_LINE * 4:
            self._rest = self._rest[: _LONGEST_LINE * 4]
        for line in lines:
            if line:
                yield from self._line(line)

    def end(self) -> Iterator[tuple[str, Point]]:
        """Yield what a last line tells that has no newline, and let go of all."""
        rest, self._rest = self._rest, b""
        if rest:
            yield from self._line(rest)
        if self._guard:
            self._guard.close()

    def _line(self, content: bytes) -> Iterator[tuple[str, Point]]:
        text = content[: _LONGEST_LINE * 4].decode("utf-8", "replace")[:_LONGEST_LINE]
        text = _CONTROL.sub("", without_sequences(text))
        point = self._read(text)
        if point is None:
            return
        if point.step is None:
            point = point._replace(step=float(self._count))
            self._count += 1
        yield text, point

    def _match(self, line: str) -> Point | None:
        assert self._guard is not None
        groups = self._guard.search(line)
        if groups is None:
            return None
        return _of_groups(groups)


def _of_groups(groups: dict[str, str | None]) -> Point | None:
    """Make a point of the named groups of a match."""
    found = {name: text for name, text in groups.items() if text is not None}
    step = found.pop("step", None)
    if "name" in found and "value" in found:
        found = {found["name"]: found["value"]}
    values = {}
    for name, text in found.items():
        cleaned = text.strip().rstrip(",;%").replace(",", "")
        if re.fullmatch(NUMBER, cleaned):
            values[name] = number(cleaned)
    if not values:
        return None
    try:
        return Point(None if step is None else float(step), values)
    except ValueError:
        return Point(None, values)


def from_output(run: RunFolder, preset_or_pattern: str) -> Iterator[tuple[str, float, Point]]:
    """Yield (line, seconds since the epoch, point) of what an old run has printed on both streams.

    The time is that of the timeline; where there is none, the start of the run. Raises
    SettingsError where `preset_or_pattern` is none, and RunFolderError where the run cannot be read.
    """
    from datetime import datetime

    from meticulous.runfolder import STDERR, STDOUT

    check(preset_or_pattern)
    try:
        started_s = datetime.fromisoformat(str(run.read_metadata().get(keys.TIMESTAMP))).timestamp()
    except ValueError:
        started_s = 0.0
    for stream in (STDOUT, STDERR):
        scraper = Scraper(preset_or_pattern)
        time_s = started_s
        for after_s, content in _chunks(run, stream):
            time_s = started_s + after_s
            for line, point in scraper.feed(content):
                yield line, time_s, point
        for line, point in scraper.end():
            yield line, time_s, point


def _chunks(run: RunFolder, stream: str) -> Iterator[tuple[float, bytes]]:
    """Yield (seconds since the start, bytes) of a stream, as its timeline has them, then the rest."""
    from meticulous.runfolder import TIMELINE

    try:
        with open(run.file(TIMELINE), "rb") as file:
            entries = [words for words in map(bytes.split, file) if len(words) == 4]
    except OSError:
        entries = []
    after_s = 0.0
    try:
        with open(run.file(stream), "rb") as file:
            for seconds, name, _, length in entries:
                if name == stream.encode() and length.isdigit():
                    after_s = float(seconds)
                    yield after_s, file.read(int(length))
            while content := file.read(_BLOCK_BYTES):
                yield after_s, content
    except OSError:
        return  # no such stream
