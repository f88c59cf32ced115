"""The arguments of a command, read from the shape of its command line.

This is the floor: where the program tells us itself what it parsed, that is better. How each shape
is read is documented in ``docs/arguments.md``. Secrets are masked here, so that whatever leaves
this module may be written. Standard library only; never raises, whatever the words are.
"""

from __future__ import annotations

import re

from meticulous.arguments.launchers import program_of
from meticulous.base.namedtuple import NamedTuple
from meticulous.masking import mask_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

__all__ = ["POSITIONALS", "Arguments", "Shape", "from_argv", "library_of", "scalar", "shapes"]

POSITIONALS = "positionals"
"""Name of the list of the words that belong to no option."""


class Arguments(NamedTuple):
    """The arguments of a run, as args.json and default_args.json hold them.

    `values` and `defaults` are flat JSON objects; `given` are the names that the command line set,
    in its order; `source` says who parsed (``argv``: nobody, we read the shape).
    """

    values: dict[str, Any]
    defaults: dict[str, Any]
    given: tuple[str, ...]
    source: str


# Not compiled here: what a command line does not hold, its start does not pay for.
_NUMBER_OPTION = r"(?i)-(?:\.?[0-9]|\.?inf\b|\.?nan\b)"
_OPTION = r"(?s)(--?)([^\s=-][^\s=]*)(?:=(.*))?"
_PAIR = r"(?s)(\+{0,2}|~)([A-Za-z_][\w.@/:-]*)=(.*)"
_DELETED = r"~[A-Za-z_][\w.@/]*"
_REPEATED = r"([A-Za-z])\1+"
_ATTACHED = r"([A-Za-z])([0-9]+)"

_PATH = r"^\S*/\S*$|^\S+\.[A-Za-z]\w{0,7}$"

_WORDS = {
    "null": None, "Null": None, "NULL": None, "~": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
_NOT_FINITE = r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"


_LONGEST_NUMBER = 300
"""Characters; Python neither reads nor writes integers of any length."""


def from_argv(command: Sequence[str]) -> Arguments:
    """Read the arguments of the program that `command` runs, launchers before it left out."""
    found: dict[str, list[Any]] = {}
    for shape in shapes(program_of(mask_command(command)).arguments):
        found.setdefault(shape.name, []).extend(shape.values)
    values = {name: _joined(name, items) for name, items in found.items()}
    return Arguments(values, {}, tuple(values), "argv")


def scalar(text: str) -> Any:
    """Return `text` as YAML 1.2 (core schema) reads a plain scalar: null, bool, int, float or str.

    Two kinds stay text so that nothing is lost: the empty string, and a number too large to hold.
    """
    if len(text) > _LONGEST_NUMBER:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if re.fullmatch(_INTEGER, text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if re.fullmatch(_FLOAT, text):
        number = float(text)
        return text if number in (float("inf"), float("-inf")) else number
    special = re.fullmatch(_NOT_FINITE, text)
    if special:
        return float("nan") if special[1] is None else float(special[1] + "inf")
    return text


class Shape(NamedTuple):
    """What the words from `start` to before `end` are: `name` with `values`.

    `kind` is ``option`` (``--lr 0.1``, ``--lr=0.1``, ``-j8``), ``pair`` (``lr=0.1``, ``~lr=1``),
    ``deleted`` (``~lr``), ``word`` (a positional) or ``rest`` (``--`` and all behind it).
    """

    kind: str
    name: str
    values: list[Any]
    start: int
    end: int


def shapes(words: Sequence[str]) -> Iterator[Shape]:
    """Return the shapes in `words`, a program's own arguments, in order; names may come again."""
    at = 0
    while at < len(words):
        start, word = at, words[at]
        at += 1
        pair = _pair(word)
        if word == "--":
            rest = [scalar(rest) for rest in words[at:]]
            yield Shape("rest", POSITIONALS, rest, start, len(words))
            return
        if _is_option(word):
            at = _end_of_values(words, at, word)
            yield Shape("option", *_read_option(word, words[start + 1 : at]), start, at)
        elif pair:
            name = ("~" if pair[1] == "~" else "") + pair[2]
            yield Shape("pair", name, [scalar(pair[3])], start, at)
        elif re.fullmatch(_DELETED, word):
            yield Shape("deleted", word, [None], start, at)
        else:
            yield Shape("word", POSITIONALS, [scalar(word)], start, at)


def _is_option(word: str) -> bool:
    """Tell an option from a value; a negative number is a value, as is text with a space."""
    return (
        word[:1] == "-" and not re.match(_NUMBER_OPTION, word) and bool(re.fullmatch(_OPTION, word))
    )


def _pair(word: str) -> re.Match[str] | None:
    """Match ``k=v``, ``+k=v``, ``++k=v`` and ``~k=v``; not a URL or a path that holds a ``=``."""
    pair = re.fullmatch(_PAIR, word)
    if pair and "/" in pair[2] and ("/" in pair[3] or "//" in pair[2]):
        return None
    return pair


def _end_of_values(words: Sequence[str], at: int, option: str) -> int:
    """Return the index behind the values of `option`, which stands before `at`.

    How many values an option takes is unknowable here. It gets the words that follow it for as
    long as they are of the first one's kind: ``--sizes 1 2 3``, but ``-a resnet18 /imagenet``.
    """
    if "=" in option or _short_with_value(option):
        return at
    end = at
    while end < len(words) and _is_value(words[end]) and _kind(words[end]) == _kind(words[at]):
        end += 1
    return end


def _is_value(word: str) -> bool:
    return not (word == "--" or _is_option(word) or _pair(word) or re.fullmatch(_DELETED, word))


def _kind(word: str) -> str:
    if re.search(_PATH, word):
        return "path"
    value = scalar(word)
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else "word"


def _read_option(word: str, following: Sequence[str]) -> tuple[str, list[Any]]:
    short = _short_with_value(word)
    if short:
        return short
    dashes_name_value = re.fullmatch(_OPTION, word)
    assert dashes_name_value is not None  # the caller has asked _is_option
    name, value = dashes_name_value[2].replace("-", "_"), dashes_name_value[3]
    if value is not None:
        return name, [scalar(value)]
    return name, [scalar(text) for text in following] or [True]


def _short_with_value(word: str) -> tuple[str, list[Any]] | None:
    """Read ``-vvv`` as `v` three times and ``-j8`` as `j` with 8."""
    if word[:2] == "--":
        return None
    repeated = re.fullmatch(_REPEATED, word[1:])
    if repeated:
        return repeated[1], [True] * (len(word) - 1)
    attached = re.fullmatch(_ATTACHED, word[1:])
    return (attached[1], [scalar(attached[2])]) if attached else None


def _joined(name: str, items: list[Any]) -> Any:
    """Return the values of a name that came once or more often as one value."""
    if name == POSITIONALS:
        return items
    if len(items) == 1:
        return items[0]
    if len(name) == 1 and all(item is True for item in items):
        return len(items)
    return items


def library_of(source: str) -> str:
    """Return the parser library that the source of a run's arguments names, in small letters."""
    return source.partition(" in ")[0].partition(" --")[0].lower()
