"""Whether one command line starts another program: a launcher's, that is on no list of ours."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence

__all__ = ["names"]


def names(words: Sequence[str], program: str, args: Sequence[str]) -> bool:
    """Return whether the command line `words` names `program` and gives it `args`.

    `program` is a module, or the path of a script. What follows its name in `words` must be among
    `args` in this order; a launcher may give more. Nothing behind the name proves something only
    where `args` are none: else the word may be a file that the program reads.
    """
    opened = _opened(words)
    for at, word in enumerate(opened):
        rest = opened[at + 1 :]
        if _is_name(word, program) and (rest or not args) and _are_among(rest, args):
            return True
    return False


def _opened(words: Iterable[str]) -> list[str]:
    """Return the words with those of a whole command in one word: ``--command "python x.py"``."""
    found: list[str] = []
    for word in words:
        try:
            parts = shlex.split(word) if " " in word else [word]
        except ValueError:
            parts = [word]
        found += parts
    return found


def _is_name(word: str, program: str) -> bool:
    if not program or not word or word.startswith("-"):
        return False
    if word == program:
        return True
    path = os.path.normpath(word)
    return path == os.path.normpath(program) or program.endswith(f"/{path}")


def _are_among(some: Iterable[str], words: Iterable[str]) -> bool:
    rest = iter(words)
    return all(word in rest for word in some)
