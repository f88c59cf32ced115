"""What the processes of a command reported of themselves, read with distrust.

The shim in ``child/startup/`` writes one JSON file per process into the run's folder of reports. Any
program may write there too, so nothing in it is believed before its type and size are checked, and
nothing here raises. :class:`Watcher` is for the launcher, which looks again and again.
"""

from __future__ import annotations

import json
import os
import stat
import time

from meticulous.arguments import Arguments
from meticulous.arguments.started import names
from meticulous.arguments.tools import is_launcher, is_runner
from meticulous.base.namedtuple import NamedTuple
from meticulous.runfolder import REPORTS, RunFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

__all__ = ["NOTES", "Report", "Watcher", "has_notes", "read"]

NOTES = "collected-"
"""How the names of files begin that say what a program gives to trackers."""
_FORMAT = 1
_MOST_FILES = 1000
_MOST_BYTES_OF_ONE = 8 << 20
_MOST_BYTES = 64 << 20
_SETTLED_S = 0.1
"""A folder changed this recently may change again without a new time stamp."""


class Report(NamedTuple):
    """What is known from the reports of a run; None for what nobody has told.

    `interpreter` has the keys ``executable``, ``version``, ``implementation``, ``prefix``,
    ``base_prefix``, ``path`` (its ``sys.path``), ``argv``, ``orig_argv``, ``module`` (of ``-m``),
    ``file`` (the script). `traceback` is that of the exception which ended the program: a program
    can have one and yet end well, so it counts only with a bad exit code. `source_pid` is the
    process that `arguments` and `interpreter` are from. `trouble` are lines about files that could
    not be read.
    """

    arguments: Arguments | None = None
    interpreter: dict[str, Any] | None = None
    traceback: str | None = None
    source_pid: int | None = None
    trouble: tuple[str, ...] = ()


class _Process(NamedTuple):
    """One report file, checked."""

    pid: int
    rank: int | None
    started: float
    interpreter: dict[str, Any]
    parses: tuple[dict[str, Any], ...]
    exception: str | None
    thread_exception: str | None
    refused: bool

    @property
    def name(self) -> str:
        """The main module, or the name of the script; empty where neither is known."""
        file = os.path.basename(self.interpreter["file"] or "")
        return self.interpreter["module"] or file or ""

    @property
    def is_launcher(self) -> bool:
        return is_launcher(self.interpreter["module"] or self.interpreter["file"] or "")

    def starts(self, other: _Process) -> bool:
        """Return whether the words of this process name `other` and its command line."""
        if other is self or other.started < self.started:
            return False
        words = self.interpreter["orig_argv"] or self.interpreter["argv"]
        if any(
            name not in self._programs() and names(words, name, args)
            for name, args in other._programs().items()
        ):
            return True
        ending = other.interpreter["orig_argv"]
        if len(ending) < 2 or len(words) <= len(ending):
            return False
        # `python` of the words may have been found as /usr/bin/python3.
        tail = words[-len(ending) :]
        return bool(tail[1:] == ending[1:])  # also where it has become that process (exec)

    def _programs(self) -> dict[str, list[str]]:
        """Return the main programs of this process, by module or path, and their arguments.

        One that is run within a launcher's process is known by its parse alone.
        """
        own = self.interpreter["module"] or self.interpreter["file"] or ""
        found = {own: self.interpreter["argv"][1:]} if own else {}
        for parse in self.parses:
            if parse.get("main") is True:
                found[_text(parse.get("caller")) or own] = _texts(parse.get("argv"))[1:]
        return found


