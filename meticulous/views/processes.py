"""Running runs as a table."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Any

from meticulous.base.text import harmless
from meticulous.base.units import format_bytes, format_duration
from meticulous.views.table import Column, draw

__all__ = ["lines"]


def lines(runs: Sequence[dict[str, Any]], limit: int | None) -> list[str]:
    """Draw `runs` as `ps` gathers them, in `limit` columns; what no run has is left out."""

    def column(
        name: str, key: str, show: Callable[[Any], str], *, right: bool = True, rank: int = 0
    ) -> Column | None:
        cells = ["" if run[key] in (None, "") else show(run[key]) for run in runs]
        is_free = not right
        return Column(name, cells, right, flexible=is_free, rank=rank) if any(cells) else None

    found = [
        column("expid", "expid", str),
        column("elapsed", "elapsed", format_duration),
        column("cpu", "cpu", lambda value: f"{value:.0f}%"),
        column("memory", "memory", format_bytes),
        column("gpu", "gpu_utilisation", lambda value: f"{value:.0f}%"),
        column("gpu memory", "gpu_memory", format_bytes),
        column("progress", "progress_text", harmless),
        column("left", "left", lambda value: "~" + format_duration(round(value))),
        column("host", "host", harmless, right=False, rank=2),
        column("description", "description", harmless, right=False, rank=1),
        column("command", "command", _command, right=False),
    ]
    return draw([one for one in found if one is not None], limit).lines


def _command(command: Any) -> str:
    words = shlex.join(map(str, command)) if isinstance(command, list) else str(command)
    return harmless(words)
