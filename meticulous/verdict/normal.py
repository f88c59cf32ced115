"""Lines of output without what differs from one run to the next: times, paths, process ids.

What is taken for such is written down in ``docs/rerun.md``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from meticulous.runfolder import RunFolder

__all__ = ["Normaliser", "lines", "names_a_time"]

_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 20
"""Bytes; a longer one is compared in pieces of this length, or from its last carriage return on."""

_NUMBER = r"\d+(?:[.,]\d+)?(?:e[-+]?\d+)?"
_UNIT = (
    r"(?:s|secs?|seconds?|ms|msecs?|milliseconds?|us|µs|μs|microseconds?|ns|nanoseconds?"
    r"|mins?|minutes?|h|hrs?|hours?)"
)
_CLOCK = r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?"
_DATE = r"\d{4}[-/]\d\d[-/]\d\d"

_RULES = tuple(
    (re.compile(pattern, flags), text)
    for pattern, text, flags in (
        (r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])", "", 0),
        # A bar is as broad as the terminal.
        (r"(\d+%) ?\|[^|]*\|", r"\1|<bar>|", 0),
        # What absl and glog write before each line: a letter, the date, the time, the thread.
        (rf"^([IWEF])\d{{4}} {_CLOCK}\s+\d+ ", r"\1<time> ", 0),
        (
            r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:[A-Z][a-z]{2} +\d{1,2}|\d{1,2} [A-Z][a-z]{2} "
            rf"\d{{4}}) {_CLOCK}(?: [A-Z]{{3,4}})?(?: \d{{4}})?",
            "<time>",
            0,
        ),
        (rf"\b{_DATE}(?:[T _]{_CLOCK})?(?:Z\b|[ ]?[-+]\d\d:?\d\d\b)?", "<time>", 0),
        (r"\b\d{8}[-_T]\d{6}\b", "<time>", 0),
        (rf"\b{_CLOCK}(?: ?[AP]M)?\b", "<time>", 0),
        (r"\b1[5-9]\d{8}(?:\.\d+)?\b", "<time>", 0),
        (rf"\b(?:\d+ ?(?:d|h|m|min)[ :]*)*\d+ ?(?:h|m|min) ?{_NUMBER} ?s\b", "<duration>", 0),
        (rf"(?<![\w.]){_NUMBER} ?{_UNIT}/\w+", "<rate>", 0),
        (rf"(?<![\w.])(?:{_NUMBER}|\?) ?[kMG]?[A-Za-z]*/s(?:ec(?:ond)?)?\b", "<rate>", 0),
        (rf"(?<![\w.]){_NUMBER} ?{_UNIT}\b", "<duration>", 0),
        (
            r"\b((?:\w+[ _])?(?:took|elapsed|eta|duration|runtime|time|secs|seconds|throughput)"
            rf"['\"]?(?:\s*[:=]\s*|\s+(?=\d+\.))){_NUMBER}",
            r"\1<duration>",
            re.IGNORECASE,
        ),
        (r"\b0x[0-9a-fA-F]{6,}\b", "<address>", 0),
        (r"\b(pid|process|thread)([ =:#(]+)\d+\b", r"\1\2<id>", re.IGNORECASE),
        (r"\btmp[a-z0-9_]{8}\b", "<temporary>", 0),
        # A path is its last part; where it lies may differ.
        (r"(?<![\w.<>/:])/(?:[^\s/:'\"<>|(),;]+/)+(?=[^\s/])", "<path>/", 0),
    )
)
_BAR = re.compile(r"(\d+)%\s*[|\[━]")
_TIMES = re.compile(
    r"(?:^|[_./ -])(?:time|times|timestamp|duration|elapsed|seconds|secs|sec|runtime|wall|eta"
    r"|throughput|ms|per_second|per_sec|wall_?clock|walltime)(?:$|[_./ -]s?$|_(?:s|ms|sec|seconds)$)",
    re.IGNORECASE,
)


def names_a_time(name: str) -> bool:
    """Tell whether a value called `name` is a time or a speed, such as ``train_seconds``."""
    return _TIMES.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)) is not None


class Normaliser:
    """Takes out of lines what is known to differ.

    Args:
        run: whose output it is; its path and id are replaced.
        roots: directories whose names are replaced too, such as that of the project.
    """

    def __init__(self, run: RunFolder, roots: Sequence[str] = ()) -> None:
        path = os.path.abspath(run.path)
        folder = os.path.basename(os.path.dirname(path))
        known = [(path, "<run>")] + [(os.path.abspath(root), "<project>") for root in roots]
        known += [(os.path.realpath(place), text) for place, text in known]
        known.sort(key=lambda pair: -len(pair[0]))
        end = r"(?![\w.-])"
        self._rules = [
            (re.compile(re.escape(place) + end), text) for place, text in known if place != "/"
        ]
        name = re.escape(run.id)
        self._rules += [
            (re.compile(rf"(?:[^\s'\"]*/)?{re.escape(folder)}/{name}{end}"), "<run>"),
            (
                re.compile(rf"\b(run|experiment|expid)([ =:#]+){name}{end}", re.IGNORECASE),
                r"\1\2<id>",
            ),
        ]
        self._rules += _RULES

    def __call__(self, line: str) -> str | None:
        """Give `line` as it is compared; None for one that only shows how far it was."""
        line = line.rstrip()
        if "\r" in line:
            line = line.rpartition("\r")[2].rstrip()
        bar = _BAR.search(line)
        if bar and bar[1] != "100":
            return None
        for pattern, text in self._rules:
            line = pattern.sub(text, line)
        return line.rstrip()


def lines(file: BinaryIO) -> Iterator[str]:
    """Give the lines of `file`, without holding more of it than one; bytes that are no text kept."""
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
