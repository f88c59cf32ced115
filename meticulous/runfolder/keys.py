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

__all__ = ["METADATA_KEYS", "MOST_RANKS", "TIMES", "wrong_environment", "wrong_key"]

MOST_RANKS = 1 << 20
"""No machine has more; a larger number of ranks was not written by us."""
_LARGEST_PID = (1 << 31) - 1
_LARGEST = 1e18

_TEXT: tuple[type, ...] = (str,)
_NUMBER: tuple[type, ...] = (int, float)
_LIST: tuple[type, ...] = (list,)
_OBJECT: tuple[type, ...] = (dict,)

_TYPES: dict[str, tuple[type, ...]] = {
    "format": (int,),
    "githead-sha": _TEXT,
    "githead-message": _TEXT,
    "branch": _TEXT,
    "dirty": (bool,),
    "untracked": _LIST,
    "remote": _TEXT,
    "snapshot-sha": _TEXT,
    "snapshot-left-out": _LIST,
    "snapshot-submodules": _LIST,
    "description": _TEXT,
    "tags": _LIST,
    "notes": _LIST,
    "command": (list, str),
    "project": _TEXT,
    "cwd": _TEXT,
    "timestamp": _TEXT,
    "start-time": _TEXT,
    "end-time": _TEXT,
    "exit-code": (int,),
    "signal": _TEXT,
    "reason": _TEXT,
    "host": _TEXT,
    "boot-id": _TEXT,
    "pid": (int,),
    "pid-start-time": _NUMBER,
    "pid-namespace": (int, str),
    "child-pid": (int,),
    "child-start-time": _NUMBER,
    "user": _TEXT,
    "usage": _OBJECT,
    "bytes": _OBJECT,
    "parent": (int, str),
    "rerun-of": (int, str),
    "sweep": (int, str, dict),
    "imported-from": _OBJECT,
    "scheduler": _OBJECT,
    "attempts": _LIST,
    "ranks": _OBJECT,
    "args-source": _TEXT,
    "args-given": _LIST,
    "data": _LIST,
    "survivors": _LIST,
    "recording-trouble": (list, str),
}
TIMES = ("timestamp", "start-time", "end-time")
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
    "untracked": _TEXT,
    "tags": (str, int, float, bool),
    "command": (str, int, float),
    "args-given": _TEXT,
    "notes": (dict, str),
    "attempts": _OBJECT,
    "gpus": _OBJECT,
    "data": _OBJECT,
    "survivors": _OBJECT,
    "snapshot-submodules": _OBJECT,
    "snapshot-left-out": _OBJECT,
}
"""What the items of these lists are; null is none of them."""
_OF_ITEMS: dict[str, dict[str, tuple[type, ...]]] = {
    "attempts": {**_TYPES, "status": _TEXT},
    "notes": {"time": _TEXT, "text": _TEXT},
    "data": {"path": _TEXT, "size": (int,), "mtime": (int, float, str), "sha256": _TEXT},
    "survivors": {"pid": (int,)},
    "snapshot-left-out": {"path": _TEXT, "reason": _TEXT},
    "snapshot-submodules": {
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
    """Return which key of environment.json has a value of a wrong type; None for none."""
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
    """Return which key of `metadata` has a value of a wrong type, and what is right; None for none."""
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
        elif key in ("pid", "child-pid") and not 0 <= value <= _LARGEST_PID:
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
    if key in ("usage", "bytes"):
        wrong = [
            name
            for name, value in values.items()
            if value is not None
            and (type(value) not in (int, float, bool) or not -_LARGEST < value < _LARGEST)
        ]
        if wrong:
            yield f"in {key!r}, {wrong[0]!r} is not a number"
    elif key == "ranks":
        yield from (f"in 'ranks', {what}" for what in _wrong(values, _RANKS))
        if type(values.get("size")) is int and not 0 <= values["size"] <= MOST_RANKS:
            yield "in 'ranks', 'size' is out of range"


def _either(allowed: tuple[type, ...]) -> str:
    names = " or ".join(_NAMES[kind] for kind in allowed)
    article = "an" if names[0] in "aeiou" else "a"
    return names if allowed[0] in (str, bool) else f"{article} {names}"
