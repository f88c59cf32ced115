"""What two runs printed, line by line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from meticulous import runfolder
from meticulous.comparison.normalise import Normaliser, lines
from meticulous.comparison.outputs import Found, hash_of, is_ignored, normalisers_of
from meticulous.comparison.values import Difference, Tolerance, line_is_near
from meticulous.comparison.writers import by_writers
from meticulous.errors import RunFolderError
from meticulous.runfolder import RunFolder

if TYPE_CHECKING:
    from meticulous.comparison import Terms

__all__ = ["streams"]

_Line = tuple[int, "str | None"]
_END: _Line = (0, None)
_LONG = 60
_BEFORE = 20
"""Characters of a line that are shown, and of these before where it differs."""


def streams(one: RunFolder, other: RunFolder, terms: Terms, found: Found) -> None:
    """Compare what was printed, line by line; by each rank, where both runs have the same ones."""
    names = [runfolder.STDOUT, runfolder.STDERR]
    if one.ranks() == other.ranks():
        names += [
            os.path.relpath(one.rank(number).file(name), one.path)
            for number in one.ranks()
            for name in names
        ]
    else:
        found.passed_over.append("what other ranks printed")
    for name in names:
        if is_ignored(name, terms):
            found.passed_over.append(name)
        elif hash_of(one.file(name)) != hash_of(other.file(name)):
            _compare_stream(name, one, other, terms, found)


class _Lines(NamedTuple):
    """How the lines of two streams compare: the first that differ, by whether they are near."""

    first: dict[bool, Difference]
    unlike: int
    taken_out: int


def _compare_stream(
    name: str, one: RunFolder, other: RunFolder, terms: Terms, found: Found
) -> None:
    """Name the first line that differs beyond the tolerance, else the first that differs."""
    paths = [run.file(name) for run in (one, other)]
    normalisers = normalisers_of(one, other, terms)
    result = _compared(name, [_lines(path) for path in paths], normalisers, terms)
    if result.unlike and not terms.is_exact:
        by_writer = by_writers([partial(_lines, path) for path in paths])
        if by_writer is not None:
            again = _compared(name, by_writer, normalisers, terms)
            if again.unlike < result.unlike:
                result = again
                found.passed_over.append(f"which of its processes printed first to {name}")
    first, count, taken_out = result
    if taken_out:
        lines_ = "1 line" if taken_out == 1 else f"{taken_out:,} lines"
        found.passed_over.append(f"times, paths and the like in {lines_} of {name}")
    if terms.is_exact and not count:  # a newline at the end
        old, new = (f"{os.path.getsize(path)} bytes" for path in paths)
        found.differences.append(Difference(name, "end", old, new))
    if count:
        chosen = first.get(False) or first[True]
        rest = "and 1 more line" if count == 2 else f"and {count - 1:,} more lines"
        found.differences.append(chosen._replace(note=rest if count > 1 else ""))


def _compared(
    name: str,
    sides: Sequence[Iterator[_Line]],
    normalisers: Sequence[Normaliser],
    terms: Terms,
) -> _Lines:
    """Compare two sequences of lines."""
    first: dict[bool, Difference] = {}
    count = taken_out = 0
    normals: Sequence[Callable[[str], str | None]] = [str] * 2 if terms.is_exact else normalisers
    for (at, old), (at_other, new), plain, plain_other in _unequal(sides, normals):
        if plain is None or plain_other is None or terms.is_exact:
            is_same, is_near = False, False
        else:
            is_same, is_near = _alike(plain, plain_other, normalisers, terms.tolerance)
        if is_same:
            taken_out += 1
            continue
        count += 1
        if is_near not in first:
            place = f"line {at or at_other}"
            shown = [line and line.rstrip().rpartition("\r")[2] for line in (old, new)]
            is_long = max(len(line or "") for line in shown) > _LONG
            excerpt = _excerpt(plain, plain_other) if is_long else None
            first[is_near] = Difference(name, place, shown[0], shown[1], is_near, excerpt=excerpt)
    return _Lines(first, count, taken_out)


def _alike(
    one: str, other: str, normalisers: Sequence[Normaliser], tolerance: Tolerance
) -> tuple[bool, bool]:
    """Return whether two lines are the same, and whether they are within the tolerance."""
    if one == other:
        return True, True
    one, other = normalisers[0].without_id(one), normalisers[1].without_id(other)
    return one == other, line_is_near(one, other, tolerance)


def _excerpt(one: str | None, other: str | None) -> tuple[str, str] | None:
    """Return two lines from shortly before where they differ; None where there is but one."""
    if one is None or other is None:
        return None
    common = len(os.path.commonprefix([one, other]))
    start = one.rfind(" ", 0, max(common - _BEFORE, 0)) + 1
    return ("…" + one[start:], "…" + other[start:]) if start else (one, other)


def _unequal(
    sides: Sequence[Iterator[_Line]], normals: Sequence[Callable[[str], str | None]]
) -> Iterator[tuple[_Line, _Line, str | None, str | None]]:
    """Return the lines of two sides that are not the same as they stand, and as they are compared.

    Most are the same, and nothing has to be taken out of those. None where one side has ended.
    """
    pair = [next(side, _END) for side in sides]
    while pair != [_END, _END]:
        done = [0, 1]
        if pair[0][1] != pair[1][1]:
            plain = [
                None if line is None else normal(line)
                for normal, (_, line) in zip(normals, pair, strict=True)
            ]
            # What only shows how far it was has no counterpart.
            done = [n for n in done if plain[n] is None and pair[n] != _END]
            if not done:
                yield pair[0], pair[1], plain[0], plain[1]
                done = [0, 1]
        for n in done:
            pair[n] = next(sides[n], _END)


def _lines(path: str) -> Iterator[_Line]:
    """Return each line of a file with its number."""
    try:
        with open(path, "rb") as file:
            yield from enumerate(lines(file), 1)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunFolderError(f"cannot read {path}: {error.strerror}") from error
