"""The words of a recorded command, with arguments changed.

How a command line is read is the matter of :mod:`meticulous.arguments`; here its words are found
again and replaced, in the form that they had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meticulous.arguments import POSITIONALS, Shape, shapes
from meticulous.arguments.launchers import program_of
from meticulous.errors import UsageError
from meticulous.masking import MASK

__all__ = ["check_unmasked", "overridden", "plain", "shapes_of", "split"]


def overridden(command: Sequence[str], extra: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """Return `command` with the words `extra`: options override those of the same name.

    All times that the name stands in the command are replaced by all in `extra`, at the place of
    the first. What is no option, or of a name that the command does not have, is appended. `known`
    has the recorded values by their names.
    """
    head, words = split(command)
    given: dict[str, list[str]] = {}
    appended: list[str] = []
    old = shapes_of(words, known)
    has = {_key(shape) for shape in old if shape.kind in ("option", "pair")}
    for shape in shapes(extra):
        key, its = _key(shape), list(extra[shape.start : shape.end])
        if shape.kind in ("option", "pair") and key in has:
            given.setdefault(key, []).extend(its)
        else:
            appended += its
    kept: list[str] = []
    at = None
    for shape in old:
        if shape.kind == "rest":
            at = len(kept)
        if shape.kind in ("option", "pair") and _key(shape) in given:
            kept += given[_key(shape)]
            given[_key(shape)] = []
        else:
            kept += words[shape.start : shape.end]
    at = len(kept) if at is None else at
    return [*head, *kept[:at], *appended, *kept[at:]]


def check_unmasked(command: Iterable[str]) -> None:
    """Raise UsageError where a secret was masked in `command`: it is not in the record."""
    words = list(command)
    for place, word in enumerate(words):
        if MASK in word:
            before = words[place - 1] if place and word == MASK else ""
            shown = f"{before} {word}".strip() if before.startswith("-") else word
            raise UsageError(
                f"the recorded command has a secret that was not kept: {shown}",
                "Give it anew: --set NAME=VALUE, or the option after --",
            )


def split(command: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split `command` into the program with its launchers, and the program's own arguments."""
    count = len(program_of(command).arguments)
    return list(command[: len(command) - count]), list(command[len(command) - count :])


def shapes_of(words: Sequence[str], known: Mapping[str, Any]) -> list[Shape]:
    """Read `words`; where the value of an option is known, it takes no more of them than that has.

    Of ``--out a.csv b.csv`` the shape alone does not tell whether the second is a positional.
    """
    values = {plain(name): value for name, value in known.items()}
    for name, value in known.items():  # of a subcommand
        first, _, rest = name.partition(".")
        if first in words:
            values.setdefault(plain(rest), value)
    found: list[Shape] = []
    for shape in shapes(words):
        count = shape.end - shape.start
        takes = count
        if shape.kind == "option" and count > 1 and plain(shape.name) in values:
            value = values[plain(shape.name)]
            most = len(value) if isinstance(value, list) else 1
            is_flag = isinstance(value, bool) and shape.values[0] != value
            takes = 1 if is_flag else min(count, 1 + most)
        found.append(shape._replace(end=shape.start + takes, values=shape.values[: takes - 1 or 1]))
        for place in range(shape.start + takes, shape.end):
            inner = [shape.values[place - shape.start - 1]]
            found.append(Shape("word", POSITIONALS, inner, place, place + 1))
    return found


def plain(name: str) -> str:
    """Return a name as names are compared: without dashes in front, and with ``_`` for ``-``."""
    return name.lstrip("-+~").replace("-", "_")


def _key(shape: Shape) -> str:
    return plain(shape.name)
