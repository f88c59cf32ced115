"""What came out of two runs, one kind after the other."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from meticulous import runfolder, settings
from meticulous.errors import RunFolderError
from meticulous.helper import from_strict
from meticulous.runfolder import RunFolder
from meticulous.verdict.normal import Normaliser, lines, names_a_time
from meticulous.verdict.values import Difference, Tolerance, leaves, line_is_near

if TYPE_CHECKING:
    from meticulous.verdict import Terms

__all__ = ["Found", "endings", "files", "metrics", "streams", "summaries"]

_OF_THE_RECORD = re.compile(
    r"STATUS|(?:metadata|args|default_args|environment|summary)\.json|stdout|stderr|timeline"
    r"|(?:resources|metrics)\.jsonl|uncommitted(?:\.\d+)?\.patch|code\.bundle|(?:config|reports|ranks)/.*"
)
"""Files of a run folder that are not the program's, or are compared otherwise."""
_OF_A_LINE = ("step", "time")
_Line = tuple[int, "str | None"]
_END: _Line = (0, None)
_LONG = 60
_BEFORE = 20
"""Characters of a line that are shown, and of these before where it differs."""
_MOST_METRICS = 20
"""Differences of single metrics that are named."""


class Found:
    """The differences found so far, and the names of what was not compared."""

    def __init__(self) -> None:
        self.differences: list[Difference] = []
        self.passed_over: list[str] = []

    def values(self, section: str, one: Any, other: Any, terms: Terms, where: str = "") -> None:
        """Compare two JSON values by their leaves."""
        first, second = dict(leaves(one)), dict(leaves(other))
        for name in dict.fromkeys([*first, *second]):
            if _is_ignored(name, terms):
                self.passed_over.append(f"{section} {name}")
                continue
            pair = first.get(name), second.get(name)
            if name in first and name in second:
                how = terms.tolerance.compare(*pair)
            else:
                how = "different"
            if how != "same" and names_a_time(name) and not terms.is_exact:
                values = "" if where else f" ({' → '.join(map(_shown, pair))})"
                self.passed_over.append(f"{section} {name}{values}")
            elif how != "same":
                shown = f"{where}{name}"
                self.differences.append(Difference(section, shown, *pair, how == "near"))


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def endings(
    one: RunFolder, other: RunFolder, statuses: Sequence[str | None], terms: Terms, found: Found
) -> None:
    """Compare how the two ended."""
    facts = [run.read_metadata() for run in (one, other)]
    pairs: list[tuple[str, Any, Any]] = [("status", statuses[0], statuses[1])]
    for name, key in (("exit code", "exit-code"), ("signal", "signal")):
        if all(key in fact for fact in facts):  # the original system recorded none
            pairs.append((name, facts[0][key], facts[1][key]))
    for name, first, second in pairs:
        if first != second:
            found.differences.append(Difference(name, "", first, second))
    reasons = [str(fact.get("reason") or "") for fact in facts]
    plain = [
        normal(reason)
        for normal, reason in zip(_normalisers(one, other, terms), reasons, strict=True)
    ]
    if (reasons if terms.is_exact else plain)[0] != (reasons if terms.is_exact else plain)[1]:
        found.differences.append(Difference("reason", "", reasons[0] or None, reasons[1] or None))


def summaries(one: RunFolder, other: RunFolder, terms: Terms, found: Found) -> None:
    """Compare the values that the programs saved."""
    first, second = (run.read_json(runfolder.SUMMARY) for run in (one, other))
    if not terms.is_exact:
        normals = _normalisers(one, other, terms)
        first, second = normals[0].placed(first), normals[1].placed(second)
    found.values("summary", first, second, terms)


def metrics(one: RunFolder, other: RunFolder, terms: Terms, found: Found) -> None:
    """Compare the series, line by line; the time of a line does not count."""
    before = len(found.differences)
    counts = [0, 0]
    for number, pair in enumerate(zip_longest(_metrics(one), _metrics(other)), 1):
        counts = [count + (line is not None) for count, line in zip(counts, pair, strict=True)]
        first, second = ({} if line is None else line for line in pair)
        if None in pair or len(found.differences) - before >= _MOST_METRICS:
            continue
        step = first.get("step", number)
        values = [
            {key: value for key, value in line.items() if key not in _OF_A_LINE or key == "step"}
            for line in (first, second)
        ]
        found.values("metrics", values[0], values[1], terms, where=f"step {step} ")
    if counts[0] != counts[1]:
        found.differences.append(Difference("metrics", "lines", counts[0], counts[1]))


def _metrics(run: RunFolder) -> Iterator[dict[str, Any]]:
    path = run.file(runfolder.METRICS)
    try:
        with open(path, "rb") as file:
            for line in file:
                try:
                    value = json.loads(line)
                except ValueError:
                    continue  # half a line of a program that was killed
                if isinstance(value, dict):
                    yield from_strict(value)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunFolderError(f"cannot read {path}: {error.strerror}") from error


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
        if _is_ignored(name, terms):
            found.passed_over.append(name)
        elif _hash(one.file(name)) != _hash(other.file(name)):
            _compare_stream(name, one, other, terms, found)


