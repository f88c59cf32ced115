"""Folders of runs -> rows: one flat dict a run. Standard library only.

The names of a row are the columns of every table of the product. First the header
(:data:`HEADER`), then ``args_…``, ``default_args_…``, ``summary_…``, ``metrics_…`` and ``metadata_…`` with the
names of the run's own files behind the underscore. Values are JSON values; a name that the run
does not have is not in its row. ``curexpdir`` is not part of a row, because it depends on where
the reader stands: :func:`with_folder` adds it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from meticulous import runfolder
from meticulous.arguments.launchers import program_name
from meticulous.base.timestamps import instant
from meticulous.errors import RunFolderError
from meticulous.runfolder import RunFolder, keys, liveness
from meticulous.runfolder import directory as store
from meticulous.runfolder.status import shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.metrics.best import Follower

__all__ = [
    "HEADER",
    "MOST_METRICS",
    "SECTIONS",
    "TIMES",
    "Row",
    "flatten",
    "identifier",
    "is_missing",
    "is_numeric",
    "iterate_rows",
    "list_ids",
    "ordered",
    "present",
    "read_row",
    "same",
    "section",
    "section_of",
    "usual_metrics",
]

Row = dict[str, Any]

HEADER = (
    "expid",
    "sha",
    "curexpdir",
    "start_time",
    "end_time",
    "duration",
    "status",
    "status_message",
    "description",
    "tags",
    "program",
)
"""Columns that every table has, in this order."""

TIMES = ("start_time", "end_time")
"""Header columns that hold an instant, as ISO 8601 text in UTC that sorts as time does."""

SECTIONS = ("args_", "default_args_", "summary_", "metrics_", "metadata_")
"""Beginnings of the other columns, in their order in a table."""

MOST_METRICS = 12

_OPENED = ("usage", "scheduler", "ranks", "sweep")
"""Objects of the metadata whose names are columns of their own: ``metadata_usage_peak_memory``."""


def list_ids(directory: str) -> list[str]:
    """List the names of the run folders of `directory`, in the order of their ids.

    Raises RunFolderError, saying what is wrong with the directory.
    """
    try:
        return store.run_ids(directory)
    except FileNotFoundError:
        message = f"there is no experiments directory {directory}"
        hint = "Record a run with `meticulous run -- COMMAND`, or give the directory"
        raise RunFolderError(message, hint) from None
    except NotADirectoryError:
        message = f"{directory} is a file, not an experiments directory"
        raise RunFolderError(message, "Give the folder that holds the runs") from None
    except OSError as error:
        message = f"cannot list {directory}: {error.strerror}"
        raise RunFolderError(message, "Make it readable") from error


def iterate_rows(
    directory: str, ids: Iterable[str], report: Callable[[RunFolderError], None]
) -> Iterator[Row]:
    """Read the runs `ids`; those that cannot be read go to `report` and are left out."""
    for name in ids:
        try:
            row = read_row(RunFolder(os.path.join(directory, name)))
        except RunFolderError as error:
            report(error)
            continue
        if row is not None:
            yield row


def read_row(folder: RunFolder, best: Follower | None = None) -> Row | None:
    """Read one run; None where the folder is not, or not yet, a run.

    `best` reads the last, lowest and highest values of its metrics, and may know them already.

    ``status`` and ``status_message`` are as on disk: :func:`present` asks whether a RUNNING one
    is. Raises RunFolderError where a file of it cannot be understood.
    """
    # In this order, because a recorder that ends completes metadata.json before it writes STATUS.
    state, message = folder.read_status()
    metadata = folder.read_metadata()
    if not state and not metadata:
        return None
    row: Row = {"expid": identifier(folder.id), "sha": metadata.get(keys.GITHEAD_SHA)}
    row.update(_times(metadata))
    row["status"] = state or None
    if state == runfolder.SUCCESS and not message:
        message = "; ".join(shortened(folder, metadata))
    row["status_message"] = message
    row["description"] = metadata.get(keys.DESCRIPTION) or ""
    row["tags"] = _words(metadata.get(keys.TAGS))
    row["program"] = _program(metadata.get(keys.COMMAND))
    row.update(section("args_", folder.read_json(runfolder.ARGS)))
    row.update(section("default_args_", folder.read_json(runfolder.DEFAULT_ARGS)))
    row.update(section("summary_", folder.read_json(runfolder.SUMMARY)))
    if best is None:
        from meticulous.metrics.best import Follower

        best = Follower()
    row.update(metrics_section(folder, best))
    row.update(metadata_section(metadata))
    return row


def present(row: Row, directory: str) -> Row:
    """Return `row` with the status as it stands now: LOST where it says RUNNING and is not."""
    if row.get("status") != runfolder.RUNNING:
        return row
    folder = os.path.join(directory, str(row["expid"]))
    state, message = liveness.judge(_only(row, "metadata_"), folder)
    return (
        row if state == runfolder.RUNNING else {**row, "status": state, "status_message": message}
    )


def section(prefix: str, values: Mapping[str, Any]) -> Row:
    """Return `values` with `prefix` before each name."""
    return {prefix + name: value for name, value in values.items()}


def metrics_section(folder: RunFolder, best: Follower) -> Row:
    """Return the columns of metrics.jsonl; a file that cannot be read has none."""
    try:
        return section("metrics_", best.columns(folder.path))
    except OSError:
        return {}


def metadata_section(metadata: Mapping[str, Any]) -> Row:
    """Return the columns of metadata.json; what a run has used and its job have one for each name."""
    row: Row = {}
    for name, value in metadata.items():
        if name in _OPENED and isinstance(value, dict) and value:
            row.update(section(f"metadata_{name}_", value))
        elif name == "notes" and isinstance(value, list):
            texts = [note.get("text") if isinstance(note, dict) else note for note in value]
            row["metadata_notes"] = "\n".join(map(str, texts))
        else:
            row["metadata_" + name] = value
    return row


def usual_metrics(names: Iterable[str]) -> list[str]:
    """Return the columns with last values that a table shows unasked: those without a summary.

    Lowest and highest values and their steps are there to be asked for, and so are the columns of
    more than :data:`MOST_METRICS` names.
    """
    found = dict.fromkeys(names)
    logged = frozenset(name for name in found if name.startswith("metrics_"))
    chosen = [
        name
        for name in found
        if name in logged
        and "summary_" + name.removeprefix("metrics_") not in found
        and not _is_derived(name, logged)
    ]
    return chosen[:MOST_METRICS]


def _is_derived(name: str, names: frozenset[str]) -> bool:
    from meticulous.metrics.best import SUFFIXES

    return any(name.endswith(suffix) and name.removesuffix(suffix) in names for suffix in SUFFIXES)


def flatten(row: Row, levels: int) -> Row:
    """Return `row` with nested objects opened up to `levels` deep: ``args_model.lr``."""
    for _ in range(levels):
        if not any(isinstance(value, dict) and value for value in row.values()):
            break
        opened: Row = {}
        for name, value in row.items():
            if isinstance(value, dict) and value:
                opened.update({f"{name}.{inner}": item for inner, item in value.items()})
            else:
                opened[name] = value
        row = opened
    return row


def section_of(name: str) -> str:
    """Return the beginning that says where a column comes from, such as ``args_``; empty for the header."""
    return "" if name in HEADER else next((one for one in SECTIONS if name.startswith(one)), "")


def is_numeric(rows: Iterable[Mapping[str, Any]], name: str) -> bool:
    """Return whether the column `name` has numbers in `rows` and, missing values apart, only those.

    True and False are no numbers here.
    """
    kinds = {type(row.get(name)) for row in rows} - {type(None)}
    return bool(kinds) and kinds <= {int, float}


def is_missing(value: Any) -> bool:
    """Return whether `value` counts as none: None, or not a number."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def ordered(names: Iterable[str]) -> list[str]:
    """Return `names` once each, in the order of a table: the header, then section by section."""
    found = dict.fromkeys(names)
    sections = [[name for name in found if name.startswith(prefix)] for prefix in SECTIONS]
    return [*HEADER, *(name for section in sections for name in section)]


