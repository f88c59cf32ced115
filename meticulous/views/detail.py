"""One run, all that its folder says, for reading."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from meticulous import runfolder
from meticulous.base.folders import walk
from meticulous.base.text import harmless
from meticulous.base.units import format_bytes, format_duration
from meticulous.metrics import series
from meticulous.metrics.overview import Overview, overview
from meticulous.query.importance import DEEPEST
from meticulous.query.rows import Row, flatten, same
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.status import status_of
from meticulous.views import colour, metrics, text

__all__ = ["code", "lines", "record"]

_SEVERAL_JOBS = "Hydra --multirun"
"""How the source of the arguments begins, where Hydra has run several jobs in the process."""
_SHOWN_ABOVE = {
    keys.FORMAT, keys.GITHEAD_SHA, keys.GITHEAD_MESSAGE, keys.BRANCH, keys.DIRTY, keys.DESCRIPTION, keys.TAGS, keys.COMMAND,
    keys.CWD, keys.PROJECT, keys.TIMESTAMP, keys.START_TIME, keys.END_TIME, keys.EXIT_CODE, keys.SIGNAL, keys.REASON, keys.HOST, keys.USAGE,
    keys.ARGS_SOURCE, keys.PARENT, keys.RERUN_OF, keys.ATTEMPTS, keys.NOTES, keys.SCHEDULER,
}  # fmt: skip
_FOR_PROGRAMS = {
    keys.BOOT_ID, keys.PID, keys.PID_START_TIME, keys.PID_NAMESPACE, keys.CHILD_PID, keys.CHILD_START_TIME, keys.ARGS_GIVEN,
}  # fmt: skip
"""Metadata that tell nobody anything who looks at a run; ``show --json`` has them."""


def record(row: Row) -> dict[str, Any]:
    """Gather the files of the run of `row` in one object: what ``show --json`` prints."""
    folder = RunFolder(row["curexpdir"])
    return {
        "expid": row["expid"],
        "curexpdir": folder.path,
        "status": row["status"],
        "status_message": row["status_message"],
        "start_time": row["start_time"],
        "end_time": row["end_time"],
        "duration": row["duration"],
        "args": folder.read_json(runfolder.ARGS),
        "default_args": folder.read_json(runfolder.DEFAULT_ARGS),
        "summary": folder.read_json(runfolder.SUMMARY),
        "metrics": [one._asdict() for one in overview(series.read(folder.path))],
        "metadata": folder.read_metadata(),
        "environment": folder.read_json(runfolder.ENVIRONMENT),
        "ranks": [_rank(folder, number) for number in folder.ranks()],
        "files": _files(folder.path),
    }


def lines(run: dict[str, Any], stream: TextIO) -> Iterator[str]:
    """Return the lines that show `run`, made by :func:`record`."""
    paint = colour.painter(stream) or (lambda _name, plain: plain)
    message = run["status_message"].strip()
    title = f"run {run['expid']}  "
    headline = harmless(runfolder.headline(message))
    yield (
        paint("", title)
        + paint("status", run["status"] or "no status")
        + (f"  {headline}" if headline else "")
    )
    yield from _pairs(_facts(run))
    yield from _heading(paint, "notes", _notes(run["metadata"]))
    yield from _heading(paint, "earlier attempts", _attempts(run["metadata"]))
    yield from _heading(paint, "arguments", _arguments(run))
    summary = flatten(run["summary"], DEEPEST)
    yield from _heading(
        paint, "summary", [(name, text.short(value)) for name, value in summary.items()]
    )
    logged = [Overview(**one) for one in run["metrics"]]
    yield from _heading(paint, "metrics", metrics.of_a_run(logged))
    others = {
        k: v
        for k, v in run["metadata"].items()
        if k not in _SHOWN_ABOVE | _FOR_PROGRAMS and v not in (None, [], {}, "")
    }
    yield from _heading(
        paint, "metadata", [(name, text.full(value)) for name, value in others.items()]
    )
    ids = run["metadata"].get(keys.SCHEDULER)
    pairs = ids.items() if isinstance(ids, dict) else ()
    yield from _heading(paint, "scheduler", [(name, text.full(value)) for name, value in pairs])
    yield from _heading(paint, "other ranks", _ranks(run))
    inside = runfolder.RANKS + os.sep
    files = {name: size for name, size in run["files"].items() if not name.startswith(inside)}
    yield from _heading(
        paint, "files", [(name, format_bytes(size)) for name, size in files.items()]
    )
    if "\n" in message:
        yield ""
        yield paint("", "traceback")
        yield from ("  " + harmless(line) for line in message.split("\n"))


def _facts(run: dict[str, Any]) -> list[tuple[str, str]]:
    metadata = run["metadata"]
    usage = metadata.get(keys.USAGE) or {}
    facts = [
        ("folder", run["curexpdir"]),
        ("command", _command(metadata.get(keys.COMMAND))),
        ("jobs", _jobs(metadata)),
        ("in", metadata.get(keys.CWD)),
        ("description", metadata.get(keys.DESCRIPTION)),
        ("tags", ", ".join(map(str, metadata.get(keys.TAGS) or []))),
        ("code", code(metadata)),
        ("started", _when(run["start_time"], metadata.get(keys.HOST))),
        ("ended", _when(run["end_time"], None)),
        ("took", _took(run["duration"], usage)),
        ("exit code", metadata.get(keys.EXIT_CODE)),
        ("rerun of", f"run {metadata[keys.RERUN_OF]}" if metadata.get(keys.RERUN_OF) else None),
        ("started by", f"run {metadata[keys.PARENT]}" if metadata.get(keys.PARENT) else None),
    ]
    return [(name, harmless(str(value))) for name, value in facts if value not in (None, "")]


def _jobs(metadata: dict[str, Any]) -> str | None:
    """Say so where the run was of several jobs in one process."""
    if not str(metadata.get(keys.ARGS_SOURCE)).startswith(_SEVERAL_JOBS):
        return None
    return f"several in one process ({_SEVERAL_JOBS}); a result of all is that of the last one"


def _notes(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    for note in metadata.get(keys.NOTES) or []:
        if isinstance(note, dict):
            moment = _when(str(note.get("time")), None) or ""
            pairs.append((moment.rpartition(" ")[0], text.full(note.get("text"))))
    return pairs


def _attempts(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    for number, attempt in enumerate(metadata.get(keys.ATTEMPTS) or [], 1):
        if isinstance(attempt, dict):
            start, reason = _when(attempt.get(keys.START_TIME), None), attempt.get(keys.REASON)
            state = "LOST" if attempt.get("status") == runfolder.RUNNING else attempt.get("status")
            words = [state, f"({reason})" if reason else None, start and f"started {start}"]
            pairs.append((str(number), harmless(" ".join(filter(None, words)))))
    return pairs


def _rank(run: RunFolder, number: int) -> dict[str, Any]:
    """Return the metadata of one rank of a run, with its status as it stands now."""
    folder = run.rank(number)
    state, message = status_of(folder)
    metadata = folder.read_metadata()
    return {"rank": number, "status": state, "status_message": message, "metadata": metadata}


def _ranks(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a line for each rank from 1 on; also for those of a run that is over which never came."""
    lines = dict(map(_rank_line, run["ranks"]))
    size = (run["metadata"].get(keys.RANKS) or {}).get("size") or 0
    if run["status"] != runfolder.RUNNING:
        lines |= {
            str(number): "has not come" for number in range(1, size) if str(number) not in lines
        }
    return sorted(lines.items(), key=lambda pair: int(pair[0]))


