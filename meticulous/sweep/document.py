"""``sweep.yaml``: the same as the command line, in a file that can have comments.

Every scalar is taken as it is written, so ``0.10`` stays ``0.10``.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from meticulous.errors import UsageError
from meticulous.sweep.values import quoted

__all__ = ["Document", "read"]

_OWN = ("command", "parameters", "tables")
_FUNCTIONS = ("range", "linspace", "logspace", "glob")
_HINT = "See docs/sweeps.md for what may stand in it"


class Document(NamedTuple):
    """What a file says: the command, words as on the command line, and options by name."""

    command: list[str]
    parameters: list[str]
    options: dict[str, str | list[str]]


def read(path: str) -> Document:
    """Read a file. Raises UsageError that names what cannot be understood."""
    try:
        with open(path, encoding="utf-8") as file:
            found = yaml.load(file, Loader=yaml.BaseLoader)  # noqa: S506, it makes texts only
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "Check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {' '.join(str(error).split())}", _HINT) from None
    if not isinstance(found, dict):
        raise UsageError(f"{path} is no mapping of names to values", _HINT)
    command = found.get("command") or []
    try:
        words = shlex.split(command) if isinstance(command, str) else list(map(_scalar, command))
    except ValueError as error:
        raise UsageError(f"{path}: cannot understand the command: {error}", _HINT) from None
    parameters = found.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise UsageError(f"{path}: parameters is no mapping of names to values", _HINT)
    words_of = [f"{name}={_values(value, f'{path}: {name}')}" for name, value in parameters.items()]
    tables = found.get("tables") or []
    words_of += [f"@{name}" for name in ([tables] if isinstance(tables, str) else tables)]
    options = {
        str(name).replace("_", "-"): _option(value, f"{path}: {name}")
        for name, value in found.items()
        if name not in _OWN
    }
    return Document(words, words_of, options)


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no word")  # noqa: TRY004, as shlex says it
    return value


def _option(value: Any, where: str) -> str | list[str]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    if not isinstance(value, str):
        raise UsageError(f"{where} is neither a value nor a list of values", _HINT)
    return value


def _values(value: Any, where: str) -> str:
    """Write the values of a name as the command line has them."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) or not isinstance(value, list):
        raise UsageError(f"{where} is neither a text nor a list", _HINT)
    return ",".join(_item(one, where) for one in value)


def _item(value: Any, where: str) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ":".join(map(_quoted, value))
    if not isinstance(value, str):
        raise UsageError(f"{where} has a value that is neither a text nor a list of texts", _HINT)
    return _quoted(value)


def _quoted(text: str) -> str:
    """Quote a text as :func:`quoted` does; a function such as ``range(1,3)`` stays one."""
    is_call = text.endswith(")") and text.partition("(")[0] in _FUNCTIONS
    is_range = ".." in text
    return text if is_call or is_range else quoted(text)