class Watcher:
    """The reports of one run, read again when they change.

    A file is parsed once for each version of it.
    """

    def __init__(self, run: RunFolder) -> None:
        self._directory = run.file(REPORTS)
        self._seen: tuple[int, int] | None = None
        self._files: dict[str, tuple[tuple[int, int, int], _Process | str]] = {}

    def changed(self) -> bool:
        """Tell, at the cost of one ``stat``, whether there may be something that was not read."""
        now = self._stamp()
        return now is not None and now != self._seen

    def read(self) -> Report:
        """Read what is new and return the whole picture."""
        self._seen = self._stamp()
        if self._seen is not None and time.time() - self._seen[0] / 1e9 < _SETTLED_S:
            self._seen = None
        found = list(self._read_files())
        trouble = tuple(entry for entry in found if isinstance(entry, str))
        # A program that calls `meticulous summary` is not a Python program for that.
        processes = [
            entry for entry in found if isinstance(entry, _Process) and entry.name != "meticulous"
        ]
        return _judge(processes)._replace(trouble=trouble)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._directory)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _read_files(self) -> Iterator[_Process | str]:
        """Return each report, or the line of trouble that it makes."""
        try:
            with os.scandir(self._directory) as entries:
                names = sorted(
                    entry.name
                    for entry in entries
                    if entry.name.endswith(".json") and not entry.name.startswith(".")
                )
        except OSError:
            return
        if len(names) > _MOST_FILES:
            yield f"{len(names)} processes reported; {_MOST_FILES} of the reports are read"
        room = _MOST_BYTES
        for name in names[:_MOST_FILES]:
            path = os.path.join(self._directory, name)
            try:
                status = os.lstat(path)
            except OSError:
                continue  # replaced or removed at this moment
            version = status.st_mtime_ns, status.st_size, status.st_ino
            known = self._files.get(name)
            if known is None or known[0] != version:
                known = version, _read_one(path, status, room)
                self._files[name] = known
            if isinstance(known[1], _Process):
                room -= status.st_size
            yield known[1]


def read(run: RunFolder) -> Report:
    """Read the reports of a run once."""
    return Watcher(run).read()


def has_notes(run: RunFolder) -> bool:
    """Return whether a process has left notes of what its program gives to trackers."""
    try:
        return any(name.startswith(NOTES) for name in os.listdir(run.file(REPORTS)))
    except OSError:
        return False


def _read_one(path: str, status: os.stat_result, room: int) -> _Process | str:
    """Read one report, or say in a line why not."""
    if not stat.S_ISREG(status.st_mode):
        return f"the report {path} is not a file"
    if status.st_size > min(_MOST_BYTES_OF_ONE, room):
        return f"the report {path} is too large ({status.st_size >> 20} MiB)"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            content = file.read(_MOST_BYTES_OF_ONE + 1)
        value = json.loads(content)
    except OSError as error:
        return f"cannot read the report {path}: {error.strerror}"
    except (ValueError, RecursionError):
        return f"cannot read the report {path}: it is not JSON"
    return _checked(value) or f"cannot read the report {path}: it is not a report"


def _checked(value: Any) -> _Process | None:
    """Return the report in `value` if it is one."""
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        return None
    pid, rank, started = value.get("pid"), value.get("rank"), value.get("started")
    parses = value.get("parses")
    if (
        type(pid) is not int
        or not isinstance(started, (int, float))
        or not isinstance(parses, list)
    ):
        return None
    return _Process(
        pid=pid,
        rank=rank if type(rank) is int else None,
        started=float(started),
        interpreter=_checked_interpreter(value.get("interpreter")),
        parses=tuple(parse for parse in parses if _is_parse(parse)),
        exception=_text(value.get("exception")),
        thread_exception=_text(value.get("thread_exception")),
        refused=value.get("refused") is True,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _checked_interpreter(value: Any) -> dict[str, Any]:
    given = value if isinstance(value, dict) else {}
    texts = "executable", "version", "implementation", "prefix", "base_prefix", "module", "file"
    lists = "path", "argv", "orig_argv"
    return {
        **{name: _text(given.get(name)) for name in texts},
        **{name: _texts(given.get(name)) for name in lists},
    }


def _is_parse(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("library"), str)
        and isinstance(value.get("time"), (int, float))
        and isinstance(value.get("values"), dict)
        and isinstance(value.get("defaults"), dict)
    )


