"""The folder of a sweep: every file name in it, its making, and the reading of its points.

::

    sweeps/3/
      sweep.json        what was asked for, the command, the code; written once
      points.jsonl      a line a point: its key and its values; `sweep add` appends
      claims/KEY.1      made by who takes the point; KEY.2 by who takes it once more
      workers/NAME.jsonl  how the points of one worker ended; its time is the worker's heartbeat
      again/NAME.jsonl  points that may be tried once more (`sweep resume`, `sweep retry`)
      stop              there while no point is to be started; says why
      code/             the work tree of the code, shared by the runs
      engine.jsonl      what was submitted to Slurm or Dask
      search.log        Optuna's journal

All of it can be read with ``cat``; what several write at the same time is a file for each. Half a
line at the end of a file is what a crash has left, and is passed over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from meticulous.child.helper import json_bytes, locked, replace_file
from meticulous.sweep.lines import SweepError, append, cannot_write, cut_half_line, read_lines

__all__ = [
    "FORMAT",
    "Point",
    "SweepFolder",
    "Values",
    "key_of",
]

FORMAT = 1
_SPECIFICATION = "sweep.json"
_POINTS = "points.jsonl"
PARTS = ("claims", "workers", "again")
_KEY_DIGITS = 12


class Point(NamedTuple):
    """One point: its key, and its values as they stand on the command line.

    A point of a search has only the number of its trial; its values are asked for when it is run.
    """

    key: str
    values: dict[str, str]
    trial: int | None = None


class SweepFolder:
    """One sweep on disk. ``path`` is absolute."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._specification: dict[str, Any] | None = None
        self._counted = (-1, 0)

    @property
    def id(self) -> str:
        """The name of the folder, a number."""
        return os.path.basename(self.path)

    def file(self, *names: str) -> str:
        """Return the path of something in the folder."""
        return os.path.join(self.path, *names)

    @property
    def points_file(self) -> str:
        """The path of the file with the points."""
        return self.file(_POINTS)

    @property
    def specification(self) -> dict[str, Any]:
        """What ``sweep.json`` says. Raises SweepError where it is missing, broken or newer."""
        if self._specification is None:
            self._specification = self._read_specification()
        return self._specification

    def _read_specification(self) -> dict[str, Any]:
        path = self.file(_SPECIFICATION)
        try:
            with open(path, "rb") as file:
                found = json.load(file)
        except FileNotFoundError:
            if not os.path.isdir(self.path):
                raise SweepError(
                    f"there is no sweep {self.path}", "See `meticulous sweep ls`"
                ) from None
            message = f"the sweep {self.path} is half made: it has no {_SPECIFICATION}"
            raise SweepError(message, "Remove the folder and start the sweep again") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SweepError(f"cannot read {path}: {reason}", "Restore the file") from None
        missing = [
            name for name in ("template", "experiments", "project") if name not in _object(found)
        ]
        if missing:
            raise SweepError(
                f"cannot read {path}: it lacks {', '.join(missing)}", "Restore the file"
            )
        if not isinstance(found.get("format"), int) or found["format"] > FORMAT:
            message = (
                f"{path} has format {found.get('format')}; this meticulous reads up to {FORMAT}"
            )
            raise SweepError(message, "Upgrade meticulous")
        return found  # type: ignore[no-any-return]

    def write_specification(self, content: Mapping[str, Any]) -> None:
        """Write ``sweep.json``. Raises SweepError."""
        try:
            replace_file(self.file(_SPECIFICATION), json_bytes({"format": FORMAT, **content}))
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self._specification = None

    def directory(self, name: str) -> str:
        """Return the absolute path of ``experiments`` or ``project``, given relative to the folder."""
        return os.path.normpath(os.path.join(self.path, self.specification[name]))

    @property
    def template(self) -> list[Any]:
        """The command with places for values."""
        return list(self.specification["template"])

    def points(self) -> list[Point]:
        """Read the points, each once. Raises SweepError that names a line that is broken."""
        found: dict[str, Point] = {}
        path = self.file(_POINTS)
        for number, entry in read_lines(path, strict=True):
            try:
                key, values = str(entry["key"]), entry.get("values") or {}
                trial = entry.get("trial")
                point = Point(key, {str(k): str(v) for k, v in values.items()}, trial)
            except (KeyError, TypeError, AttributeError):
                message = f"{path}, line {number} is no point"
                raise SweepError(message, "Restore the line, or remove it") from None
            found.setdefault(key, point)
        return list(found.values())

    def count(self) -> int:
        """Count the points, each once, without reading what they say."""
        try:
            size = os.stat(self.points_file).st_size
            if size != self._counted[0]:
                self._counted = size, len(self._keys())
        except OSError:
            return 0
        return self._counted[1]

    def _keys(self) -> set[bytes]:
        with open(self.points_file, "rb") as file:
            content = file.read()
        return set(re.findall(rb'"key": "([^"]+)"', content[: content.rfind(b"\n") + 1]))

    def append_points(self, points: Iterable[Point]) -> list[Point]:
        """Append the points that are not there; return them. Raises SweepError."""
        new = {point.key: point for point in points}
        path = self.points_file
        try:
            with locked(self.path):
                if os.path.exists(path):
                    cut_half_line(path)
                    for key in self._keys():
                        new.pop(key.decode(), None)
                append(path, map(_line, new.values()))
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return list(new.values())

    def prepare(self) -> None:
        """Make the directories in it that are not there (any more). Raises SweepError."""
        try:
            for name in PARTS:
                os.makedirs(self.file(name), exist_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def stop_reason(self) -> str | None:
        """Return why no point is to be started; None where nothing stops them."""
        try:
            with open(self.file("stop"), encoding="utf-8", errors="replace") as file:
                return file.read().strip() or "stopped"
        except OSError:
            return None

    def stop(self, reason: str) -> None:
        """Have all workers start no more points."""
        try:
            replace_file(self.file("stop"), f"{reason}\n".encode())
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def go_on(self) -> None:
        """Take back what :meth:`stop` has said."""
        try:
            os.unlink(self.file("stop"))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise cannot_write(self.path, error) from error


def _line(point: Point) -> str:
    entry: dict[str, Any] = {"key": point.key}
    if point.trial is not None:
        entry["trial"] = point.trial
    return json.dumps({**entry, "values": point.values}, ensure_ascii=False)


class Values:
    """The values of points by their keys, looked up without reading all points."""

    def __init__(self, folder: SweepFolder) -> None:
        self._path = folder.file(_POINTS)
        self._content: bytes | None = None

    def of(self, outcome: Any) -> Mapping[str, str]:
        """Return the values of the point of an outcome; those that a search chose stand in it."""
        return outcome.values or self[outcome.key]

    def __getitem__(self, key: str) -> dict[str, str]:
        place = self._find(key)
        if place < 0:
            self._content = None  # points may have been added
            place = self._find(key)
        if place < 0:
            return {}
        assert self._content is not None
        start, end = self._content.rfind(b"\n", 0, place) + 1, self._content.find(b"\n", place)
        try:
            found = json.loads(self._content[start:end])["values"]
        except (ValueError, KeyError, TypeError):
            return {}
        return found if isinstance(found, dict) else {}

    def _find(self, key: str) -> int:
        if self._content is None:
            try:
                with open(self._path, "rb") as file:
                    self._content = file.read()
            except OSError:
                self._content = b""
        return self._content.find(f'"key": "{key}"'.encode())


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def key_of(command: str, values: Mapping[str, str], extra: str = "") -> str:
    """Return the key of a point: the hash of its values and of the command, as JSON text."""
    content = f"{command}\0{json.dumps(values, sort_keys=True)}\0{extra}"
    return sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_DIGITS]
