"""Series -> a file, by the ending of its name; several runs are one table, or one folder."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from meticulous.child.helper import replace_file, to_strict
from meticulous.errors import MeticulousError, UsageError
from meticulous.metrics.series import OWN, Series, heads
from meticulous.metrics.tfevents import event_file
from meticulous.views.metrics import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENDINGS", "check", "write"]

ENDINGS = ("csv", "json", "jsonl", "parquet", "pd", "tfevents")
Runs = Sequence[tuple[Any, Series]]

_KEYS = ("expid", *OWN)


def check(path: str) -> str:
    """Return the format that the name `path` ends in; raises UsageError for an unknown one."""
    ending = os.path.splitext(path)[1].removeprefix(".").lower()
    if ending not in ENDINGS:
        known = ", ".join("." + ending for ending in ENDINGS)
        raise UsageError(f"cannot export to {path}: unknown ending", f"Use one of {known}")
    return ending


def write(path: str, runs: Runs) -> None:
    """Write the series of `runs`, pairs of an id and its series, to the file `path`, replacing it.

    A line of metrics.jsonl is a row: ``step``, ``time`` (seconds since the epoch), ``attempt``,
    ``rank``, and a column for each name; of several runs ``expid`` comes first. ``.tfevents`` is an
    event file of TensorBoard; of several runs it is a folder with one for each. Raises
    MeticulousError where it cannot be written, or a library is missing.
    """
    ending = check(path)
    with _told(path):
        if ending == "tfevents":
            _write_events(path, runs)
        else:
            _replace(path, _content(ending, runs))


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise MeticulousError(message, "Give a file that can be written") from error


def _replace(path: str, content: bytes) -> None:
    if os.path.isfile(path) or not os.path.lexists(path):
        replace_file(path, content)
    else:
        with open(path, "wb") as file:  # a pipe, /dev/stdout
            file.write(content)


def _content(ending: str, runs: Runs) -> bytes:
    if ending == "csv":
        return _csv(runs)
    if ending in ("json", "jsonl"):
        lines = [
            json.dumps(to_strict(row), ensure_ascii=False)
            for expid, series in runs
            for row in _rows(expid, series, has_runs=len(runs) > 1)
        ]
        text = "\n".join(lines) if ending == "jsonl" else "[\n" + ",\n".join(lines) + "\n]"
        return f"{text}\n".encode("utf-8", "backslashreplace") if lines else b"[]\n"
    import pandas as pd

    from meticulous.metrics.frames import wide_frame
    from meticulous.views.frame_bytes import frame_bytes

    frames = [wide_frame(series) for _, series in runs]
    if len(runs) > 1:
        for (expid, _), frame in zip(runs, frames, strict=True):
            frame.insert(0, "expid", expid)
    return frame_bytes(pd.concat(frames, ignore_index=True), ending)


def _rows(expid: Any, series: Series, *, has_runs: bool) -> Iterator[dict[str, Any]]:
    for row in rows(series, series.names):
        yield {"expid": expid, **row} if has_runs else row


def _csv(runs: Runs) -> bytes:
    """Write a table; a cell is empty where a line does not have the name, and NaN where it is NaN."""
    names = list(dict.fromkeys(name for _, series in runs for name in series.names))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*(["expid"] if len(runs) > 1 else []), *OWN, *heads(names, _KEYS).values()])
    for expid, series in runs:
        count = len(series)
        columns: list[Sequence[Any]] = [[expid] * count] if len(runs) > 1 else []
        columns += [
            [int(step) if step.is_integer() else step for step in series.step],
            ["" if moment != moment else repr(moment) for moment in series.time],  # noqa: PLR0124
            series.attempt,
            series.rank,
        ]
        columns += [_cells(series, name) for name in names]
        writer.writerows(zip(*columns, strict=True))
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def _cells(series: Series, name: str) -> list[str]:
    cells = [""] * len(series)
    if name in series.names:
        points = series.points(name)
        for row, number in zip(series.rows(name), points.value, strict=True):
            cells[row] = repr(to_strict(number)).strip("'")
        places = series.rows(name)
        for place, value in points.texts.items():
            cells[places[place]] = value if isinstance(value, str) else json.dumps(value)
    return cells


def _write_events(path: str, runs: Runs) -> None:
    """Write an event file, or a folder of them: TensorBoard takes a folder for a run."""
    if len(runs) == 1:
        _replace(path, b"".join(event_file(runs[0][1])))
        return
    for expid, series in runs:
        folder = os.path.join(path, str(expid))
        os.makedirs(folder, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.meticulous"
        for old in os.listdir(folder):
            if old.endswith(".meticulous"):
                os.unlink(os.path.join(folder, old))
        replace_file(os.path.join(folder, name), b"".join(event_file(series)))
