"""``--set NAME=VALUE``: the words of a recorded command with one argument changed.

Where the command line has the argument, it keeps its form, also under a short name or an
abbreviation. Where it has not, its option is spelled as the code spells it.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from meticulous.arguments import Shape
from meticulous.base.namedtuple import NamedTuple
from meticulous.errors import UsageError
from meticulous.reproduce.command_edit import plain, shapes_of, split
from meticulous.reproduce.positionals import place_of, place_of_new

__all__ = ["Known", "with_value"]

_FLAGS = {"true": True, "false": False}
_PAIRS = ("hydra", "omegaconf", "sacred")
_DASHES = ("click", "typer", "tyro")
"""Parsers that write ``--batch-size`` for what Python calls ``batch_size``."""
_REPEATED = ("click", "typer")
"""Parsers that take ``--layer 1 --layer 2`` and not ``--layer 1 2``."""
_VALUED = ("jsonargparse", "lightning cli")
"""Parsers that want ``--flag true``."""


class Known(NamedTuple):
    """What is known of the arguments of a run.

    `values` has the recorded value of each by its whole name, ``optimizer.lr``, ``train.lr`` of a
    subcommand; lists are whole. `defaults` likewise. `given` are the names that the command line
    set; `library` is who parsed, in small letters. `is_written` tells whether the code has an
    option spelled so, `is_positional` whether it declares a positional of that name.
    """

    values: Mapping[str, Any]
    defaults: Mapping[str, Any] = MappingProxyType({})
    given: tuple[str, ...] = ()
    library: str = ""
    is_written: Callable[[str], bool] = lambda _: False
    is_positional: Callable[[str], bool] = lambda _: False


def with_value(command: Sequence[str], name: str, value: str, known: Known) -> list[str]:
    """Return `command` with the argument `name` set to `value`.

    The last time that the argument stands there is changed; a positional is found by the value
    that was recorded. Else it is added, in the form of the others. ``true`` and ``false`` give and
    take a flag. In `name` ``-`` and ``_`` are the same.

    Raises UsageError where no argument has this name.
    """
    head, words = split(command)
    found = shapes_of(words, known.values)
    full = _full_name(name, found, known)
    option = _without_subcommands(full or name, found)
    same = [shape for shape in found if _is_called(shape, {plain(name), plain(option)})]
    same = same or list(_negated(found, option, known.values.get(full or "")))
    if not same and full is None:
        raise _unknown(name, known)
    if not same and full in known.given:
        same = list(_alias(found, option, full, known))
    if same:
        shape = same[-1]
        new = _replaced(words[shape.start : shape.end], shape, value)
        if not new and known.defaults.get(full or "") is True:
            new = [_denied(words[shape.start], known)]
        return [*head, *words[: shape.start], *new, *words[shape.end :]]
    assert full is not None  # or it would have been unknown
    recorded = known.values[full]
    place = _positional(full, option, found, known)
    if place is not None:
        new = shlex.split(value) if isinstance(recorded, list) else [value]
        return [*head, *words[: place[0]], *new, *words[place[1] :]]
    at = next((shape.start for shape in found if shape.kind == "rest"), len(words))
    if full == option:  # what is not of the subcommand stands before it
        above = (s for s in found if s.kind == "word" and _is_subcommand(s.values[0], known))
        at = next((shape.start for shape in above), at)
    typed = name if plain(name) == plain(option) else option
    new = _added(found, words, typed, value, recorded, known)
    return [*head, *words[:at], *new, *words[at:]]


def _positional(
    full: str, option: str, found: Sequence[Shape], known: Known
) -> tuple[int, int] | None:
    """Return where the words of the positional `full` stand, or are to stand; None for none."""
    options = {plain(shape.name) for shape in found if shape.kind in ("option", "pair")}
    names = [
        name
        for name, value in known.values.items()
        # The original system did not record which were given.
        if name in known.given
        or not known.given
        or (isinstance(value, str) and _is_subcommand(value, known))
    ]
    names = [name for name in names if plain(_without_subcommands(name, found)) not in options]
    place = place_of(full, found, names, known.values)
    if place is None:
        recorded = known.values[full]
        same = [s for s in found if s.kind == "word" and s.values == [recorded]]
        if len(same) == 1 and recorded is not None and not isinstance(recorded, bool):
            return same[0].start, same[0].end
        last = option.rpartition(".")[2]
        if full not in known.given and known.is_positional(last):
            return (place_of_new(found),) * 2
    return place


def _unknown(name: str, known: Known) -> UsageError:
    names = {plain(one): one for one in known.values}
    near = difflib.get_close_matches(plain(name), names, n=3)
    hint = f"Did you mean {' or '.join(names[one] for one in near)}?" if near else ""
    return UsageError(
        f"the run has no argument {name!r}", hint or "Give the words of the command after --"
    )


def _full_name(name: str, found: Sequence[Shape], known: Known) -> str | None:
    """Return the recorded name that is meant: itself, or that of a subcommand on the command line."""
    names = {plain(one): one for one in known.values}
    if plain(name) in names:
        return names[plain(name)]
    inner = [one for one in known.values if plain(_without_subcommands(one, found)) == plain(name)]
    return inner[0] if len(inner) == 1 else None


def _without_subcommands(name: str, found: Sequence[Shape]) -> str:
    """Return the name that an argument has behind its subcommand: ``train.lr`` is ``--lr`` there."""
    words = [str(shape.values[0]) for shape in found if shape.kind == "word"]
    while (parts := name.partition("."))[1] and parts[0] in words:
        name = parts[2]
    return name


def _is_subcommand(word: Any, known: Known) -> bool:
    has_inner = any(one.startswith(f"{word}.") for one in known.values)
    return has_inner and word in known.values.values()


def _is_called(shape: Shape, names: set[str]) -> bool:
    is_named = shape.kind in ("option", "pair") and not shape.name.startswith("~")
    return is_named and plain(shape.name) in names


def _negated(found: Sequence[Shape], option: str, recorded: Any) -> Iterator[Shape]:
    """Return the options that say no to the flag `option`: ``--no-shuffle``, ``--noshuffle``."""
    if isinstance(recorded, bool):
        above, dot, last = plain(option).rpartition(".")
        names = {f"{above}{dot}no_{last}", f"{above}{dot}no{last}"}
        for shape in found:
            if _is_called(shape, names) and shape.values == [True]:
                yield shape._replace(values=[False])


def _alias(found: Sequence[Shape], option: str, full: str, known: Known) -> Iterator[Shape]:
    """Return the option by which the command line gave `full` under another name: ``-l``, ``--learn``.

    It has the recorded value, and none of the recorded names; where several are so, it begins as
    the name does.
    """
    names = {plain(_without_subcommands(one, found)) for one in known.values}
    recorded = known.values[full]
    others = [one for one in found if one.kind == "option" and plain(one.name) not in names]
    alike = [one for one in others if plain(option).startswith(plain(one.name))]
    if isinstance(recorded, bool):  # whatever follows is not its value
        chosen = alike or [one for one in others if one.values == [True]]
        chosen = [one._replace(values=[True], end=one.start + 1) for one in chosen]
    else:
        values = [str(one) for one in (recorded if isinstance(recorded, list) else [recorded])]
        fitting = [one for one in others if [str(value) for value in one.values] == values]
        chosen = [one for one in fitting if one in alike] or fitting
    if len({one.name for one in chosen}) == 1:
        yield chosen[-1]


def _replaced(words: Sequence[str], shape: Shape, value: str) -> list[str]:
    """Return the words of one argument with another value."""
    first = words[0]
    if shape.kind == "pair" or "=" in first:
        return [f"{first.partition('=')[0]}={value}"]
    if len(words) > 1:
        return [first, *(shlex.split(value) if len(words) > 2 else [value])]
    flag = _FLAGS.get(value.lower())
    if shape.values == [False]:  # --no-shuffle
        return [_affirmed(first)] if flag else [first]
    if first[:2] != "--" and shape.values != [True] * len(shape.values):
        return [first[:2] + value]
    if flag is None:
        return [first, value]
    return [first] if flag else []


def _affirmed(option: str) -> str:
    """Return the option that ``--no-shuffle`` takes back."""
    above, dot, last = option[2:].rpartition(".")
    return f"--{above}{dot}{last.removeprefix('no').lstrip('-_')}"


def _added(
    found: Sequence[Shape],
    words: Sequence[str],
    name: str,
    value: str,
    recorded: Any,
    known: Known,
) -> list[str]:
    """Return the words that add an argument, in the form of those that are there."""
    options = [shape for shape in found if shape.kind == "option"]
    are_pairs = not options and any(shape.kind == "pair" for shape in found)
    if are_pairs or known.library in _PAIRS:
        needs_with = known.library == "sacred" and "with" not in words
        return ["with"] * needs_with + [f"{name}={value}"]
    option = _spelled(name, [shape for shape in options if len(shape.name) > 1], words, known)
    is_joined = any("=" in words[shape.start] for shape in options)
    return _with_option(option, value, recorded, known, is_joined=is_joined)


def _with_option(
    option: str, value: str, recorded: Any, known: Known, *, is_joined: bool
) -> list[str]:
    """Return the words of `option` with `value`, for an argument that was like `recorded`."""
    flag = _FLAGS.get(value.lower())
    if isinstance(recorded, bool) and flag is not None and known.library not in _VALUED:
        if flag == recorded:
            return []
        return [option if flag else _denied(option, known)]
    items = shlex.split(value) if isinstance(recorded, list) else []
    if len(items) > 1 and known.library in _REPEATED:
        return [word for item in items for word in (option, item)]
    if len(items) > 1:
        return [option, *items]
    return [f"{option}={value}"] if is_joined and option.startswith("--") else [option, value]


def _spelled(name: str, options: Sequence[Shape], words: Sequence[str], known: Known) -> str:
    """Return the option called `name`: as the code has it, else as the others on the command line."""
    if len(name) == 1 and not known.is_written(f"--{name}"):
        return f"-{name}"
    spellings = [name, name.replace("_", "-"), name.replace("-", "_")]
    for one in spellings:
        if known.is_written(f"--{one}"):
            return f"--{one}"
    others = [words[shape.start].partition("=")[0][2:] for shape in options]
    if known.library in _DASHES or any("-" in one for one in others):
        return f"--{spellings[1]}"
    return f"--{spellings[2]}" if any("_" in one for one in others) else f"--{name}"


def _denied(option: str, known: Known) -> str:
    """Return the option that takes back the flag `option`."""
    above, dot, last = option.lstrip("-").rpartition(".")
    spellings = [f"--{above}{dot}no{mark}{last}" for mark in ("-", "_", "")]
    written = [one for one in spellings if known.is_written(one)]
    by_rule = {"absl": "", "fire": "", "hfargumentparser": "_"}.get(known.library, "-")
    return written[0] if written else f"--{above}{dot}no{by_rule}{last}"
