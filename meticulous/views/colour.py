"""Colour on a terminal, where it is wanted: NO_COLOR and a dumb terminal are honoured."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

from meticulous.runfolder import ERROR, LOST, RUNNING, SUCCESS

__all__ = ["painter"]

_BOLD = "1"
_OF_STATUS = {SUCCESS: "32", ERROR: "31", RUNNING: "36", LOST: "33"}


def painter(stream: TextIO) -> Callable[[str, str], str] | None:
    """Return a function (column name or "" for a heading, text) -> coloured text; None for plain."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return None
    return _paint


def _paint(name: str, text: str) -> str:
    code = _OF_STATUS.get(text) if name == "status" else "" if name else _BOLD
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text
