"""The words of a recorded command, with arguments changed.

How a command line is read is the matter of :mod:`meticulous.arguments`; here its words are found
again and replaced, in the form that they had.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meticulous.arguments import POSITIONALS, Shape, shapes
from meticulous.arguments.wrappers import program_of
from meticulous.errors import UsageError
from meticulous.masking import MASK

__all__ = ["check_unmasked", "overridden", "with_value"]

_FLAGS = {"true": True, "false": False}


def with_value(
    command: Sequence[str], name: str, value: str, known: Mapping[str, Any], *, pairs: bool
) -> list[str]:
    """Give `command` with the argument `name` set to `value`.

    Where the command line has it, the last time it stands there is changed, in its own form; a
    positional is found by the value that was recorded. Else it is added, in the form of the other
    arguments: ``name=value`` where they are such (or `pairs`), ``--name=value`` or
    ``--name value``.

    Args:
        command: the recorded words.
        name: as the user has typed it; ``-`` and ``_`` are the same.
        value: the new one. ``true`` and ``false`` give and take a flag without a value.
        known: the recorded arguments and defaults, by their whole names.
        pairs: whether the program takes ``name=value`` (Hydra).

    Raises UsageError where no argument has this name.
    """
    head, words = _split(command)
    found = _shapes(words, known)
    same = [shape for shape in found if _is_called(shape, name)]
    if same:
        shape = same[-1]
        new = _replaced(words[shape.start : shape.end], shape, value)
        return [*head, *words[: shape.start], *new, *words[shape.end :]]
    names = {_plain(one): one for one in known}
    if _plain(name) not in names:
        near = difflib.get_close_matches(_plain(name), names, n=3)
        hint = f"Did you mean {' or '.join(names[one] for one in near)}?" if near else ""
        raise UsageError(
            f"the run has no argument {name!r}", hint or "Give the words of the command after --"
        )
    recorded = known[names[_plain(name)]]
    places = [
        s for s in found if s.kind == "word" and recorded in s.values and recorded is not None
    ]
    if len(places) == 1 and not isinstance(recorded, bool):
        return [*head, *words[: places[0].start], value, *words[places[0].end :]]
    at = next((shape.start for shape in found if shape.kind == "rest"), len(words))
    return [*head, *words[:at], *_added(found, words, name, value, pairs=pairs), *words[at:]]


def overridden(command: Sequence[str], extra: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """Give `command` with the words `extra`: options override those of the same name.

    All times that the name stands in the command are replaced by all in `extra`, at the place of
    the first. What is no option, or of a name that the command does not have, is appended. `known`
    as in :func:`with_value`.
    """
    head, words = _split(command)
    given: dict[str, list[str]] = {}
    appended: list[str] = []
    old = _shapes(words, known)
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


def _split(command: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split `command` into the program with its launchers, and the program's own arguments."""
    count = len(program_of(command).arguments)
    return list(command[: len(command) - count]), list(command[len(command) - count :])


def _shapes(words: Sequence[str], known: Mapping[str, Any]) -> list[Shape]:
    """Read `words`; where the value of an option is known, it takes no more of them than that has.

    Of ``--out a.csv b.csv`` the shape alone does not tell whether the second is a positional.
    """
    values = {_plain(name): value for name, value in known.items()}
    found: list[Shape] = []
    for shape in shapes(words):
        count = shape.end - shape.start
        takes = count
        if shape.kind == "option" and count > 1 and _plain(shape.name) in values:
            value = values[_plain(shape.name)]
            takes = 1 if isinstance(value, bool) and shape.values[0] != value else 2
        found.append(shape._replace(end=shape.start + takes, values=shape.values[: takes - 1 or 1]))
        for place in range(shape.start + takes, shape.end):
            inner = [shape.values[place - shape.start - 1]]
            found.append(Shape("word", POSITIONALS, inner, place, place + 1))
    return found


def _plain(name: str) -> str:
    return name.lstrip("-+~").replace("-", "_")


def _is_called(shape: Shape, name: str) -> bool:
    is_named = shape.kind in ("option", "pair") and not shape.name.startswith("~")
    return is_named and _plain(shape.name) == _plain(name)


def _key(shape: Shape) -> str:
    return _plain(shape.name)


def _replaced(words: Sequence[str], shape: Shape, value: str) -> list[str]:
    """Give the words of one argument with another value."""
    first = words[0]
    if shape.kind == "pair" or "=" in first:
        return [f"{first.partition('=')[0]}={value}"]
    if len(words) == 1:
        flag = _FLAGS.get(value.lower())
        is_short_with_value = first[:2] != "--" and shape.values != [True] * len(shape.values)
        if is_short_with_value:
            return [first[:2] + value]
        if flag is None:
            return [first, value]
        return [first] if flag else []
    return [first, *(shlex.split(value) if len(words) > 2 else [value])]


def _added(
    found: Sequence[Shape], words: Sequence[str], name: str, value: str, *, pairs: bool
) -> list[str]:
    """Give the words that add an argument, in the form of those that are there."""
    options = [shape for shape in found if shape.kind == "option"]
    if pairs or (not options and any(shape.kind == "pair" for shape in found)):
        return [f"{name}={value}"]
    option = f"-{name}" if len(name) == 1 else f"--{name}"
    if any("=" in words[shape.start] for shape in options) and len(name) > 1:
        return [f"{option}={value}"]
    if value.lower() == "true" and any(len(s.values) == 1 and s.values[0] is True for s in options):
        return [option]
    return [option, value]
