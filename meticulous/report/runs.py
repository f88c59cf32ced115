"""What a report says of each run: its row, what it differs in from the one before, the end of its log."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from meticulous import runfolder
from meticulous.plots import labels
from meticulous.plots.resources import resource_curves
from meticulous.query.aggregate import setting, sort_key
from meticulous.query.rows import Row, is_missing, is_numeric, same, usual_metrics
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.files import read_end
from meticulous.views.detail import code
from meticulous.views.log import LogText

__all__ = ["columns", "details", "groups"]

_LOG_BYTES = 4000
_LOG_LINES = 25
_FEWER_BYTES = 1500
"""Of a log where there are many runs."""
_MANY = 50
_SAMPLES = 120
_MOST_COLUMNS = 200
_LONGEST = 300


def columns(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the columns of the table of runs: name, whether numbers, whether shown at first, values."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    usual = {*usual_metrics(names)}
    differing = {*labels.differing(rows)}
    chosen = ["expid", "start_time", "duration", "status", "description", "tags", "program"]
    chosen += [n for n in names if n.startswith(("args_", "summary_"))]
    chosen += [n for n in names if n.startswith("metrics_")]
    found = []
    for name in chosen[:_MOST_COLUMNS]:
        if all(is_missing(row.get(name)) or row.get(name) == "" for row in rows):
            continue
        is_shown = (
            name in ("expid", "start_time", "duration", "status")
            or name in usual
            or name.startswith("summary_")
            or (name in differing or (len(rows) == 1 and name.startswith("args_")))
        )
        values = [_plain(row.get(name)) for row in rows]
        kind = "number" if is_numeric(rows, name) and name != "expid" else "text"
        kind = {"start_time": "time", "duration": "duration", "expid": "id"}.get(name, kind)
        found.append({"name": name, "kind": kind, "shown": is_shown, "values": values})
    return found


def _plain(value: Any) -> Any:
    """Return `value` as the page shows it: numbers, truth values and text, what is nested as JSON."""
    if isinstance(value, float) and is_missing(value):
        return None
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    if value is None or isinstance(value, (int, float, bool)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def groups(rows: Sequence[Row], seeds: Sequence[str]) -> dict[str, Any]:
    """Return the number of the group of each run that agrees in all arguments but seeds, and their labels."""
    names = setting(dict.fromkeys(name for row in rows for name in row), seeds)
    groups = [json.dumps([sort_key(row.get(name)) for name in names], default=str) for row in rows]
    order = {key: number for number, key in enumerate(dict.fromkeys(groups))}
    first = [rows[groups.index(key)] for key in order]
    texts = labels.labels(first, [name for name in labels.differing(first) if name in names])
    return {"of": [order[key] for key in groups], "labels": texts}


def details(rows: Sequence[Row], every: Sequence[Row]) -> dict[str, Any]:
    """Return ``runs``, an object for each row, and ``environments``, each once; `every` is to compare with."""
    texts = labels.labels(rows, labels.differing(rows) if len(rows) > 1 else [])
    environments: dict[str, Any] = {}
    found = []
    size = _LOG_BYTES if len(rows) < _MANY else _FEWER_BYTES
    for row, label in zip(rows, texts, strict=True):
        folder = RunFolder(row["curexpdir"])
        metadata = folder.read_metadata()
        environment = folder.read_json(runfolder.ENVIRONMENT)
        key = hashlib.sha256(json.dumps(environment, sort_keys=True).encode()).hexdigest()[:12]
        environments.setdefault(key, _flat(environment))
        before = _before(row, every)
        one = {
            "label": label,
            "facts": _facts(row, metadata),
            "args": _texts(folder.read_json(runfolder.ARGS)),
            "summary": _texts(folder.read_json(runfolder.SUMMARY)),
            "environment": key if environment else None,
            "before": None if before is None else _difference(before, row),
            "resources": _resources(row),
            "log": _end_of_log(folder, size),
        }
        found.append(one)
    return {"runs": found, "environments": environments}


def _facts(row: Row, metadata: Mapping[str, Any]) -> list[list[str]]:
    command = metadata.get(keys.COMMAND)
    words = shlex.join(map(str, command)) if isinstance(command, list) else command
    usage = metadata.get(keys.USAGE) if isinstance(metadata.get(keys.USAGE), dict) else {}
    pairs = [
        ("command", words),
        ("in", metadata.get(keys.CWD)),
        ("description", metadata.get(keys.DESCRIPTION)),
        ("tags", row.get("tags")),
        ("code", code(dict(metadata))),
        ("host", metadata.get(keys.HOST)),
        ("user", metadata.get(keys.USER)),
        ("exit code", metadata.get(keys.EXIT_CODE)),
        ("message", row.get("status_message")),
        *((f"used: {name}", value) for name, value in (usage or {}).items()),
    ]
    return [[name, str(_plain(value))] for name, value in pairs if value not in (None, "", [])]


def _texts(values: Mapping[str, Any]) -> list[list[str]]:
    return [[name, "" if value is None else str(_plain(value))] for name, value in values.items()]


def _flat(value: Any, name: str = "") -> list[list[str]]:
    """Return (name, text) of what is nested: ``cpu.model`` and so on."""
    if isinstance(value, dict):
        found: list[list[str]] = []
        for key, inner in value.items():
            found += _flat(inner, f"{name}.{key}" if name else str(key))
        return found
    return [[name, "" if value is None else str(_plain(value))]]


def _before(row: Row, every: Sequence[Row]) -> Row | None:
    """Return the run of the same program that started last before `row`."""
    start, found = row.get("start_time"), None
    for other in every if start else ():
        began = str(other.get("start_time") or "~")
        is_same = other.get("program") == row.get("program")
        if is_same and (found["start_time"] if found else "") < began < str(start):
            found = other
    return found


def _difference(before: Row, row: Row) -> dict[str, Any]:
    names = dict.fromkeys([*before, *row])
    kept = ("args_", "summary_")
    pairs = [
        [name, _shown(before, name), _shown(row, name)]
        for name in names
        if (name.startswith(kept) or name in ("sha", "status"))
        and not same(before.get(name), row.get(name))
    ]
    return {"run": str(before["expid"]), "pairs": pairs}


def _shown(row: Row, name: str) -> str:
    value = _plain(row.get(name))
    return "–" if value is None else str(value)


def _resources(row: Row) -> list[dict[str, Any]]:
    found = []
    for panel, curves in resource_curves([row]):
        for one in curves.curves:
            count = len(one.x)
            places = sorted({round(i * (count - 1) / _SAMPLES) for i in range(_SAMPLES + 1)})
            title = panel if one.name == panel else f"{panel}, {one.name}"
            x, y = ([float(f"{line[place]:.5g}") for place in places] for line in (one.x, one.y))
            found.append({"name": title, "x": x, "y": y, "max": float(f"{one.y.max():.5g}")})
    return found


def _end_of_log(folder: RunFolder, size: int) -> dict[str, str]:
    found = {}
    for name in (runfolder.STDOUT, runfolder.STDERR):
        try:
            content = read_end(folder.file(name), size + 1)
        except OSError:
            continue
        is_cut = len(content) > size
        text = LogText(keeps_colours=False)
        lines = (text.feed(content[is_cut:]) + text.end()).splitlines()
        if is_cut:
            lines = lines[1:]
        if kept := "\n".join(lines[-_LOG_LINES:]):
            found[name] = kept
    return found
