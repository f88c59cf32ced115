"""argparse parsers that make an Experiment: our options added, and told apart when parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from meticulous.child import argparse_actions as _actions
from meticulous.settings.options import DIRTY

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
    command line; those of a subcommand as ``command.name``. What is added to `refused` is called
    when the parser refuses these words after all.
    """

    args: dict[str, Any]
    default_args: dict[str, Any]
    meticulous_args: dict[str, Any]
    given: list[str]
    refused: list[Callable[[], None]]


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
    parsing again, see :class:`_Remembered`.
    """
    import sys

    words = list(sys.argv[1:] if arg_list is None else arg_list)
    known = vars(parser).get("parse_known_args")
    if not isinstance(known, _Remembered) or not known.holds(words):
        known = _Remembered(parser, words)
        vars(parser)["parse_known_args"] = known
    pool = dict(vars(known.namespace))
    chosen = {id(action): said[0] for action, said in known.noted if said}
    options = list(_our_options(parser, chosen))
    meticulous_args = {one.dest: pool.pop(one.dest) for one in options if one.dest in pool}
    given = [action for action, _ in known.noted if not any(action is one for one in options)]
    args, defaults, names = _actions.describe(parser, pool, given, chosen, "")
    return Extracted(args, defaults, meticulous_args, list(dict.fromkeys(names)), known.refused)


class _Remembered:
    """Stands in for the ``parse_known_args`` of a parser: what was parsed is not parsed again.

    Types and actions may have effects, such as opening a file. Other words are parsed as ever, and
    so are the same ones when the parser has changed since.
    """

    def __init__(self, parser: argparse.ArgumentParser, words: list[str]) -> None:
        own = parser.parse_known_args
        self._parse: Callable[..., tuple[Any, list[str]]] = own
        if isinstance(own, _Remembered):
            self._parse = own._parse  # noqa: SLF001, one of ours
        self._parser, self._words = parser, words
        self.namespace: Any
        self.noted: list[tuple[argparse.Action, list[str]]] = []
        undo = [_note_given(one, self.noted) for one in _with_subparsers(parser)]
        try:
            self.namespace, self._leftover = self._parse(words)
        finally:
            for step in undo:
                step()
        self._shape = _shape(parser)
        self.refused: list[Callable[[], None]] = []

    def holds(self, words: list[str]) -> bool:
        """Say whether `words` would be parsed to the same."""
        now = _shape(self._parser)
        return (
            words == self._words
            and len(now) == len(self._shape)
            and all(one is other for one, other in zip(now, self._shape, strict=True))
        )

    def __call__(
        self, args: Sequence[str] | None = None, namespace: Any = None, **more: Any
    ) -> tuple[Any, list[str]]:
        """Do what ``ArgumentParser.parse_known_args`` does; a class of it may take `more`."""
        import sys

        if not self.holds(list(sys.argv[1:] if args is None else args)):
            return self._parse(args, namespace, **more)
        result = type(self.namespace)() if namespace is None else namespace
        given = {action.dest for action, _ in self.noted}
        for name, value in vars(self.namespace).items():
            if name in given or not hasattr(result, name):  # what it has comes before a default
                setattr(result, name, value)
        if self._leftover and self.refused:
            self._expect_refusal()
        return result, list(self._leftover)

    def _expect_refusal(self) -> None:
        """Have `refused` called where ``parse_args`` does not accept what was left over."""
        import sys

        own = self._parser.error

        def error(message: str) -> NoReturn:
            if sys._getframe(1).f_code.co_name == "parse_args":  # noqa: SLF001
                while self.refused:
                    self.refused.pop()()
            own(message)

        vars(self._parser)["error"] = error


def _shape(parser: argparse.ArgumentParser) -> list[Any]:
    """Return what a result depends on: a parser is changed by new arguments and other defaults."""
    shape: list[Any] = []
    for one in _with_subparsers(parser):
        for action in one._actions:  # noqa: SLF001
            shape += [action, action.default, action.nargs, action.type]
        shape += one._defaults.values()  # noqa: SLF001
    return shape


def _our_options(
    parser: argparse.ArgumentParser, chosen: Mapping[int, str]
) -> Iterator[argparse.Action]:
    """Return the options for making an Experiment, of `parser` and of its chosen subcommand."""
    for group in parser._action_groups:  # noqa: SLF001, argparse has no other way to ask
        if group.title == _TITLE:
            yield from group._group_actions  # noqa: SLF001
    for action in parser._actions:  # noqa: SLF001
        subparser = _subparsers(action).get(chosen.get(id(action), ""))
        if subparser is not None:
            yield from _our_options(subparser, chosen)


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
