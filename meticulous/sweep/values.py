"""The grammar of values: ``lr=0.1,0.01``, ``seed=0..4``, ``lr,bs=0.1:32,0.01:64``.

Values are texts, exactly as they will stand on the command line. Sequences are lazy, so that a
product can be counted, and refused, before anything of its length is made.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar, overload

from meticulous.errors import UsageError

__all__ = [
    "AXIS",
    "DISTRIBUTION",
    "ENVIRONMENT",
    "LARGEST",
    "Axis",
    "Chain",
    "axis",
    "check_name",
    "is_axis",
    "length",
    "quoted",
    "split",
]

Item = TypeVar("Item")
ENVIRONMENT = "env:"
"""Begins the name of an axis that is an environment variable: ``env:OMP_NUM_THREADS=1,2``."""
LARGEST = 10_000_000
"""The most points that a sweep may have; a larger product can only be sampled."""

_NAME = re.compile(r"(?:env:)?[A-Za-z_][\w.@/+-]*")
AXIS = re.compile(r"((?:env:)?[A-Za-z_][\w.@/+,:-]*)=(.*)", re.DOTALL)
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?")
_FLOAT_RANGE = re.compile(r"-?\d*\.?\d*(?:[eE][-+]?\d+)?\.\.-?\d*\.?\d*(?:[eE][-+]?\d+)?")
_CALL = re.compile(r"(range|linspace|logspace|glob)\((.*)\)", re.DOTALL)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
DISTRIBUTION = re.compile(rf"(log|int|float|logint):({_NUMBER})\.\.({_NUMBER})(?:/({_NUMBER}))?")
_PAIRS = {"(": ")", "[": "]", "{": "}"}


class Chain(Sequence[Item]):
    """Several sequences, one after the other, none of them copied."""

    def __init__(self, parts: Sequence[Sequence[Item]]) -> None:
        self._parts = parts
        self._length = sum(map(length, parts))

    @property
    def length(self) -> int:
        """The length, however large; ``len`` cannot say more than a machine word."""
        return self._length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | Sequence[Item]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(self._length))]
        for part in self._parts:
            count = length(part)
            if place < count:
                return part[place]
            place -= count
        raise IndexError(place)

    def __iter__(self) -> Iterator[Item]:
        for part in self._parts:
            yield from part


class _Texts(Sequence[str]):
    """The texts that `form` makes of `numbers`, made when they are asked for."""

    def __init__(self, numbers: range, form: Callable[[int], str] = str) -> None:
        self._numbers, self._form = numbers, form

    @property
    def length(self) -> int:
        numbers = self._numbers
        return max(0, -((numbers.start - numbers.stop) // numbers.step))

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return list(map(self._form, self._numbers[place]))
        return self._form(self._numbers[place])


def length(values: Sequence[Any]) -> int:
    """Return the length of `values`, also where ``len`` would overflow."""
    own: int | None = getattr(values, "length", None)
    return len(values) if own is None else own


class Axis(NamedTuple):
    """Names that change together, and their values: one text for each name."""

    names: tuple[str, ...]
    values: Sequence[tuple[str, ...]]


def is_axis(word: str) -> bool:
    """Return whether `word` has the form ``names=values``."""
    return bool(AXIS.fullmatch(word))


def axis(word: str) -> Axis:
    """Read ``names=values``. Raises UsageError that says which part is wrong."""
    match = AXIS.fullmatch(word)
    if not match:
        raise UsageError(f"{word!r} is no NAME=VALUES", "Write it so: lr=0.1,0.01")
    names = tuple(match[1].split(","))
    for name in names:
        check_name(name)
    if len(set(names)) < len(names):
        raise UsageError(f"{match[1]}: a name stands there twice", "Name each once")
    items = split(match[2], ",", word)
    if items == [""]:
        raise UsageError(f"{match[1]} has no values", f"List them: {match[1]}=1,2,3")
    if len(names) == 1:
        parts = [_values(item, match[1]) for item in items]
        values: Sequence[str] = Chain(parts)
        if not length(values):
            raise UsageError(f"{match[1]} has no values", "The range that it is given is empty")
        return Axis(names, _Singles(values))
    return Axis(names, [_zipped(item, names, word) for item in items])


class _Singles(Sequence[tuple[str, ...]]):
    """Each of `values` as a tuple of one."""

    def __init__(self, values: Sequence[str]) -> None:
        self._values = values

    @property
    def length(self) -> int:
        return length(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, place: int) -> tuple[str, ...]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[tuple[str, ...]]: ...
    def __getitem__(self, place: int | slice) -> tuple[str, ...] | Sequence[tuple[str, ...]]:
        if isinstance(place, slice):
            return [(value,) for value in self._values[place]]
        return (self._values[place],)


def check_name(name: str) -> None:
    """Raise UsageError where `name` cannot be the name of an argument or of ``env:VARIABLE``."""
    if not _NAME.fullmatch(name):
        hint = "A name starts with a letter; an environment variable is written env:NAME"
        raise UsageError(f"{name!r} cannot be a name", hint)


def split(text: str, separator: str, whole: str) -> list[str]:
    """Split `text` where `separator` stands outside of quotes and brackets.

    Quotes and backslashes stay, for :func:`_plain` to take away. `whole` is for the message where a
    quote or bracket is not closed, which raises UsageError.
    """
    parts, start, at = [], 0, 0
    closing: list[str] = []
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif closing and closing[-1] in "'\"":
            if character == closing[-1]:
                closing.pop()
        elif character in "'\"":
            closing.append(character)
        elif character in _PAIRS:
            closing.append(_PAIRS[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == separator and not closing:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    if closing:
        hint = "Close it; a quote that is meant as such is written \\' or within other quotes"
        raise UsageError(f"{whole!r} lacks a closing {closing[-1]}", hint)
    return [*parts, text[start:]]


def _plain(text: str) -> str:
    """Take quotes and backslashes away, as a shell does."""
    out, quote, at = [], "", 0
    while at < len(text):
        character = text[at]
        if character == "\\" and at + 1 < len(text):
            at += 1
            out.append(text[at])
        elif quote and character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        else:
            out.append(character)
        at += 1
    return "".join(out)


def quoted(text: str) -> str:
    """Write a text so that the grammar reads it as one value."""
    if re.fullmatch(r"[\w.+@%/-]+", text) and ".." not in text:
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _values(item: str, name: str) -> Sequence[str]:
    """Return the values that one item of a list stands for."""
    if not item.strip():
        hint = "Leave out the comma, or write '' for the empty text"
        raise UsageError(f"{name} has an empty value", hint)
    if found := _RANGE.fullmatch(item):
        return _inclusive(found, name)
    if _FLOAT_RANGE.fullmatch(item) and item != "..":
        hint = "Ranges are of integers; write linspace(0,1,5) or logspace(-4,-1,10)"
        raise UsageError(f"{name}={item} is no range of integers", hint)
    if found := _CALL.fullmatch(item):
        return _called(found[1], split(found[2], ",", item), item, name)
    if DISTRIBUTION.fullmatch(item):
        hint = "Add --search optuna --trials N, or list the values"
        raise UsageError(f"{name}={item} is for a search", hint)
    return [_plain(item)]


def _inclusive(found: re.Match[str], name: str) -> Sequence[str]:
    first, last = int(found[1]), int(found[2])
    step = int(found[3]) if found[3] else (1 if last >= first else -1)
    if step == 0 or (last - first) * step < 0:
        raise UsageError(f"{name}={found[0]} is empty", "Write FIRST..LAST or FIRST..LAST..STEP")
    return _Texts(range(first, last + (1 if step > 0 else -1), step))


def _called(function: str, arguments: list[str], item: str, name: str) -> Sequence[str]:
    """Return the values of ``range(…)``, ``linspace(…)``, ``logspace(…)`` or ``glob(…)``."""
    if function == "glob":
        pattern = _plain(",".join(arguments))
        found = sorted(glob.glob(os.path.expanduser(pattern), recursive=True))
        if not found:
            raise UsageError(f"{name}: no file matches {pattern}", "Look at the pattern")
        return found
    try:
        if function == "range":
            bounds = range(*[int(one) for one in arguments])
            return _Texts(bounds)
        first, last, number = arguments
        low, high, count = float(first), float(last), range(1, int(number) + 1)[-1]
    except (ValueError, TypeError, IndexError, OverflowError):
        forms = {"range": "range(1,10,2)", "linspace": "linspace(0,1,5)"}
        hint = f"Write it so: {forms.get(function, 'logspace(-4,-1,10)')}"
        raise UsageError(f"{name}: cannot understand {item}", hint) from None
    step = (high - low) / (count - 1) if count > 1 else 0.0

    def form(place: int) -> str:
        number = high if place == count - 1 and count > 1 else low + step * place
        return f"{10.0**number if function == 'logspace' else number:.12g}"

    return _Texts(range(count), form)


def _zipped(item: str, names: tuple[str, ...], word: str) -> tuple[str, ...]:
    values = split(item, ":", word)
    if len(values) != len(names):
        hint = f"Give {len(names)} values with : between them, such as {':'.join('123456789'[: len(names)])}"
        raise UsageError(
            f"{item!r} of {','.join(names)} has {len(values)} values for {len(names)} names", hint
        )
    return tuple(map(_plain, values))
