"""Words NAME=VALUE of a command line, and objects of JSON files -> values."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from meticulous.errors import RunFolderError, UsageError

__all__ = ["add_arguments", "given"]


def add_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    """Declare the values; `verb` says what is done with them."""
    parser.add_argument(
        "values",
        nargs="*",
        metavar="NAME=VALUE",
        help=f"a value to {verb}; numbers, true, false, null and JSON are taken as such",
    )
    parser.add_argument(
        "--json", metavar="FILE", help=f"{verb} the JSON object in FILE (- for stdin)"
    )


def given(arguments: argparse.Namespace, verb: str) -> dict[str, Any]:
    """Return the values by their names; raises UsageError where there is none."""
    values = {} if arguments.json is None else _read_json(arguments.json)
    for word in arguments.values:
        name, separator, text = word.partition("=")
        if not separator or not name:
            raise UsageError(f"{word!r} is not NAME=VALUE", "Write for instance loss=0.12")
        values[name] = _typed(text)
    if not values:
        raise UsageError(f"nothing to {verb}", "Give NAME=VALUE or --json FILE")
    return values


def _read_json(path: str) -> dict[str, Any]:
    """Read the object in the file `path`."""
    try:
        if path == "-":
            value = json.load(sys.stdin)
        else:
            with open(path, "rb") as file:
                value = json.load(file)
    except OSError as error:
        raise RunFolderError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"cannot read {path}: it is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RunFolderError(f"cannot read {path}: it holds no JSON object", 'Write {"loss": 0.12}')
    return value


def _typed(text: str) -> Any:
    """Return the number, truth value, list or object that `text` writes, else `text` itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if "_" not in text:
        try:
            return float(text)  # .5, nan, 1e-3, +2.0
        except ValueError:
            pass
    return {"True": True, "False": False, "None": None}.get(text, text)
