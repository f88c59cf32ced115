"""Lines of metrics.jsonl that the recorder writes, and where in the metadata it says they are from."""

from __future__ import annotations

import os

from meticulous import runfolder
from meticulous.child.helper import json_bytes
from meticulous.runfolder import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from meticulous.recording.record import RunRecord

__all__ = ["MOST_NAMES", "OWN", "append", "line", "say_sources"]

OWN = ("step", "time", "attempt", "rank")
"""Names that are the line's own; a metric of that name gets an underscore."""
MOST_NAMES = 1000
"""So many names of a source are in the metadata; a program may log under 10,000."""
_SOURCES = "metrics-sources"


def line(record: RunRecord, step: float, time_s: float, values: dict[str, Any]) -> bytes:
    """Return a line of the present attempt; a step that is whole is an integer."""
    content: dict[str, Any] = {"step": int(step) if step == int(step) else step, "time": time_s}
    attempt = len(record.metadata.get(keys.ATTEMPTS) or []) + 1
    if attempt > 1:
        content["attempt"] = attempt
    for name, value in values.items():
        content[name + "_" if name in OWN else name] = value
    text: bytes = json_bytes(content, indent=None)
    return text


def append(record: RunRecord, lines: Iterable[bytes]) -> None:
    """Append whole lines; trouble is noted, not raised."""
    content = b"".join(lines)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(record.run.file(runfolder.METRICS), flags, 0o666)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
        finally:
            os.close(descriptor)
    except OSError as error:
        record.failed(runfolder.METRICS, error)


def say_sources(record: RunRecord, sources: dict[str, dict[str, None]]) -> None:
    """Say in the metadata which names come from which of `sources`, beside what it says already."""
    said = dict(record.metadata.get(_SOURCES) or {})
    for source, names in sources.items():
        new = list(dict.fromkeys([*said.get(source, ()), *names]))
        said[source] = new if len(new) <= MOST_NAMES else [*new[:MOST_NAMES], "…"]
    if said != record.metadata.get(_SOURCES):
        record.update({_SOURCES: said})
