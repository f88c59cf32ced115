"""Files of one JSON object a line, that several may append to and a crash may cut."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from meticulous.errors import MeticulousError

__all__ = ["SweepError", "append", "cannot_read", "cannot_write", "cut_half_line", "read_lines"]


class SweepError(MeticulousError):
    """The folder of a sweep cannot be made, found, read or written."""


def cannot_read(path: str, error: OSError) -> SweepError:
    """Return the error that `path` cannot be read."""
    return SweepError(f"cannot read {path}: {error.strerror or error}", "Make it readable")


def read_lines(path: str, *, strict: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a file of one JSON object a line, with the numbers of the lines.

    Half a line at the end is passed over; another that is broken too, or raises SweepError where
    `strict`. A file that is not there has no lines.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_read(path, error) from None
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.split(b"\n")[:-1]
    try:
        entries = json.loads(b"[" + b",".join(lines) + b"]")  # three times as quick as one by one
        if len(entries) == len(lines) and all(type(entry) is dict for entry in entries):
            yield from enumerate(entries, 1)
            return
    except ValueError:
        pass
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            if strict and line.strip():
                message = f"{path}, line {number} is no JSON object"
                raise SweepError(message, "Restore the line, or remove it")
            continue
        yield number, entry


def cut_half_line(path: str) -> None:
    """Take away what a crash has left of a line: nothing of it was ever used."""
    try:
        with open(path, "rb+") as file:
            content = file.read()
            if content and not content.endswith(b"\n"):
                file.truncate(content.rfind(b"\n") + 1)
    except FileNotFoundError:
        pass


def append(path: str, lines: Iterable[str]) -> None:
    """Append `lines` to the file in one write. Raises SweepError.

    Where a crash has left half a line, the new ones begin behind it.
    """
    content = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                content = b"\n" + content
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
    except OSError as error:
        raise cannot_write(os.path.dirname(path), error) from error


def cannot_write(path: str, error: OSError) -> SweepError:
    """Return the error that `path` cannot be written."""
    hint = "Free some space, or make it writable; `meticulous sweep resume` goes on then"
    return SweepError(f"cannot write to {path}: {error.strerror or error}", hint)