def _judge(processes: Iterable[_Process]) -> Report:
    """Choose the process that is the program, and the exception that ended the run."""
    in_order = sorted(processes, key=lambda process: process.started)
    programs = [
        process
        for process in in_order
        if not process.is_launcher and not any(map(process.starts, in_order))
    ]
    parsed = [(process, _parses_of_program(process)) for process in programs]
    parsed = [(process, parses) for process, parses in parsed if parses]
    parsed.sort(key=lambda pair: (pair[0].rank or 0, pair[1][0]["time"]))
    arguments = None
    chosen = next(iter(programs or in_order), None)
    if parsed:
        chosen, parses = parsed[0]
        arguments = _merged(chosen, parses)
    elif chosen is not None and chosen.refused:
        name = chosen.name or "python"
        arguments = Arguments({}, {}, (), f"refused by the parser of {name} (pid {chosen.pid})")
    return Report(
        arguments=arguments,
        interpreter=chosen.interpreter if chosen else None,
        traceback=_exception(chosen, programs) or _exception(None, in_order),
        source_pid=chosen.pid if chosen else None,
    )


def _parses_of_program(process: _Process) -> list[dict[str, Any]]:
    """Return the parses that are the program's: not those of a tool that runs it in its process.

    A parse of no words at all may have wanted the defaults alone: it counts only where there is no
    other, and then the first.
    """
    found = [parse for parse in process.parses if not _is_tool(_text(parse.get("caller")) or "")]
    for at, parse in enumerate(found):
        if any(_launches(parse, later) for later in found[at + 1 :]):
            found = found[at + 1 :]
            break
    return [parse for parse in found if not parse.get("empty")] or found[:1]


def _launches(parse: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether `parse` is that of a launcher, which has run the program of `other` itself."""
    caller, program = _text(parse.get("caller")), _text(other.get("caller"))
    if other.get("main") is not True or not program or caller == program:
        return False
    return names(_texts(parse.get("argv"))[1:], program, _texts(other.get("argv"))[1:])


def _is_tool(caller: str) -> bool:
    return is_launcher(caller) or is_runner(caller)


def _merged(process: _Process, parses: list[dict[str, Any]]) -> Arguments:
    """Join the parses of one process: a later one fills the gaps of the earlier.

    It overrides a value only where the same part of the program asks again, as after
    ``set_defaults`` from a file, and never one that was given on the command line.
    """
    values: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    given: list[str] = []
    for parse in parses:
        is_asked_again = parse.get("caller") == parses[0].get("caller")
        given_now = _texts(parse.get("given"))
        for name, value in parse["values"].items():
            if name not in values or name in given_now or (is_asked_again and name not in given):
                values[name] = value
        for name, value in parse["defaults"].items():
            if name not in defaults or is_asked_again:
                defaults[name] = value
        given += given_now
    libraries = " and ".join(dict.fromkeys(str(parse["library"]) for parse in parses))
    name = process.name
    if is_runner(name) or len(parses) < len(process.parses):
        name = os.path.basename(_text(parses[-1].get("caller")) or name)
    where = f"{libraries} in {name or 'python'} (pid {process.pid})"
    if process.rank is not None:
        where = f"{where[:-1]}, rank {process.rank})"
    return Arguments(values, defaults, tuple(dict.fromkeys(given)), where)


def _exception(chosen: _Process | None, processes: list[_Process]) -> str | None:
    """Return the exception of `chosen`, else the one that most likely ended the run.

    Among ranks that is the first, for it brings down the others; in a script of several commands
    it is the last.
    """
    if chosen and (chosen.exception or chosen.thread_exception):
        return chosen.exception or chosen.thread_exception
    failed = [process for process in processes if process.exception]
    if not failed:
        return None
    return failed[0 if failed[0].rank is not None else -1].exception
