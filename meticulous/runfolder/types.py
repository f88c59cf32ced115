"""The types of what metadata.json holds, checked once, where it is read.

A cloned project or a damaged disk can put anything there. A value of the wrong type is left out, so
that code behind this can trust what it gets; `doctor` names it. Keys that are not in the table are
kept as they are: a newer release may have written them.
"""

from __future__ import annotations

from meticulous.base.namedtuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["trusted", "wrong_keys"]

_HIGHEST_PID = 2**31 - 1
_MOST_RANKS = 1_000_000
"""More than any machine has: whoever goes through the ranks of a run must come to an end."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_number(value: Any) -> bool:
    return _is_integer(value) or isinstance(value, float)


def _is_pid(value: Any) -> bool:
    return _is_integer(value) and 0 < value <= _HIGHEST_PID


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _with_texts(*keys: str) -> Callable[[Any], bool]:
    """Return a check that a value is a list of objects which have text under each of `keys`."""

    def is_right(value: Any) -> bool:
        return _are_objects(value) and all(
            isinstance(one.get(key), str) for one in value for key in keys
        )

    return is_right


def _is_usage(value: Any) -> bool:
    return isinstance(value, dict) and all(
        one is None or _is_number(one) or isinstance(one, bool) for one in value.values()
    )


def _are_sizes(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_integer(one) for one in value.values())


def _are_ranks(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    counts = [value.get(key, 1) for key in ("size", "came")]
    codes = value.get("exit-codes") or []
    return (
        all(_is_integer(one) and 0 <= one <= _MOST_RANKS for one in counts)
        and isinstance(value.get("failed") or [], list)
        and isinstance(codes, list)
        and all(one is None or _is_integer(one) for one in codes)
    )


class _Kind(NamedTuple):
    is_right: Callable[[Any], bool]
    keys: str


_KINDS = (
    _Kind(
        _is_text,
        "githead-sha githead-message branch remote snapshot-sha description project cwd timestamp "
        "start-time end-time signal reason host boot-id pid-namespace user parent rerun-of "
        "args-source",
    ),
    _Kind(_is_flag, "dirty"),
    _Kind(_is_integer, "exit-code"),
    _Kind(_is_number, "pid-start-time child-start-time"),
    _Kind(_is_pid, "pid child-pid"),
    _Kind(_are_texts, "command untracked args-given recording-trouble"),
    _Kind(_are_objects, "survivors"),
    _Kind(_with_texts("path"), "data"),
    _Kind(_with_texts("path", "reason"), "snapshot-left-out"),
    _Kind(_with_texts("path", "githead-sha", "snapshot-sha"), "snapshot-submodules"),
    _Kind(_is_object, "scheduler imported-from sweep"),
    _Kind(_is_usage, "usage"),
    _Kind(_are_sizes, "bytes"),
    _Kind(_are_ranks, "ranks"),
)
_RIGHT = {key: kind.is_right for kind in _KINDS for key in kind.keys.split()}


def trusted(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return `metadata` without the values that have the wrong type."""
    wrong = wrong_keys(metadata)
    if not wrong:
        return metadata
    return {key: value for key, value in metadata.items() if key not in wrong}


def wrong_keys(metadata: Mapping[str, Any]) -> list[str]:
    """List the keys whose values have the wrong type; None is right everywhere."""
    return [
        key
        for key, is_right in _RIGHT.items()
        if (value := metadata.get(key)) is not None and not is_right(value)
    ]