def _compare_stream(
    name: str, one: RunFolder, other: RunFolder, terms: Terms, found: Found
) -> None:
    """Name the first line that differs beyond the tolerance, else the first that differs."""
    first: dict[bool, Difference] = {}
    count = taken_out = 0
    normalisers = _normalisers(one, other, terms)
    paths = [run.file(name) for run in (one, other)]
    for (at, old), (at_other, new), plain, plain_other in _unequal(
        paths, [str] * 2 if terms.is_exact else normalisers
    ):
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
    if taken_out:
        lines_ = "1 line" if taken_out == 1 else f"{taken_out:,} lines"
        found.passed_over.append(f"times, paths and the like in {lines_} of {name}")
    if terms.is_exact and not count:  # a newline at the end
        old, new = (f"{os.path.getsize(path)} bytes" for path in paths)
        found.differences.append(Difference(name, "end", old, new))
    if count:
        chosen = first.get(False) or first[True]
        note = f"and {count - 1:,} more lines" if count > 1 else ""
        found.differences.append(chosen._replace(note=note))


def _alike(
    one: str, other: str, normalisers: Sequence[Normaliser], tolerance: Tolerance
) -> tuple[bool, bool]:
    """Tell whether two lines are the same, and whether they are within the tolerance."""
    if one == other:
        return True, True
    one, other = normalisers[0].without_id(one), normalisers[1].without_id(other)
    return one == other, line_is_near(one, other, tolerance)


def _excerpt(one: str | None, other: str | None) -> tuple[str, str] | None:
    """Give two lines from shortly before where they differ; None where there is but one."""
    if one is None or other is None:
        return None
    common = len(os.path.commonprefix([one, other]))
    start = one.rfind(" ", 0, max(common - _BEFORE, 0)) + 1
    return ("…" + one[start:], "…" + other[start:]) if start else (one, other)


def _unequal(
    paths: Sequence[str], normals: Sequence[Callable[[str], str | None]]
) -> Iterator[tuple[_Line, _Line, str | None, str | None]]:
    """Give the lines of two files that are not the same as they stand, and as they are compared.

    Most are the same, and nothing has to be taken out of those. None where one file has ended.
    """
    sides = [_lines(path) for path in paths]
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
    """Give each line of a file with its number."""
    try:
        with open(path, "rb") as file:
            yield from enumerate(lines(file), 1)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunFolderError(f"cannot read {path}: {error.strerror}") from error


def files(one: RunFolder, other: RunFolder, terms: Terms, found: Found) -> None:
    """Compare the files that the programs left in the run folder."""
    sizes = [_files(run) for run in (one, other)]
    for name in sorted({*sizes[0], *sizes[1]}):
        if _is_ignored(name, terms):
            found.passed_over.append(name)
            continue
        pair = [size.get(name) for size in sizes]
        shown: list[str | None]
        if pair[0] == pair[1] and isinstance(pair[0], str):
            continue
        if pair[0] == pair[1]:
            hashes = [_hash(run.file(name)) for run in (one, other)]
            if hashes[0] == hashes[1]:
                continue
            shown = [
                f"{size} bytes, sha256 {digest[:12]}"
                for size, digest in zip(pair, hashes, strict=True)
            ]
        else:
            shown = [f"{size} bytes" if isinstance(size, int) else size for size in pair]
        found.differences.append(Difference("files", name, shown[0], shown[1]))


def _files(run: RunFolder) -> dict[str, int | str]:
    """Give the size of each file of the program, by its path in the folder.

    Of a link to a folder, or to what is not there, where it leads: ``last -> epoch_3``.
    """
    found: dict[str, int | str] = {}
    for folder, folders, names in os.walk(run.path):
        for name in (*names, *folders):
            path = os.path.join(folder, name)
            inner = os.path.relpath(path, run.path)
            if _OF_THE_RECORD.fullmatch(inner):
                continue
            if os.path.isfile(path):
                found[inner] = os.path.getsize(path)
            elif os.path.islink(path):
                found[inner] = f"a link to {_target(path, run)}"
    return found


def _target(link: str, run: RunFolder) -> str:
    """Give where `link` leads: within the folder of `run`, from its top; else as it says."""
    top, target = os.path.realpath(run.path), os.readlink(link)
    inner = os.path.relpath(os.path.join(os.path.realpath(os.path.dirname(link)), target), top)
    return target if inner.split(os.sep)[0] == os.pardir else inner


def _hash(path: str) -> str:
    try:
        with open(path, "rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except FileNotFoundError:
        return hashlib.sha256().hexdigest()
    except OSError as error:
        raise RunFolderError(f"cannot read {path}: {error.strerror}") from error


def _normalisers(one: RunFolder, other: RunFolder, terms: Terms) -> list[Normaliser]:
    return [Normaliser(run, [*_project(run), *terms.roots]) for run in (one, other)]


def _project(run: RunFolder) -> list[str]:
    place = settings.find_repository(os.path.dirname(os.path.abspath(run.path)))
    return [place] if place else []


def _is_ignored(name: str, terms: Terms) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in terms.ignored)
