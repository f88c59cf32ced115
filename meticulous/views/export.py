"""A table -> the bytes of a file, by the ending of its name."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Sequence

from meticulous.child.helper import json_bytes, replace_file
from meticulous.errors import MeticulousError, UsageError
from meticulous.query.rows import Row, is_numeric
from meticulous.views import text

_MARKDOWN = re.compile(r"[|\\\\`*<]")

__all__ = ["ENDINGS", "check", "is_stdout", "write"]

ENDINGS = ("csv", "html", "json", "md", "parquet", "pd", "tex", "xlsx")


def is_stdout(path: str) -> bool:
    """Return whether `path` stands for stdout: ``-`` (CSV), or ``-.md`` and its like."""
    return os.path.splitext(path)[0] == "-"


def check(path: str) -> str:
    """Return the format that the name `path` ends in; raises UsageError for an unknown one."""
    if path == "-":
        return "csv"
    ending = os.path.splitext(path)[1].removeprefix(".").lower()
    if ending not in ENDINGS:
        known = ", ".join("." + ending for ending in ENDINGS)
        raise UsageError(f"cannot export to {path}: unknown ending", f"Use one of {known}")
    return ending


def write(path: str, rows: Sequence[Row], names: Sequence[str], *, note: str = "") -> None:
    """Write the columns `names` of `rows` to the file `path`, replacing it; see :func:`is_stdout`.

    ``.md`` and ``.tex`` (booktabs) are for reading: numbers have six digits there, and `note`
    becomes a comment. All others hold whole values: ``.pd`` is a pickled DataFrame, ``.json`` a
    list of objects; ``.csv`` and ``.xlsx`` have nested values as JSON. Raises MeticulousError where a library is missing or the file cannot be
    written.
    """
    ending = check(path)
    content = _content(ending, rows, names, note)
    if is_stdout(path):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        if os.path.isfile(path) or not os.path.lexists(path):
            replace_file(path, content)
        else:
            with open(path, "wb") as file:
                file.write(content)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise MeticulousError(message, "Give a file that can be written") from error


def _content(ending: str, rows: Sequence[Row], names: Sequence[str], note: str) -> bytes:
    if ending == "csv":
        return _csv(rows, names)
    if ending == "json":
        chosen = [{name: row.get(name) for name in names} for row in rows]
        return json_bytes(chosen)  # type: ignore[no-any-return]
    if ending in ("md", "tex"):
        return _marked_up(ending, rows, names, note)
    from meticulous.query import frames
    from meticulous.views.frame_bytes import frame_bytes

    return frame_bytes(frames.flat_frame(rows, names), ending)


def _csv(rows: Sequence[Row], names: Sequence[str]) -> bytes:
    buffer = io.StringIO()
    plain = csv.writer(buffer, lineterminator="\n")
    # The module quotes no carriage return, which its reader takes for the end of a line.
    quoting = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for cells in (names, *([_whole(row.get(name)) for name in names] for row in rows)):
        (quoting if any("\r" in cell for cell in cells) else plain).writerow(cells)
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def _whole(value: object) -> str:
    """Return `value` whole, with its newlines."""
    return value if isinstance(value, str) else text.full(value)


def _marked_up(ending: str, rows: Sequence[Row], names: Sequence[str], note: str) -> bytes:
    """Draw the table for Markdown or LaTeX; what either would obey is escaped."""
    from tabulate import tabulate

    kind = "pipe" if ending == "md" else "latex_booktabs"
    cells = [[_marked(ending, row.get(name)) for name in names] for row in rows]
    heads = [_marked(ending, name) for name in names]
    align = ["right" if is_numeric(rows, name) else "left" for name in names]
    table = tabulate(cells, heads, kind, disable_numparse=True, colalign=align if rows else None)
    if ending == "md":
        comment = f"<!-- {note.replace('--', '- -')} -->\n\n" if note else ""
    else:
        table = table.replace("±", r"$\pm$")
        # A [ behind the \\ of the row before would be its argument.
        table = re.sub(r"(?m)^(\s*)\[", r"\1{}[", table)
        comment = "".join(f"% {line}\n" for line in note.splitlines())
    return f"{comment}{table}\n".encode("utf-8", "backslashreplace")


def _marked(ending: str, value: object) -> str:
    plain = text.short(value)
    return _MARKDOWN.sub(r"\\\g<0>", plain) if ending == "md" else plain
