"""Numbers as people read them."""

from __future__ import annotations

__all__ = ["format_bytes", "format_duration"]

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def format_duration(seconds: float) -> str:
    """Give a length of time: ``12ms``, ``0.4s``, ``12s``, ``3m05s``, ``2h07m``, ``3d04h``."""
    if 0 < seconds < 0.095:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02d}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02d}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02d}h"


def format_bytes(count: float) -> str:
    """Give `count` bytes in decimal units with three digits: ``812 B``, ``1.50 GB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    if unit == "B":
        return f"{value:.0f} B"
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"
