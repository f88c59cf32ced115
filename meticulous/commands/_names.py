"""Words of a command line that are runs, or names of what they have logged; itself no command."""

from __future__ import annotations

import argparse
import difflib
import fnmatch
import re
from collections.abc import Sequence

from meticulous.commands import _runs
from meticulous.errors import UsageError
from meticulous.query import selectors
from meticulous.query.cache.index import Index
from meticulous.query.question import Question, answer
from meticulous.query.rows import Row

__all__ = ["add_filter", "add_words", "check", "matches", "matching", "split"]

_RUNS = re.compile(r"[\d,-]*\d[\d,-]*|last(~\d+)?|@.+|(best|worst):.+")


def add_words(parser: argparse.ArgumentParser, runs: str, names: str) -> None:
    """Declare the words RUNS and NAMES: `runs` are the default, `names` says what those are."""
    parser.add_argument(
        "words",
        metavar="RUNS|NAMES",
        nargs="*",
        default=[],
        help=f"runs: {selectors.HELP} (default: {runs}); names: {names}",
    )
    _runs.add_directory(parser)


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Declare ``--filter QUERY``, which narrows the runs."""
    parser.add_argument("--filter", metavar="QUERY", help="only runs a query of `ls` holds for")


def matching(query: str | None, runs: Sequence[Row] | None, index: Index) -> list[Row]:
    """Return those of `runs`, None for all, for which `query` holds, in the order of `ls`."""
    wanted = None if runs is None else {str(row["expid"]) for row in runs}
    found = answer(index, Question(filter=query)).rows
    return [row for row in found if wanted is None or str(row["expid"]) in wanted]


def split(words: Sequence[str], index: Index) -> tuple[list[Row] | None, list[str]]:
    """Return the runs and the names among `words`; None where there are no runs among them."""
    runs = [word for word in words if _RUNS.fullmatch(word) or index.run(word) is not None]
    names = [word for word in words if word not in runs]
    return selectors.select_all(runs, index) if runs else None, names


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Return whether `name` is one of `patterns`, in which ``*`` matches many."""
    return any(name == one or ("*" in one and fnmatch.fnmatchcase(name, one)) for one in patterns)


def check(names: Sequence[str], known: Sequence[str]) -> None:
    """Raise UsageError for one of `names` that is none of the `known`."""
    for name in names:
        if not any(matches(one, [name]) for one in known):
            raise UsageError(f"no such metric: {name!r}", _hint(name, known))


def _hint(name: str, known: Sequence[str]) -> str:
    if not known:
        return "The run has logged nothing"
    near = difflib.get_close_matches(name, known, n=1)
    some = ", ".join(dict.fromkeys(known[:10])) + (", …" if len(known) > 10 else "")
    return f"Did you mean {near[0]!r}?" if near else f"There is: {some}"
