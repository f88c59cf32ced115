"""Values -> text: in full for programs, short for people. Knows no tables."""

from __future__ import annotations

import json
import math
import time
import unicodedata
from datetime import datetime
from typing import Any

from meticulous.base.text import harmless

__all__ = ["clip", "full", "local_time", "short", "width"]


def full(value: Any) -> str:
    """Return `value` whole, on one line: text as it is, lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
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


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
