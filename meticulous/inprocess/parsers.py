"""argparse parsers that make an Experiment: our options added, and told apart when parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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
_SUPPRESS = "==SUPPRESS=="


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
    given: list[argparse.Action] = []
    undo = [_note_given(one, given) for one in _with_subparsers(parser)]
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
    args, defaults, names = _describe(parser, pool, given)
    return Extracted(
        args,
        {name: value for name, value in defaults.items() if name not in ours},
        meticulous_args,
        [name for name in names if name not in ours],
    )


def _note_given(
    parser: argparse.ArgumentParser, given: list[argparse.Action]
) -> Callable[[], None]:
    """Have `parser` note the actions that it finds on the command line; give what undoes it."""
    get_values = parser._get_values  # noqa: SLF001

    def noting(action: argparse.Action, words: list[str]) -> Any:
        if words or action.option_strings:
            given.append(action)
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


def _describe(
    parser: argparse.ArgumentParser, pool: dict[str, Any], given: list[argparse.Action]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Part `pool` into (values, defaults, names given), a subcommand's nested under its name."""
    values, nested = pool, {}
    for action in parser._actions:  # noqa: SLF001
        chosen = pool.get(action.dest) if action.dest != _SUPPRESS else None
        for name, subparser in _subparsers(action).items():
            own = _names(subparser)
            if name == chosen or (chosen is None and own & pool.keys()):
                part = {key: pool.pop(key) for key in list(pool) if key in own}
                nested[name] = _describe(subparser, part, given)
                break
    actions = {id(action) for action in parser._actions}  # noqa: SLF001
    mine = [action for action in given if id(action) in actions]
    names = list(dict.fromkeys(action.dest for action in mine if action.dest != _SUPPRESS))
    defaults = _defaults(parser, values, set(names))
    for name, (inner, inner_defaults, inner_names) in nested.items():
        values[name], defaults[name] = inner, inner_defaults
        names += [f"{name}.{inner_name}" for inner_name in inner_names]
    return values, defaults, names


def _names(parser: argparse.ArgumentParser) -> set[str]:
    return {
        name
        for one in _with_subparsers(parser)
        for name in [*one._defaults, *(action.dest for action in one._actions)]  # noqa: SLF001
    }


def _defaults(
    parser: argparse.ArgumentParser, values: dict[str, Any], given: set[str]
) -> dict[str, Any]:
    """Give the defaults of the names in `values`; what was not given is its own default.

    A required argument has None. One that was given is not parsed again for its default's sake.
    """
    defaults = {}
    for action in parser._actions:  # noqa: SLF001
        if action.dest in values:
            is_given = action.dest in given
            defaults[action.dest] = _converted(action) if is_given else values[action.dest]
    own = parser._defaults.items()  # noqa: SLF001
    return defaults | {name: value for name, value in own if name in values}


def _converted(action: argparse.Action) -> Any:
    """Give the default as argparse would convert it, where that can have no side effect."""
    import os

    kind: Any = action.type
    default = action.default
    is_harmless = kind in (int, float, complex, str) or (
        isinstance(kind, type) and issubclass(kind, os.PathLike)
    )
    if isinstance(default, str) and is_harmless:
        try:
            return kind(default)
        except ValueError:
            return default
    return None if default == _SUPPRESS else default
