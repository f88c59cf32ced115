"""argparse parsers that make an Experiment: our options added, and told apart when parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from meticulous.runner.injected import _meticulous_actions as _actions
from meticulous.settings.options import DIRTY

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Extracted", "add_argument_group", "extract"]

_TITLE = "meticulous"
_DESCRIPTION = "arguments for initializing Experiment object"
_OPTIONS: dict[str, dict[str, Any]] = {
    "project_directory": {
        "default": "",
        "help": "Project directory. Need not be the same as repo directory, but should be part of "
        "a git repo",
    },
    "experiments_directory": {
        "default": "experiments",
        "help": "A directory to store experiments, should be in the project directory",
    },
    "experiment_id": {"default": None, "help": "explicitly specified experiment id"},
    "description": {"default": "", "help": "A description for this experiment"},
    "resume": {
        "action": "store_true",
        "help": "Resumes an existing experiment with same arguments and git sha. If no such "
        "experiment is found, starts a new one",
    },
    "norecord": {
        "action": "store_true",
        "help": "Override meticulous recording of the experiment. Does not enforce that the repo "
        "be clean and can be used during development and debugging of experiment",
    },
    "dirty": {
        "default": None,
        "choices": DIRTY.choices,
        "help": "What to do with uncommitted changes (default: refuse)",
    },
}


class Extracted(NamedTuple):
    """What a parser has parsed: the program's own, and what is for Experiment.

    A subcommand's arguments are nested under its name. `given` are the names that stood on the
    command line; those of a subcommand as ``command.name``.
    """

    args: dict[str, Any]
    default_args: dict[str, Any]
    meticulous_args: dict[str, Any]
    given: list[str]


def add_argument_group(parser: argparse.ArgumentParser, **defaults: Any) -> None:
    """Add our options to `parser`, as the group "meticulous"."""
    unknown = defaults.keys() - _OPTIONS.keys()
    if unknown:
        raise TypeError(f"no such option: {', '.join(sorted(unknown))}")
    group = parser.add_argument_group(_TITLE, _DESCRIPTION)
    for name, words in _OPTIONS.items():
        default = {"default": defaults[name]} if name in defaults else {}
        group.add_argument("--" + name.replace("_", "-"), **{**words, **default})


def extract(parser: argparse.ArgumentParser, arg_list: Sequence[str] | None = None) -> Extracted:
    """Parse `arg_list` (default: the command line), and part what is parsed.

    The next ``parse_args`` or ``parse_known_args`` of the same words gives the same result without
    parsing again: types and actions may have effects, such as opening a file.
    """
    import sys

    words = list(sys.argv[1:] if arg_list is None else arg_list)
    noted: list[tuple[argparse.Action, list[str]]] = []
    undo = [_note_given(one, noted) for one in _with_subparsers(parser)]
    try:
        namespace, leftover = parser.parse_known_args(words)
    finally:
        for step in undo:
            step()
    _remember(parser, words, namespace, leftover)
    pool = dict(vars(namespace))
    ours = {
        action.dest
        for group in parser._action_groups  # noqa: SLF001, argparse has no other way to ask
        if group.title == _TITLE
        for action in group._group_actions  # noqa: SLF001
    }
    meticulous_args = {name: pool.pop(name) for name in list(pool) if name in ours}
    given = [action for action, _ in noted]
    chosen = {id(action): said[0] for action, said in noted if said}
    args, defaults, names = _actions.describe(parser, pool, given, chosen, "")
    return Extracted(
        args,
        {name: value for name, value in defaults.items() if name not in ours},
        meticulous_args,
        [name for name in dict.fromkeys(names) if name not in ours],
    )


def _note_given(
    parser: argparse.ArgumentParser, noted: list[tuple[argparse.Action, list[str]]]
) -> Callable[[], None]:
    """Have `parser` note the actions that it finds on the command line, and their words.

    Gives what undoes it.
    """
    get_values = parser._get_values  # noqa: SLF001

    def noting(action: argparse.Action, words: list[str]) -> Any:
        if words or action.option_strings:
            noted.append((action, list(words)))
        return get_values(action, words)

    vars(parser)["_get_values"] = noting
    return lambda: vars(parser).pop("_get_values", None)


def _with_subparsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:  # noqa: SLF001
        for subparser in _subparsers(action).values():
            yield from _with_subparsers(subparser)


def _subparsers(action: argparse.Action) -> dict[str, argparse.ArgumentParser]:
    choices = action.choices
    is_one = isinstance(choices, dict) and all(hasattr(one, "_actions") for one in choices.values())
    return choices if is_one else {}  # type: ignore[return-value]


def _remember(
    parser: argparse.ArgumentParser,
    words: list[str],
    namespace: argparse.Namespace,
    leftover: list[str],
) -> None:
    """Let the next parsing of `words` by `parser` give what this one has given."""
    import sys

    parse = parser.parse_known_args
    found = dict(vars(namespace))

    def parse_known_args(
        args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        if list(sys.argv[1:] if args is None else args) != words:
            return parse(args, namespace)
        result = type(namespace_of_first)() if namespace is None else namespace
        for name, value in found.items():
            setattr(result, name, value)
        return result, list(leftover)

    namespace_of_first = namespace
    vars(parser)["parse_known_args"] = parse_known_args
