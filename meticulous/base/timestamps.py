"""Times as in metadata.json: ISO 8601 with an offset."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

__all__ = ["instant", "now"]


def instant(text: Any) -> datetime | None:
    """Parse a time of metadata.json; without an offset (the original system) it is local time."""
    if not isinstance(text, str):
        return None
    from datetime import datetime, timezone  # a millisecond that the start of a run does not have

    try:
        # Python 3.10 does not know the Z.
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def now() -> str:
    """Return the current local time, ISO 8601 with microseconds and offset."""
    moment = time.time()
    local = time.localtime(moment)
    offset = time.strftime("%z", local)
    microseconds = int(moment % 1 * 1_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", local)
    return f"{text}.{microseconds:06d}{offset[:3]}:{offset[3:5]}"
