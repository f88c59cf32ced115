"""What a recorded program calls; one file, standard library only, Python 3.6 and later.

It is copied nowhere and imports nothing of the product, so that it can also stand in for
``meticulous`` in an interpreter where meticulous is not installed. The few words of the run
folder's format that a child must know (two file names, how numbers become JSON, how a file is
replaced) are therefore defined here and taken from here by :mod:`meticulous.runfolder`.
"""

import os
from _thread import get_ident  # the whole of threading costs milliseconds and is not needed

METRICS = "metrics.jsonl"
SUMMARY = "summary.json"

_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def to_strict(value):
    """Give `value` with floats that strict JSON cannot hold as the strings that stand for them."""
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 (true of NaN alone)
            return "NaN"
        if value in (_NOT_FINITE["Infinity"], _NOT_FINITE["-Infinity"]):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, dict):
        return {key: to_strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_strict(item) for item in value]
    return value


def from_strict(value):
    """Undo :func:`to_strict`: the three strings become numbers again, at any depth."""
    if isinstance(value, str):
        return _NOT_FINITE.get(value, value)
    if isinstance(value, dict):
        return {key: from_strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_strict(item) for item in value]
    return value


def json_bytes(value, indent=4):
    """Give `value` as strict JSON in UTF-8 with a newline at the end.

    Text that UTF-8 cannot hold (file names of undecodable bytes) is written with escapes, which
    every JSON reader takes back.
    """
    import json

    strict = to_strict(value)
    text = json.dumps(strict, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        return text.encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(strict, indent=indent, allow_nan=False).encode("ascii") + b"\n"


def replace_file(path, content):
    """Put the bytes `content` at `path` in one step: a reader sees the old file or the new one.

    Raises OSError and leaves no temporary file behind when the folder cannot be written.
    """
    temporary = "{}.{}-{}.tmp".format(path, os.getpid(), get_ident())
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise
