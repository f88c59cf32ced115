"""What came out of two runs, one kind after the other; what they printed is beside this."""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from meticulous import runfolder, settings
from meticulous.base.digest import sha256_of
from meticulous.base.folders import walk
from meticulous.base.paths import leads_out
from meticulous.child.helper import from_strict
from meticulous.comparison.normalise import Normaliser, names_a_time
from meticulous.comparison.values import Difference, leaves
from meticulous.errors import RunFolderError
from meticulous.runfolder import RunFolder, keys

if TYPE_CHECKING:
    from meticulous.comparison import Terms

__all__ = [
    "Found",
    "endings",
    "files",
    "hash_of",
    "is_ignored",
    "metrics",
    "normalisers_of",
    "summaries",
]

_OF_THE_RECORD = re.compile(
    r"STATUS|(?:metadata|args|default_args|environment|summary)\.json|stdout|stderr|timeline"
    r"|(?:resources|metrics)\.jsonl|uncommitted(?:\.\d+)?\.patch|code\.bundle|(?:config|reports|ranks)/.*"
)
"""Files of a run folder that are not the program's, or are compared otherwise."""
_OF_A_LINE = ("step", "time")
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
            if is_ignored(name, terms):
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
    for name, key in (("exit code", keys.EXIT_CODE), ("signal", keys.SIGNAL)):
        if all(key in fact for fact in facts):  # the original system recorded none
            pairs.append((name, facts[0][key], facts[1][key]))
    for name, first, second in pairs:
        if first != second:
            found.differences.append(Difference(name, "", first, second))
    reasons = [str(fact.get("reason") or "") for fact in facts]
    plain = [
        normal(reason)
        for normal, reason in zip(normalisers_of(one, other, terms), reasons, strict=True)
    ]
    if (reasons if terms.is_exact else plain)[0] != (reasons if terms.is_exact else plain)[1]:
        found.differences.append(Difference("reason", "", reasons[0] or None, reasons[1] or None))


def summaries(one: RunFolder, other: RunFolder, terms: Terms, found: Found) -> None:
    """Compare the values that the programs saved."""
    first, second = (run.read_json(runfolder.SUMMARY) for run in (one, other))
    if not terms.is_exact:
        normals = normalisers_of(one, other, terms)
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


def files(one: RunFolder, other: RunFolder, terms: Terms, found: Found) -> None:
    """Compare the files that the programs left in the run folder."""
    sizes = [_files(run) for run in (one, other)]
    for name in sorted({*sizes[0], *sizes[1]}):
        if is_ignored(name, terms):
            found.passed_over.append(name)
            continue
        pair = [size.get(name) for size in sizes]
        shown: list[str | None]
        if pair[0] == pair[1] and isinstance(pair[0], str):
            continue
        if pair[0] == pair[1]:
            hashes = [hash_of(run.file(name)) for run in (one, other)]
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
    """Return the size of each file of the program, by its path in the folder.

    Of a link to a folder, or to what is not there, where it leads: ``last -> epoch_3``.
    """
    found: dict[str, int | str] = {}
    for folder, folders, names in walk(run.path):
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
    """Return where `link` leads: within the folder of `run`, from its top; else as it says."""
    top, target = os.path.realpath(run.path), os.readlink(link)
    inner = os.path.relpath(os.path.join(os.path.realpath(os.path.dirname(link)), target), top)
    return target if leads_out(inner) else inner


def hash_of(path: str) -> str:
    """Return the SHA-256 of a file; that of an empty one where there is none."""
    try:
        return sha256_of(path)
    except FileNotFoundError:
        return sha256_of(os.devnull)
    except OSError as error:
        raise RunFolderError(f"cannot read {path}: {error.strerror}") from error


def normalisers_of(one: RunFolder, other: RunFolder, terms: Terms) -> list[Normaliser]:
    """Return what takes out of the output of each run what is known to differ."""
    return [Normaliser(run, [*_project(run), *terms.roots]) for run in (one, other)]


def _project(run: RunFolder) -> list[str]:
    place = settings.find_repository(os.path.dirname(os.path.abspath(run.path)))
    return [place] if place else []


def is_ignored(name: str, terms: Terms) -> bool:
    """Return whether what is called `name` is not to be compared."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in terms.ignored)
