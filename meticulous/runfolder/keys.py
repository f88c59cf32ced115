"""The keys of metadata.json and the types of their values, checked once when a run is read.

Code behind :meth:`meticulous.runfolder.RunFolder.read_metadata` can rely on the types. Any value may be null, as
a key may be missing. Keys that are not listed here are the user's, or a later version's, and are not checked.
Standard library only, because `run` imports this before the command starts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = [
    "ARGS_GIVEN", "ARGS_SOURCE", "ATTEMPTS", "BOOT_ID", "BRANCH", "BYTES", "CHILD_PID",
    "CHILD_START_TIME", "COMMAND", "CWD", "DATA", "DESCRIPTION", "DIRTY", "END_TIME", "EXIT_CODE",
    "FORMAT", "GITHEAD_MESSAGE", "GITHEAD_SHA", "HOST", "IMPORTED_FROM", "METADATA_KEYS",
    "MOST_RANKS", "NOTES", "PARENT", "PID", "PID_NAMESPACE", "PID_START_TIME", "PROJECT", "RANKS",
    "REASON", "RECORDING_TROUBLE", "REMOTE", "RERUN_OF", "SCHEDULER", "SIGNAL", "SNAPSHOT_LEFT_OUT",
    "SNAPSHOT_SHA", "SNAPSHOT_SUBMODULES", "START_TIME", "SURVIVORS", "SWEEP", "TAGS", "TIMES",
    "TIMESTAMP", "UNTRACKED", "USAGE", "USER", "wrong_environment", "wrong_key",
]  # fmt: skip

MOST_RANKS = 1 << 20
"""No machine has more; a larger number of ranks was not written by us."""
_LARGEST_PID = (1 << 31) - 1
_LARGEST = 1e18

_TEXT: tuple[type, ...] = (str,)
_NUMBER: tuple[type, ...] = (int, float)
_LIST: tuple[type, ...] = (list,)
_OBJECT: tuple[type, ...] = (dict,)

FORMAT = "format"
GITHEAD_SHA = "githead-sha"
GITHEAD_MESSAGE = "githead-message"
BRANCH = "branch"
DIRTY = "dirty"
UNTRACKED = "untracked"
REMOTE = "remote"
SNAPSHOT_SHA = "snapshot-sha"
SNAPSHOT_LEFT_OUT = "snapshot-left-out"
SNAPSHOT_SUBMODULES = "snapshot-submodules"
DESCRIPTION = "description"
TAGS = "tags"
NOTES = "notes"
COMMAND = "command"
PROJECT = "project"
CWD = "cwd"
TIMESTAMP = "timestamp"
START_TIME = "start-time"
END_TIME = "end-time"
EXIT_CODE = "exit-code"
SIGNAL = "signal"
REASON = "reason"
HOST = "host"
BOOT_ID = "boot-id"
PID = "pid"
PID_START_TIME = "pid-start-time"
PID_NAMESPACE = "pid-namespace"
CHILD_PID = "child-pid"
CHILD_START_TIME = "child-start-time"
USER = "user"
USAGE = "usage"
BYTES = "bytes"
PARENT = "parent"
RERUN_OF = "rerun-of"
LINKED = "linked"
SWEEP = "sweep"
IMPORTED_FROM = "imported-from"
SCHEDULER = "scheduler"
ATTEMPTS = "attempts"
RANKS = "ranks"
ARGS_SOURCE = "args-source"
ARGS_GIVEN = "args-given"
DATA = "data"
SURVIVORS = "survivors"
RECORDING_TROUBLE = "recording-trouble"

_TYPES: dict[str, tuple[type, ...]] = {
    FORMAT: (int,),
    GITHEAD_SHA: _TEXT,
    GITHEAD_MESSAGE: _TEXT,
    BRANCH: _TEXT,
    DIRTY: (bool,),
    UNTRACKED: _LIST,
    REMOTE: _TEXT,
    SNAPSHOT_SHA: _TEXT,
    SNAPSHOT_LEFT_OUT: _LIST,
    SNAPSHOT_SUBMODULES: _LIST,
    DESCRIPTION: _TEXT,
    TAGS: _LIST,
    NOTES: _LIST,
    COMMAND: (list, str),
    PROJECT: _TEXT,
    CWD: _TEXT,
    TIMESTAMP: _TEXT,
    START_TIME: _TEXT,
    END_TIME: _TEXT,
    EXIT_CODE: (int,),
    SIGNAL: _TEXT,
    REASON: _TEXT,
    HOST: _TEXT,
    BOOT_ID: _TEXT,
    PID: (int,),
    PID_START_TIME: _NUMBER,
    PID_NAMESPACE: (int, str),
    CHILD_PID: (int,),
    CHILD_START_TIME: _NUMBER,
    USER: _TEXT,
    USAGE: _OBJECT,
    BYTES: _OBJECT,
    PARENT: (int, str),
    RERUN_OF: (int, str),
    LINKED: _LIST,
    SWEEP: (int, str, dict),
    IMPORTED_FROM: _OBJECT,
    SCHEDULER: _OBJECT,
    ATTEMPTS: _LIST,
    RANKS: _OBJECT,
    ARGS_SOURCE: _TEXT,
    ARGS_GIVEN: _LIST,
    DATA: _LIST,
    SURVIVORS: _LIST,
    RECORDING_TROUBLE: (list, str),
}
TIMES = (TIMESTAMP, START_TIME, END_TIME)
"""Keys whose value is a time; one that is none counts as missing."""
METADATA_KEYS = tuple(_TYPES)
"""The keys that metadata.json may have; ``docs/run-folder.md`` says what each means."""

_NAMES: dict[type, str] = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "true or false",
    list: "list",
    dict: "object",
}
_ITEMS: dict[str, tuple[type, ...]] = {
    UNTRACKED: _TEXT,
    TAGS: (str, int, float, bool),
    COMMAND: (str, int, float),
    ARGS_GIVEN: _TEXT,
    LINKED: _TEXT,
    NOTES: (dict, str),
    ATTEMPTS: _OBJECT,
    "gpus": _OBJECT,
    DATA: _OBJECT,
    SURVIVORS: _OBJECT,
    SNAPSHOT_SUBMODULES: _OBJECT,
    SNAPSHOT_LEFT_OUT: _OBJECT,
}
"""What the items of these lists are; null is none of them."""
_OF_ITEMS: dict[str, dict[str, tuple[type, ...]]] = {
    ATTEMPTS: {**_TYPES, "status": _TEXT},
    NOTES: {"time": _TEXT, "text": _TEXT},
    DATA: {"path": _TEXT, "size": (int,), "mtime": (int, float, str), "sha256": _TEXT},
    SURVIVORS: {"pid": (int,)},
    SNAPSHOT_LEFT_OUT: {"path": _TEXT, "reason": _TEXT},
    SNAPSHOT_SUBMODULES: {
        "path": _TEXT,
        "githead-sha": _TEXT,
        "snapshot-sha": _TEXT,
        "patch": _TEXT,
    },
}
_RANKS: dict[str, tuple[type, ...]] = {
    "size": (int,),
    "rank": (int,),
    "failed": _LIST,
    "exit-codes": (list, dict),
}


_ENVIRONMENT: dict[str, tuple[type, ...]] = {
    "python": _OBJECT,
    "python-unknown": _TEXT,
    "packages": _OBJECT,
    "package-sources": _OBJECT,
    "host": _TEXT,
    "os": _OBJECT,
    "cpu": _OBJECT,
    "memory": _OBJECT,
    "variables": _OBJECT,
    "gpus": _LIST,
}
_VALUES: dict[str, tuple[type, ...]] = {
    "python": _TEXT,
    "packages": _TEXT,
    "package-sources": _OBJECT,
    "os": _TEXT,
    "cpu": (str, int, float),
    "memory": _NUMBER,
    "variables": _TEXT,
}
"""What the values within these objects are."""


def wrong_environment(environment: Mapping[str, Any]) -> str | None:
    """Return the key of environment.json whose value has a wrong type; None if there is none."""
    found = next(_wrong(environment, _ENVIRONMENT), None)
    if found:
        return found
    for key, allowed in _VALUES.items():
        inner = environment.get(key) or {}
        wrong = next(_wrong(inner, dict.fromkeys(inner, allowed)), None)
        if wrong:
            return f"in {key!r}, {wrong}"
    return None


def wrong_key(metadata: Mapping[str, Any]) -> str | None:
    """Return the key of `metadata` whose value has a wrong type, and the right type; None if there is none."""
    return next(_wrong(metadata, _TYPES), None)


def _wrong(values: Mapping[str, Any], types: dict[str, tuple[type, ...]]) -> Iterator[str]:
    for key, value in values.items():
        allowed = types.get(key)
        if allowed is None or value is None:
            continue
        kind = type(value)
        if kind not in allowed:
            yield f"{key!r} is not {_either(allowed)}"
        elif kind is str:
            continue
        elif kind is list:
            yield from _wrong_items(key, value)
        elif kind is dict:
            yield from _wrong_object(key, value)
        elif key in (PID, CHILD_PID) and not 0 <= value <= _LARGEST_PID:
            yield f"{key!r} is not the number of a process"
        elif not -_LARGEST < value < _LARGEST:
            yield f"{key!r} is out of range"


def _wrong_items(key: str, items: list[Any]) -> Iterator[str]:
    allowed = _ITEMS.get(key)
    if allowed is None:
        return
    for item in items:
        if type(item) not in allowed:
            yield f"an item of {key!r} is not {_either(allowed)}"
        elif type(item) is dict:
            yield from (f"in {key!r}, {what}" for what in _wrong(item, _OF_ITEMS.get(key, {})))


def _wrong_object(key: str, values: dict[str, Any]) -> Iterator[str]:
    if key in (USAGE, BYTES):
        wrong = [
            name
            for name, value in values.items()
            if value is not None
            and (type(value) not in (int, float, bool) or not -_LARGEST < value < _LARGEST)
        ]
        if wrong:
            yield f"in {key!r}, {wrong[0]!r} is not a number"
    elif key == RANKS:
        yield from (f"in 'ranks', {what}" for what in _wrong(values, _RANKS))
        if type(values.get("size")) is int and not 0 <= values["size"] <= MOST_RANKS:
            yield "in 'ranks', 'size' is out of range"


def _either(allowed: tuple[type, ...]) -> str:
    names = " or ".join(_NAMES[kind] for kind in allowed)
    article = "an" if names[0] in "aeiou" else "a"
    return names if allowed[0] in (str, bool) else f"{article} {names}"
