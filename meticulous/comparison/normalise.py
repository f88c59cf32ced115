"""Lines of output without what differs from one run to the next: times, paths, process ids.

What is taken for such is written down in ``docs/rerun.md``. Where a number could be either, it
counts: a difference that is none is seen at once, a result that was taken for a time never.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any, BinaryIO

from meticulous.base.ansi import without_sequences
from meticulous.base.timestamps import instant
from meticulous.errors import RunFolderError
from meticulous.runfolder import RunFolder, keys

__all__ = ["Normaliser", "lines", "names_a_time"]

_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 20
"""Bytes; a longer one is compared in pieces of this length, or from its last carriage return on."""

_NUMBER = r"\d+(?:[.,]\d+)?(?:e[-+]?\d+)?"
_UNIT = (
    r"(?:s|secs?|seconds?|ms|msecs?|milliseconds?|us|µs|μs|microseconds?|ns|nanoseconds?"
    r"|mins?|minutes?|h|hrs?|hours?)"
)
_FRACTION = r"(?:[.,]\d+)?"
_CLOCK = rf"(?:\d{{1,2}}:[0-5]\d{_FRACTION} ?[AP]M|\d+(?::[0-5]\d){{2}}{_FRACTION}|[0-5]\d:[0-5]\d{_FRACTION})"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ZONE = r"(?:Z\b| ?[-+]\d\d:?\d\d\b| UTC\b| GMT\b)?"
_DAY_AND_CLOCK = "|".join(
    (
        rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:{_MONTH} +\d{{1,2}}|\d{{1,2}} {_MONTH} \d{{4}})"
        rf" {_CLOCK}(?: [A-Z]{{3,4}})?(?: \d{{4}})?{_ZONE}",
        rf"{_MONTH} +\d{{1,2}},?(?: \d{{4}},?)? {_CLOCK}{_ZONE}",
        rf"\d{{4}}[-/]\d\d[-/]\d\d(?:[T _]{_CLOCK}|[_/-]\d\d-\d\d-\d\d\b)?{_ZONE}",
        rf"\d\d[/.]\d\d[/.]\d{{4}},? {_CLOCK}",
        r"\d{8}[-_T]?\d{6}",
        r"\d{10}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?",
        rf"(?:\d+ days?, )?{_CLOCK}{_ZONE}",
    )
)
_MOMENT = re.compile(rf"(?<![^\W_])(?<![:.])(?:{_DAY_AND_CLOCK})(?![^\W_])(?!:)")
"""A day, a time of day, both, or seconds since 1970 (and their thousandth parts)."""
_DAYS = (
    re.compile(r"(?P<year>\d{4})[-/]?(?P<month>\d\d)[-/]?(?P<day>\d\d)"),
    re.compile(r"(?P<month>\d\d)[/.](?P<day>\d\d)[/.](?P<year>\d{4})"),
    re.compile(r"(?P<day>\d\d)[/.](?P<month>\d\d)[/.](?P<year>\d{4})"),
    re.compile(rf"(?P<month>{_MONTH}) +(?P<day>\d{{1,2}})\b.*?\b(?P<year>\d{{4}})\b"),
    re.compile(rf"(?P<day>\d{{1,2}}) (?P<month>{_MONTH}) (?P<year>\d{{4}})"),
)
_SECONDS = re.compile(r"(\d{10})(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?")
_MARGIN = timedelta(days=1)
"""Of another time zone, and of a launch that took long."""

_VALUE = re.compile(rf"[ \t]*[:=]?[ \t]*[-+]?\.?{_NUMBER}")
_FOLLOWING = re.compile(rf"(?:{_VALUE.pattern} ?{_UNIT}\b){{0,3}}")


def _unless_it_is_a_name(found: re.Match[str]) -> str:
    """Take ``3.2 s`` out, but not where the unit is a name: ``mean 3.2 min 0.1``."""
    if found[0][-len(found[1]) - 1] != " ":
        return "<duration>"
    after = _FOLLOWING.match(found.string, found.end())
    return found[0] if after and _VALUE.match(found.string, after.end()) else "<duration>"


_NO_WORK = r"(?!(?:[ckmµn]?m|rad|deg|mol|k?g|J|N|[Ll])/s)"
"""Units of speeds that are a result, and not how quick the program was."""
_OF_A_PATH = r"[^\s'\"=,;:()\[\]{}<>|]"
_BAR_SHAPE = r"(?:[█▉▊▋▌▍▎▏#]+\d? *| *(?:\d *)?(?=\| +\d\S*/))"
_Rule = tuple["re.Pattern[str]", "str | Callable[[re.Match[str]], str]"]
_RULES: tuple[_Rule, ...] = (
    # A bar is as broad as the terminal.
    (re.compile(rf"(?<!\d)(\d+%) ?\|{_BAR_SHAPE}\|"), r"\1|<bar>|"),
    (
        re.compile(rf"\b(?:\d+ ?(?:d|h|m|min)[ :]*){{0,3}}\d+ ?(?:h|m|min) ?{_NUMBER} ?s\b"),
        "<duration>",
    ),
    (re.compile(rf"(?<![\w.]){_NUMBER} ?{_UNIT}/\w+"), "<rate>"),
    (
        re.compile(rf"(?<![\w.])(?:{_NUMBER}|\?) ?{_NO_WORK}[kMG]?[A-Za-z]*/s(?:ec(?:ond)?)?\b"),
        "<rate>",
    ),
    (re.compile(rf"(?<![\w.]){_NUMBER} ?({_UNIT})\b"), _unless_it_is_a_name),
    (
        re.compile(
            r"\b((?:(?:\w+[ _])?(?:took|elapsed|duration|runtime|time|secs|seconds|throughput)"
            rf"(?: taken| elapsed)?|{_NO_WORK}\w+/s(?:ec(?:ond)?)?|\w+_per_sec(?:ond)?)"
            rf"['\"]?(?:\s*[:=]\s*|\s+(?=\d+\.)))(?:\d:[0-5]\d\b|{_NUMBER})"
            r"(?:\s*\(\s*\d+\.\d+\s*\))?",  # the average, as many training loops print it
            re.IGNORECASE,
        ),
        r"\1<duration>",
    ),
    (re.compile(rf"\b(SPS\s*[:=]\s*){_NUMBER}"), r"\1<rate>"),
    (re.compile(r"\bETA:? \d:[0-5]\d\b"), "<duration>"),
    # As Python and C print where something lies; hashes are shorter or longer.
    (re.compile(r"(?:\bat 0x[0-9a-fA-F]{6,}|\b0x(?:0000)?[0-9a-fA-F]{9,12})\b"), "<address>"),
    (re.compile(r"\b((?:pid|tid|(?:process|thread) id)[ =:#(]+)\d+\b", re.IGNORECASE), r"\1<id>"),
    # Not "process 100 images".
    (re.compile(r"\b((?:process|thread)[ =:#(]+)\d+\b(?! \w)", re.IGNORECASE), r"\1<id>"),
    (re.compile(r"\btmp[a-z0-9_]{8}\b"), "<temporary>"),
    # A path is its last part; where it lies may differ.
    (re.compile(r"(?<![\w.<>/:])/(?:[^\s/:'\"<>|(),;]+/)+(?=[^\s/])"), "<path>/"),
)
_LOGGED = re.compile(rf"^(\[?[IWEF])\d{{4}} {_CLOCK}(?:\s+\d+)?(?= )")
"""What absl, glog and torch write before each line: a letter, the date, the time, the thread."""
_BAR = re.compile(
    rf"(?<!\d)(\d+)% ?(?:(\|{_BAR_SHAPE}\|(?: *\d\S*/\S+)?(?: *\[[^\]]*\])?)"
    r"|\[(?=[=# .-]*[=#>])[=#>. -]*\]|[━╸╺]{3})"
)
"""How far something is, with the counts and times that tqdm writes behind its bar."""
_TIMES = re.compile(
    r"(?:^|[_./ -])(?:time|times|timestamp|duration|elapsed|seconds|secs|sec|runtime|wall"
    r"|throughput|ms|per_second|per_sec|wall_?clock|walltime)(?:$|[_./ -]s?$|_(?:s|ms|sec|seconds)$)",
    re.IGNORECASE,
)


def names_a_time(name: str) -> bool:
    """Return whether a value called `name` is a time or a speed, such as ``train_seconds``."""
    return _TIMES.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)) is not None


class Normaliser:
    """Takes out of lines what is known to differ.

    Args:
        run: whose output it is; its path and id are replaced, and dates around its own time.
        roots: directories whose names are replaced too, such as that of the project.
    """

    def __init__(self, run: RunFolder, roots: Sequence[str] = ()) -> None:
        path = os.path.abspath(run.path)
        folder = os.path.basename(os.path.dirname(path))
        known = [(path, "<run>")] + [(os.path.abspath(root), "<project>") for root in roots]
        known += [(os.path.realpath(place), text) for place, text in known]
        known.sort(key=lambda pair: -len(pair[0]))
        end = r"(?![\w.-])"
        self._places: list[_Rule] = [
            (re.compile(re.escape(place) + end), text) for place, text in known if place != "/"
        ]
        name = re.escape(run.id)
        above = rf"(?:(?<!{_OF_A_PATH}){_OF_A_PATH}*/)?"
        self._places.append((re.compile(rf"{above}{re.escape(folder)}/{name}{end}"), "<run>"))
        self._rules: list[_Rule] = [
            *self._places,
            (_LOGGED, r"\1<time>"),
            (_MOMENT, self._unless_of_another_day),
            *_RULES,
        ]
        self._id = re.compile(rf"\b(run|experiment|expid)([ =:#]+){name}{end}", re.IGNORECASE)
        self._from, self._to = _span(run)

    def __call__(self, line: str) -> str | None:
        """Return `line` as it is compared; None for one that only shows how far it was."""
        line = without_sequences(line.rstrip())
        if "\r" in line:
            line = line.rpartition("\r")[2].rstrip()
        bar = _BAR.search(line)
        if bar and bar[1] != "100":
            line = line[bar.end() :] if bar[2] else ""
            if not line:  # else it was printed beside the bar, and is a line of its own
                return None
        for pattern, text in self._rules:
            line = pattern.sub(text, line)
        return line.rstrip()

    def placed(self, value: Any) -> Any:
        """Return a JSON value with ``<run>`` for the run's own folder in its texts.

        So that a run may save the path of its best checkpoint.
        """
        if isinstance(value, str):
            for pattern, text in self._places:
                value = pattern.sub(text, value)
        elif isinstance(value, dict):
            value = {name: self.placed(item) for name, item in value.items()}
        elif isinstance(value, list):
            value = [self.placed(item) for item in value]
        return value

    def without_id(self, plain: str) -> str:
        """Return a line as it is compared without the id of the run, where it is called by that.

        ``run 3`` may as well be the third of something: lines that are the same with it are so.
        """
        return self._id.sub(r"\1\2<id>", plain)

    def _unless_of_another_day(self, found: re.Match[str]) -> str:
        """Take a moment out, but not ``2012-01-31``, which belongs to the data and not to the run."""
        text = found[0]
        days = [
            day for pattern in _DAYS if (match := pattern.search(text)) and (day := _day(match))
        ]
        seconds = _SECONDS.fullmatch(text)
        if seconds:
            days = [datetime.fromtimestamp(int(seconds[1]), timezone.utc).date()]
        is_own = any(self._from <= day <= self._to for day in days) if days else ":" in text
        return "<time>" if is_own else text


def _span(run: RunFolder) -> tuple[date, date]:
    """Return the days around the time of `run`; all there are where it is not known."""
    try:
        metadata = run.read_metadata()
    except RunFolderError:
        metadata = {}
    start = instant(metadata.get(keys.START_TIME) or metadata.get(keys.TIMESTAMP))
    end = instant(metadata.get(keys.END_TIME))
    first = (start - _MARGIN).date() if start else date.min
    return first, (end + _MARGIN).date() if end else date.max


def _day(match: re.Match[str]) -> date | None:
    """Return the day that was found; None where the calendar has no such day."""
    month = match["month"]
    try:
        number = int(month) if month.isdigit() else _MONTH[3:-1].split("|").index(month) + 1
        return date(int(match["year"]), number, int(match["day"]))
    except ValueError:
        return None


def lines(file: BinaryIO) -> Iterator[str]:
    """Return the lines of `file`, without holding more of it than one; bytes that are no text kept."""
    rest = b""
    while chunk := file.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "backslashreplace")
        if len(rest) > _LONGEST_LINE:
            start = rest.rfind(b"\r", 0, -1) + 1
            if start:
                rest = rest[start:]
            else:
                yield rest.decode("utf-8", "backslashreplace")
                rest = b""
    if rest:
        yield rest.decode("utf-8", "backslashreplace")
