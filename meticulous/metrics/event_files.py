"""TensorBoard's event files: the scalars in them, by the standard library alone.

A file is a row of records (length, checksum, content, checksum); the content is an ``Event`` of
protocol buffers. Checksums are not verified: a file that is being written ends anywhere, and one that
is damaged is read up to the damage.
"""

from __future__ import annotations

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EventFile", "Scalar", "is_event_file"]

Scalar = tuple[int, float, str, float]
"""(step, seconds since the epoch, tag, value)."""

_LONGEST_RECORD = 1 << 30
_BLOCK_BYTES = 4 << 20
_LENGTH = struct.Struct("<Q")
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_CONTENT_FORMATS = {1: "f", 2: "d", 3: "i", 9: "q"}
"""Type of a tensor -> the format of one element of its bytes."""


def is_event_file(name: str) -> bool:
    """Return whether `name` is that of an event file."""
    return ".tfevents." in name or name.endswith(".tfevents")


class EventFile:
    """One event file, read from where it was left the last time.

    Args:
        path: of the file; it may grow, and need not be there yet.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.position = 0
        self.is_broken = False

    def read(self) -> Iterator[Scalar]:
        """Yield the scalars that are new, in the order of the file. Raises OSError."""
        while not self.is_broken:
            with open(self.path, "rb") as file:
                file.seek(self.position)
                block = file.read(_BLOCK_BYTES)
                if len(block) >= 8:  # one record may be larger than a block
                    (length,) = _LENGTH.unpack_from(block)
                    if length > _LONGEST_RECORD:
                        self.is_broken = True
                        return
                    if length + 16 > len(block):
                        block += file.read(length + 16 - len(block))
            at, end = 0, len(block)
            while end - at >= 16:
                (length,) = _LENGTH.unpack_from(block, at)
                if length > _LONGEST_RECORD or at + length + 16 > end:
                    break
                try:
                    yield from _scalars(block, at + 12, at + 12 + length)
                except (IndexError, struct.error, UnicodeDecodeError):
                    self.is_broken = True
                    return
                at += length + 16
            self.position += at
            if at == 0 or self.position >= os.path.getsize(self.path):
                return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (field, kind, start or value, end) of a message; end is 0 for a number."""
    while at < end:
        key, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
        kind = key & 7
        if kind == _BYTES:
            length, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
            if at + length > end:
                raise IndexError
            yield key >> 3, kind, at, at + length
            at += length
        elif kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, kind, value, 0
        elif kind in {_FIXED64, _FIXED32}:
            yield key >> 3, kind, at, 0
            at += 8 if kind == _FIXED64 else 4
        else:
            raise IndexError


def _scalars(data: bytes, at: int, end: int) -> Iterator[Scalar]:
    """Yield the scalars of one Event."""
    time_s, step, summary = 0.0, 0, None
    for field, kind, start, stop in _fields(data, at, end):
        if field == 1 and kind == _FIXED64:
            (time_s,) = _DOUBLE.unpack_from(data, start)
        elif field == 2 and kind == _VARINT:
            step = start - (1 << 64) if start >> 63 else start
        elif field == 5 and kind == _BYTES:
            summary = start, stop
    if summary is None:
        return
    for field, kind, start, stop in _fields(data, *summary):
        if field == 1 and kind == _BYTES:
            tag, value = _value(data, start, stop)
            if value is not None:
                yield step, time_s, tag, value


def _value(data: bytes, at: int, end: int) -> tuple[str, float | None]:
    """Return the tag of one value of a summary, and its number if it is a scalar."""
    tag, plugin = "", b""
    value: float | None = None
    tensor: tuple[int, int] | None = None
    for field, kind, start, stop in _fields(data, at, end):
        if field == 1 and kind == _BYTES:
            tag = data[start:stop].decode("utf-8")
        elif field == 2 and kind == _FIXED32:
            (value,) = _FLOAT.unpack_from(data, start)
        elif field == 8 and kind == _BYTES:
            tensor = start, stop
        elif field == 9 and kind == _BYTES:
            plugin = data[start:stop]
    if value is None and tensor is not None and b"scalars" in plugin:
        value = _tensor(data, *tensor)
    return tag, value


def _tensor(data: bytes, at: int, end: int) -> float | None:
    """Return the one number of a tensor; None for one of several, or of another type."""
    dtype = 0
    for field, kind, start, stop in _fields(data, at, end):
        if field == 1 and kind == _VARINT:
            dtype = start
        elif field == 4 and kind == _BYTES:  # its content, as bytes
            form = _CONTENT_FORMATS.get(dtype)
            if form and stop - start == struct.calcsize(form):
                return float(struct.unpack_from("<" + form, data, start)[0])
        elif field in {5, 6}:  # floats or doubles, packed or alone
            number_form = _FLOAT if field == 5 else _DOUBLE
            if kind != _BYTES or stop - start == number_form.size:
                return float(number_form.unpack_from(data, start)[0])
        elif field in {7, 10}:  # whole numbers
            if kind == _VARINT:
                return float(start - (1 << 64) if start >> 63 else start)
            number, after = _varint(data, start)
            if after == stop:
                return float(number - (1 << 64) if number >> 63 else number)
    return None
