"""Series -> an event file of TensorBoard: scalars, by the standard library alone.

The counterpart of :mod:`meticulous.metrics.event_files`. A file is a row of records (length, checksum,
content, checksum); the content is an ``Event`` of protocol buffers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from meticulous.metrics.series import Series

__all__ = ["event_file"]

_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")
_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
_CASTAGNOLI = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_32_BITS = 0xFFFFFFFF
_LARGEST_STEP = (1 << 63) - 1


def event_file(series: Series) -> Iterator[bytes]:
    """Yield the parts of an event file with the numbers of `series`; text has no place in it.

    Steps are integers there, and values have 32 bits: TensorBoard knows no others.
    """
    yield _record(_DOUBLE_FIELD_1 + _DOUBLE.pack(0.0) + _text(3, b"brain.Event:2"))
    for name in series.names:
        points, tag = series.points(name), _text(1, name.encode("utf-8", "replace"))
        for place, (step, time, number) in enumerate(
            zip(points.step, points.time, points.value, strict=True)
        ):
            if place in points.texts:
                continue
            value = tag + _FLOAT_FIELD_2 + _float(number)
            when = time if time == time else 0.0  # noqa: PLR0124
            yield _record(
                _DOUBLE_FIELD_1
                + _DOUBLE.pack(when)
                + _INTEGER_FIELD_2
                + _varint(_whole(step))
                + _text(5, _text(1, value))
            )


_DOUBLE_FIELD_1 = bytes([1 << 3 | 1])
_INTEGER_FIELD_2 = bytes([2 << 3])
_FLOAT_FIELD_2 = bytes([2 << 3 | 5])


def _float(number: float) -> bytes:
    try:
        return _FLOAT.pack(number)
    except OverflowError:  # beyond 32 bits
        return _FLOAT.pack(float("inf") if number > 0 else float("-inf"))


def _whole(step: float) -> int:
    return int(min(max(step, -_LARGEST_STEP), _LARGEST_STEP)) & 0xFFFFFFFFFFFFFFFF


def _text(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _record(content: bytes) -> bytes:
    length = _LENGTH.pack(len(content))
    return length + _masked(length) + content + _masked(content)


def _table() -> tuple[int, ...]:
    entries = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (_CASTAGNOLI if number & 1 else 0)  # noqa: PLW2901
        entries.append(number)
    return tuple(entries)


_CRC32C = _table()


def _masked(content: bytes) -> bytes:
    """Return the checksum of `content` as TensorFlow writes it: CRC-32C, rotated, plus a number."""
    crc, table = _32_BITS, _CRC32C
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= _32_BITS
    return _CHECKSUM.pack((crc >> 15 | crc << 17) + _MASK_DELTA & _32_BITS)
