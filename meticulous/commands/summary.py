"""Save values in the summary of the run this is called in: `meticulous summary loss=0.12`.

For programs of any language. Outside a run it does nothing, as the function of the same name.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from meticulous.child import helper
from meticulous.errors import RunFolderError, UsageError

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of ``meticulous summary``."""
    parser.add_argument(
        "values",
        nargs="*",
        metavar="NAME=VALUE",
        help="a value to save; numbers, true, false, null and JSON are taken as such",
    )
    parser.add_argument("--json", metavar="FILE", help="save the JSON object in FILE (- for stdin)")


def main(args: argparse.Namespace) -> int:
    """Save the values and return the exit code."""
    values = {} if args.json is None else _read_json(args.json)
    for word in args.values:
        name, separator, text = word.partition("=")
        if not separator or not name:
            raise UsageError(f"{word!r} is not NAME=VALUE", "Write for instance loss=0.12")
        values[name] = _typed(text)
    if not values:
        raise UsageError("nothing to save", "Give NAME=VALUE or --json FILE")
    helper.summary(values)
    return 0


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
