"""``usage`` in the metadata: what is known of every run, sampled or not."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["BLOCK_BYTES", "usage_keys"]

BLOCK_BYTES = 512
"""Bytes in a unit of ru_inblock and ru_oublock on Linux, whatever the blocks of the disk."""


def usage_keys(
    wall_s: float, user_s: float, system_s: float, peak_memory: int, transferred: tuple[int, int]
) -> dict[str, Any]:
    """Return the keys that need no samples; `transferred` are bytes (read, written)."""
    usage = {
        "wall": round(wall_s, 6),
        "user": round(user_s, 6),
        "system": round(system_s, 6),
        "peak_memory": peak_memory,
        "read": transferred[0],
        "written": transferred[1],
    }
    if wall_s > 0:
        usage["mean_cpu"] = round(100 * (user_s + system_s) / wall_s, 1)
    return usage