def _rank_line(rank: dict[str, Any]) -> tuple[str, str]:
    metadata, parts = rank["metadata"], [rank["status"] or "no status"]
    if host := metadata.get(keys.HOST):
        parts[0] += f" on {host}"
    if wall := (metadata.get(keys.USAGE) or {}).get("wall"):
        parts.append(f"took {format_duration(wall)}")
    if headline := runfolder.headline(rank["status_message"]):
        parts.append(headline)
    return str(rank["rank"]), harmless(", ".join(parts))


def _arguments(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the arguments, nested ones opened: first those that are not as by default.

    Where the default was another, it stands behind.
    """
    values, defaults = flatten(run["args"], DEEPEST), flatten(run["default_args"], DEEPEST)
    pairs = []
    for name, value in sorted(
        values.items(), key=lambda pair: pair[0] in defaults and same(pair[1], defaults[pair[0]])
    ):
        other = name in defaults and defaults[name] != value
        behind = f"  (default {text.full(defaults[name]) or 'none'})" if other else ""
        pairs.append((name, text.full(value) + behind))
    return pairs


def _heading(
    paint: Callable[[str, str], str], title: str, pairs: list[tuple[str, str]]
) -> Iterator[str]:
    if pairs:
        yield ""
        yield paint("", title)
        yield from _pairs(pairs)


def _pairs(pairs: list[tuple[str, str]]) -> Iterator[str]:
    pairs = [(harmless(name), value) for name, value in pairs]
    size = max((text.width(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        yield f"  {name}{' ' * (size - text.width(name))}  {value}".rstrip()


def _command(command: Any) -> str | None:
    import shlex

    return shlex.join(map(str, command)) if isinstance(command, list) else command


def code(metadata: dict[str, Any]) -> str | None:
    """Say at which commit the code was, and whether it had changes; None without one."""
    sha = metadata.get(keys.GITHEAD_SHA)
    if not sha:
        return None
    first = str(metadata.get(keys.GITHEAD_MESSAGE) or "").partition("\n")[0]
    branch = f" on {metadata[keys.BRANCH]}" if metadata.get(keys.BRANCH) else ""
    dirty = ", with uncommitted changes" if metadata.get(keys.DIRTY) else ""
    if metadata.get(keys.SNAPSHOT_SHA):
        dirty = f", with the changes of snapshot {str(metadata[keys.SNAPSHOT_SHA])[:12]}"
    return f"{str(sha)[:12]}{branch}{dirty}  {first}".rstrip()


def _when(moment: str | None, host: str | None) -> str | None:
    if not moment:
        return None
    from datetime import datetime

    local = datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    return f"{local} on {host}" if host else local


def _took(seconds: float | None, usage: dict[str, Any]) -> str | None:
    if seconds is None:
        return None
    parts = [format_duration(seconds)]
    if "user" in usage and "system" in usage:
        parts.append(f"processor {format_duration(usage['user'] + usage['system'])}")
    if usage.get("peak_memory"):
        parts.append(f"memory {format_bytes(usage['peak_memory'])}")
    return ", ".join(parts)


def _files(path: str) -> dict[str, int]:
    """Return the size in bytes of each file of the run, by its path in the folder."""
    sizes = {}
    for folder, _, names in walk(path):
        for name in names:
            file = os.path.join(folder, name)
            try:
                sizes[os.path.relpath(file, path)] = os.lstat(file).st_size
            except OSError:
                continue
    return dict(sorted(sizes.items()))