def same(one: Any, other: Any) -> bool:
    """Return whether two values are one; 1, 1.0 and true are three."""
    return type(one) is type(other) and (one == other or (is_missing(one) and is_missing(other)))


def identifier(name: str) -> int | str:
    """Return the id of the run folder `name`: an integer where it is one as we write them."""
    if name.isascii() and name.isdigit() and (name == "0" or name[0] != "0"):
        return int(name)
    return name


def _times(metadata: Mapping[str, Any]) -> Row:
    start = instant(metadata.get(keys.START_TIME) or metadata.get(keys.TIMESTAMP))
    end = instant(metadata.get(keys.END_TIME))
    usage = metadata.get(keys.USAGE)
    duration = usage.get("wall") if isinstance(usage, dict) else None
    if duration is None and start and end:
        duration = (end - start) / timedelta(seconds=1)
    return {
        "start_time": start and start.isoformat(timespec="microseconds"),
        "end_time": end and end.isoformat(timespec="microseconds"),
        "duration": duration,
    }


def _program(command: Any) -> str | None:
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        return None
    return program_name(command) or None


def _words(tags: Any) -> str:
    return ",".join(map(str, tags)) if isinstance(tags, list) else ""


def _only(row: Row, prefix: str) -> dict[str, Any]:
    size = len(prefix)
    return {name[size:]: value for name, value in row.items() if name.startswith(prefix)}
