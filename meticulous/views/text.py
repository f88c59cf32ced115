"""Values -> text: in full for programs, short for people. Knows no tables."""

from __future__ import annotations

import json
import math
import os
import re
import time
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from meticulous.base.text import harmless

__all__ = [
    "HARD_SPACE",
    "clip",
    "clip_alike",
    "full",
    "local_time",
    "plain",
    "short",
    "width",
    "wrap",
]

HARD_SPACE = "\N{NO-BREAK SPACE}"
"""A space at which :func:`wrap` breaks no line; it returns a plain one."""
_BREAK = re.compile(r"[=/,:;]+")
"""Behind these a word is broken that is longer than a line."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def full(value: Any) -> str:
    """Return `value` whole, on one line: text as it is, lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool) or type(value) is int:
        return str(value)
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _not_finite(value)
    return harmless(json.dumps(value, ensure_ascii=False))


def short(value: Any) -> str:
    """Return `value` for a person: numbers with six digits, text on one line."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    return full(value)


def local_time(text: str, now: float | None = None) -> str:
    """Return the instant `text` (ISO 8601) on the reader's clock, without the year if it is this."""
    try:
        moment = datetime.fromisoformat(text).astimezone()
    except ValueError:
        return harmless(text)
    this_year = time.localtime(now).tm_year
    return moment.strftime("%m-%d %H:%M" if moment.year == this_year else "%Y-%m-%d")


def width(text: str) -> int:
    """Count the terminal's columns that `text` takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def plain(text: str) -> str:
    """Return `text` without colours."""
    return _COLOUR.sub("", text)


def clip(text: str, columns: int) -> str:
    """Cut `text` to at most `columns` columns, ending in ``…`` where something is cut."""
    if width(text) <= columns:
        return text
    room = columns - 1
    kept = ""
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept += character
    return kept + "…"


def clip_alike(texts: Sequence[str], columns: int) -> Sequence[str]:
    """Cut `texts` to `columns`; where different ones would look alike, from their first difference on.

    A little of what they have in common stays in front of it, behind ``…``.
    """
    if all(width(text) <= columns for text in texts):
        return texts
    cut = [clip(text, columns) for text in texts]
    held = {text for text in texts if text}
    if len({one for one in cut if one}) == len(held):
        return cut
    start = len(os.path.commonprefix([*held]))
    spare = columns - 1 - max(map(width, (text[start:] for text in held)))
    start -= min(max(spare, 2), start)
    if start <= 1:
        return cut
    return [clip(f"…{text[start:]}", columns) if text else text for text in texts]


def wrap(text: str, columns: int) -> list[str]:
    """Break `text` at spaces into lines of at most `columns`; a longer word is broken anywhere."""
    lines = [""]
    for word in text.split(" "):
        line = f"{lines[-1]} {word}" if lines[-1] else word
        if width(line) <= columns:
            lines[-1] = line
            continue
        if lines[-1].strip():
            lines.append("")
        while width(word) > columns > 0:
            end = _fitting(word, columns)
            end = max((m.end() for m in _BREAK.finditer(word, 0, end)), default=0) or end
            lines[-1] = word[:end]
            lines.append("")
            word = word[end:]  # noqa: PLW2901
        lines[-1] = word
    return [line.rstrip().replace(HARD_SPACE, " ") for line in lines]


def _fitting(text: str, columns: int) -> int:
    """Return how many characters of `text` fit in `columns`; at least one."""
    end, room = 0, columns
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        end += 1
    return max(end, 1)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
