"""Numbers as people read them."""

from __future__ import annotations

__all__ = ["format_bytes", "format_duration"]


def format_duration(seconds: float) -> str:
    """Give `seconds` with the two largest units that matter: ``0.21 s``, ``3 min 5 s``, ``2 d 4 h``."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller_size, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


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
