"""One value of a table -> its text, by the column it stands in."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from meticulous.base.text import harmless
from meticulous.base.units import format_duration
from meticulous.query.rows import TIMES, Row
from meticulous.runfolder import RUNNING, headline
from meticulous.views import text

__all__ = ["cell", "whole_cell"]


def cell(name: str, row: Row) -> str:
    """Return the value of the column `name` for a person; empty where there is none."""
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
        return _headline(value)
    if name == "sha":
        return str(value)[:8]
    return text.short(value)


def whole_cell(name: str, row: Row) -> str:
    """Return the value of the column `name` whole, but of a message only the line that tells most."""
    value = row.get(name)
    return _headline(value) if name == "status_message" else text.full(value)


def _headline(message: Any) -> str:
    return harmless(headline(str(message or "")))


def _elapsed(row: Row) -> float | None:
    start = row.get("start_time")
    if not start:
        return None
    return (datetime.now(timezone.utc) - datetime.fromisoformat(start)).total_seconds()
