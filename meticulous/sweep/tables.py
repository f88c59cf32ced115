"""Points from a table: ``@points.csv``, ``.jsonl`` or ``.xlsx``; a row is a point."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from meticulous.errors import MeticulousError, UsageError
from meticulous.sweep.values import Axis, check_name

__all__ = ["table"]


def table(path: str) -> Axis:
    """Read the table at `path`: its columns are the names, its rows the values.

    Raises UsageError that names the row where a value is missing, or says why it cannot be read.
    """
    readers = {".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".xlsx": _xlsx}
    ending = os.path.splitext(path)[1].lower()
    if ending not in readers:
        raise UsageError(f"cannot read the table {path}", f"Give {', '.join(readers)}")
    try:
        numbered = list(readers[ending](path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read the table {path}: {reason}", "Check the path") from None
    if not numbered:
        raise UsageError(f"the table {path} has no rows", "Give one row for each point")
    names = tuple(dict.fromkeys(name for _, row in numbered for name in row))
    for name in names:
        check_name(name)
    return Axis(names, [_row(path, number, row, names) for number, row in numbered])


def _row(path: str, number: int, row: dict[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    missing = [name for name in names if row.get(name) is None]
    if missing:
        raise UsageError(
            f"{path}, line {number}: no value for {', '.join(missing)}",
            "Fill it in; every row needs all columns",
        )
    return tuple(_text(row[name], f"{path}, line {number}: {name}") for name in names)


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value)) if "e" not in repr(value) else repr(value)
    if isinstance(value, (list, dict)):
        raise UsageError(
            f"{where} is {json.dumps(value)}", "Give a number, a text or a truth value"
        )
    return str(value)


def _csv(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        delimiter = "\t" if path.lower().endswith(".tsv") else ","
        rows = csv.reader(file, delimiter=delimiter)
        names = [name.strip() for name in next(rows, [])]
        if len(set(names)) < len(names) or "" in names:
            raise UsageError(f"{path}: its columns are {names}", "Name each, and each once")
        for row in rows:
            if not row:
                continue
            if len(row) > len(names):
                raise UsageError(
                    f"{path}, line {rows.line_num}: {len(row)} values for {len(names)} columns",
                    "Quote values that hold a comma",
                )
            cells = [cell if cell != "" else None for cell in row]
            yield rows.line_num, dict(zip(names, cells, strict=False))


def _jsonl(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UsageError(f"{path}, line {number} is no JSON: {error}") from None
            if not isinstance(row, dict):
                raise UsageError(f"{path}, line {number} is no JSON object", "Write {…} a line")
            yield number, row


def _xlsx(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        import openpyxl
    except ImportError as error:
        hint = "Install it with `pip install openpyxl`, or save the table as .csv"
        raise MeticulousError("reading .xlsx needs openpyxl", hint) from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # a zip file's, an XML parser's or openpyxl's own
        if isinstance(error, OSError):
            raise
        raise UsageError(f"cannot read the table {path}: {error}", "Is it an .xlsx?") from error
    try:
        rows = book.worksheets[0].iter_rows(values_only=True)
        names = [str(name).strip() for name in next(rows, ()) if name is not None]
        for number, row in enumerate(rows, 2):
            if any(cell is not None for cell in row):
                yield number, dict(zip(names, row, strict=False))
    finally:
        book.close()
