"""The progress of a run, read from the last progress bar or counter that it printed."""

from __future__ import annotations

import re
from typing import NamedTuple

from meticulous.base.ansi import without_sequences

__all__ = ["Progress", "in_log"]

_TIME = r"(?:(\d+) ?d(?:ays?,?)? ?)?(?:(\d+):)?(\d+):(\d\d)"
# tqdm: 45%|████▌     | 45/100 [00:10<00:12,  4.5it/s]     rich: ━━━━╸━━━━  45% 0:00:12
_TQDM = re.compile(rf"(\d+)%\|[^|]*\|\s*(\S+)/(\S+) \[[^<\]]*<(?:{_TIME}|\?)")
_RICH = re.compile(rf"[━╸╺─█▏▎▍▌▋▊▉░▒▓#=>.-]{{4,}}\s*(\d+)%(?:.*?{_TIME})?")
# keras: 45/100 ━━━━━━ 12s 40ms/step; 45/100 [====>....] - ETA: 12s
_KERAS = re.compile(r"(\d+)/(\d+) (?:\[[=>.]+\]|━+)(?:.*?ETA: | )(?:(\d+)s|(\d+):(\d\d))?")
_COUNTER = re.compile(
    r"(?i)\b(?:epoch|step|iter(?:ation)?|batch|round|trial|fold|it)\b\W{0,3}(\d+)\s*(?:/|of|out of)\s*(\d+)"
)
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?) ?%")
_RESULT = re.compile(
    r"(?i)(?:\b|_)(?:acc|accuracy|top.?\d|prec\w*|recall|f1|auc|err|error|wer|cer|loss|m?iou|map|dice|score"
    r"|rate|[gc]pu|mem|memory|util\w*|usage|used|sparsity|dropout)(?:\b|_|@)"
)
"""Other things measured in percent. A percentage on a line with one of these words is not progress."""


class Progress(NamedTuple):
    """`fraction` is between 0 and 1; `left_s` is the remaining time in seconds, if the program says it."""

    fraction: float
    left_s: float | None
    text: str
    """The counter as it was printed, such as ``45/100`` or ``45%``."""


def in_log(text: str) -> Progress | None:
    """Return the last progress in `text`, the end of a log; None if there is none.

    Of a line that is rewritten with carriage returns, the final state counts. A percentage alone is
    ignored if it may be a result, such as an accuracy. A counter of epochs takes precedence over a
    bar, which may be that of a single epoch.
    """
    lines = [
        line.rsplit("\r", 1)[-1]
        for line in without_sequences(text).replace("\r\n", "\n").rstrip("\r\n").split("\n")
    ]
    for line in reversed(lines):
        found = _counter(line) or _bar(line)
        if found is not None:
            return found
    return None


def _bar(line: str) -> Progress | None:
    if match := _TQDM.search(line):
        left_s = _seconds(match.groups()[3:])
        if match[2].isdigit() and match[3].isdigit():
            return _of_count(int(match[2]), int(match[3]), left_s)
        return _of_percent(int(match[1]), left_s)
    if match := _RICH.search(line):
        return _of_percent(int(match[1]), _seconds(match.groups()[1:]))
    match = _PERCENT.search(line)
    if match and not _RESULT.search(line):
        return _of_percent(float(match[1]), None)
    return None


def _counter(line: str) -> Progress | None:
    if match := _COUNTER.search(line):
        return _of_count(int(match[1]), int(match[2]), None)
    if match := _KERAS.search(line):
        left_s = float(match[3]) if match[3] else None
        if match[4]:
            left_s = 60 * int(match[4]) + int(match[5])
        return _of_count(int(match[1]), int(match[2]), left_s)
    return None


def _of_count(done: int, whole: int, left_s: float | None) -> Progress | None:
    if not whole > 0 or done > whole:
        return None
    return Progress(done / whole, left_s, f"{done}/{whole}")


def _of_percent(percent: float, left_s: float | None) -> Progress | None:
    return Progress(percent / 100, left_s, f"{percent:g}%") if percent <= 100 else None


def _seconds(parts: tuple[str | None, ...]) -> float | None:
    """Return the seconds of (days, hours, minutes, seconds), each as text or None."""
    days, hours, minutes, seconds = parts
    if seconds is None or minutes is None:
        return None
    return 86_400 * int(days or 0) + 3_600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
