"""Durations and sizes as people read and write them."""

from __future__ import annotations

__all__ = ["format_bytes", "format_duration", "parse_bytes", "parse_duration"]

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def format_duration(seconds: float) -> str:
    """Format a duration: ``12ms``, ``0.4s``, ``12s``, ``3m05s``, ``2h07m``, ``3d04h``."""
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
    """Return `count` bytes in decimal units with three digits: ``812 B``, ``1.50 GB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    if unit == "B":
        return f"{value:.0f} B"
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def parse_bytes(text: str) -> int:
    """Return the bytes of ``800``, ``200kB``, ``50 MB``, ``1.5GB`` or ``64MiB``.

    Raises ValueError with the forms that are accepted.
    """
    number = text.strip().rstrip("bBiI")
    steps = "kmgt".find(number[-1:].lower()) + 1 if number[-1:].isalpha() else 0
    base = 1024 if text.strip().lower().endswith("ib") else 1000
    try:
        count = int(float(number[:-1] if steps else number) * base**steps)
    except (ValueError, OverflowError):
        count = -1
    if count < 0:
        raise ValueError("write it as 800kB, 50MB or 1.5GB")
    return count


def parse_duration(text: str) -> float:
    """Return the seconds of ``90``, ``90s``, ``1.5h``, ``2h30m``, ``7d``, ``2w`` or ``500ms``.

    Raises ValueError with the forms that are accepted.
    """
    import re

    units = {"ms": 0.001, "s": 1, "m": _MINUTE, "min": _MINUTE, "h": _HOUR, "d": _DAY}
    units |= {"w": 7 * _DAY, "": 1}
    parts = re.findall(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", text.lower())
    whole = re.fullmatch(r"(?:\s*(?:\d+(?:\.\d*)?|\.\d+)\s*[a-z]*\s*)+", text.lower())
    is_bare = len(parts) == 1 or all(unit for _, unit in parts)
    if not whole or not is_bare or any(unit not in units for _, unit in parts):
        raise ValueError("write it as 90s, 30m, 2h, 1h30m or 7d")
    return sum(float(number) * units[unit] for number, unit in parts)
