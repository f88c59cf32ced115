"""Values of a table -> their texts, by the column they stand in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone

from meticulous.base.text import harmless
from meticulous.base.units import format_duration
from meticulous.query.importance import ARGUMENTS, RESULTS
from meticulous.query.rows import TIMES, Row, is_numeric
from meticulous.runfolder import RUNNING, SUCCESS, headline
from meticulous.views import numbers, text

_MODULE = re.compile(r"^(?:[A-Za-z_]\w*\.)+(?=[A-Z]\w*(?::|$))")

__all__ = ["cell", "cells", "is_told", "message", "whole_cell"]


def cells(name: str, rows: Sequence[Row]) -> list[str]:
    """Return the values of the column `name` for people; numbers are aligned on the point.

    A status is told where it is not SUCCESS.
    """
    if name == "status":
        return ["" if (state := cell(name, row)) == SUCCESS else state for row in rows]
    if name.startswith((ARGUMENTS, *RESULTS)) and is_numeric(rows, name):
        values = [row.get(name) for row in rows]
        is_argument = name.startswith(ARGUMENTS)
        texts = numbers.as_given(values) if is_argument else numbers.measured(values)
        return numbers.on_the_point(texts)
    return [cell(name, row) for row in rows]


def cell(name: str, row: Row) -> str:
    """Return one value of the column `name` for a person; empty where there is none."""
    value = row.get(name)
    if name == "duration" and value is None and row.get("status") == RUNNING:
        value = _elapsed(row)
    if value is None:
        return ""
    if name in TIMES:
        return text.local_time(str(value))
    if name == "duration" and isinstance(value, (int, float)):
        return format_duration(value)
    if name == "status_message":
        return message(row)
    if name == "sha":
        return str(value)[:8]
    return text.short(value)


def whole_cell(name: str, row: Row) -> str:
    """Return the value of the column `name` whole, but of a message only the line that tells most."""
    return message(row) if name == "status_message" else text.full(row.get(name))


def message(row: Row) -> str:
    """Return the line that tells most of how a run ended, exceptions without their module."""
    line = harmless(headline(str(row.get("status_message") or "")))
    return _MODULE.sub("", line, count=1)


def is_told(row: Row) -> bool:
    """Return whether a message says what went wrong."""
    return row.get("status") not in (SUCCESS, RUNNING) and bool(row.get("status_message"))


def _elapsed(row: Row) -> float | None:
    start = row.get("start_time")
    if not start:
        return None
    return (datetime.now(timezone.utc) - datetime.fromisoformat(start)).total_seconds()
