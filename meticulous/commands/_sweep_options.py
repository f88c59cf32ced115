"""The options of `meticulous sweep`, and what they mean; itself no command."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import Any

from meticulous.commands._parser import Parser
from meticulous.commands._sweep_arguments import OF_RUNS
from meticulous.errors import UsageError
from meticulous.sweep.specification import Search, Specification
from meticulous.sweep.values import is_axis

__all__ = [
    "objective_of",
    "parsed_start",
    "run_options",
    "specification_of",
]

_ENDINGS = (".yaml", ".yml")


def parsed_start(words: Sequence[str], parser: Parser) -> tuple[argparse.Namespace, list[str]]:
    """Read the words that start a sweep, with a file among them: (options, command).

    What stands on the command line goes before what the file says.
    """
    at = words.index("--") if "--" in words else len(words)
    line, command = list(words[:at]), list(words[at + 1 :])
    parser.is_intermixed = True
    given = parser.parse_args(line)
    files = [word for word in given.words if _is_file(word)]
    if len(files) > 1:
        raise UsageError(f"there are {len(files)} files: {', '.join(files)}", "Give one")
    parameters: list[str] = []
    if files:
        from meticulous.sweep import document

        told = document.read(files[0])
        given = parser.parse_args([*_as_line(files[0], told.options, parser), *line])
        parameters = told.parameters
        command = command or told.command
    own = [word for word in given.words if word not in files]
    for word in own:
        if not is_axis(word) and not word.startswith("@"):
            hint = "Values are NAME=VALUES or @table; the command stands behind --"
            raise UsageError(f"cannot understand {word!r}", hint)
    replaced = {word.partition("=")[0] for word in own if not word.startswith("@")}
    kept = [word for word in parameters if word.partition("=")[0] not in replaced]
    given.words = [*kept, *own]
    return given, command


def _is_file(word: str) -> bool:
    return word.endswith(_ENDINGS) and not is_axis(word) and not word.startswith("@")


def _as_line(path: str, options: dict[str, str | list[str]], parser: Parser) -> list[str]:
    """Write the options of a file as words of a command line."""
    line = []
    known = {name: action for name, action in parser._option_string_actions.items()}  # noqa: SLF001, C416
    for name, value in options.items():
        action = known.get(f"--{name}")
        if action is None:
            near = difflib.get_close_matches(f"--{name}", known, n=1)
            hint = f"Did you mean {near[0].lstrip('-')}?" if near else "See docs/sweeps.md"
            raise UsageError(f"{path}: there is no option {name!r}", hint)
        for one in value if isinstance(value, list) else [value]:
            if action.nargs == 0:
                if one.lower() not in ("true", "false"):
                    raise UsageError(f"{path}: {name} is {one!r}", "Write true or false")
                line += [f"--{name}"] if one.lower() == "true" else []
            else:
                line.append(f"--{name}={one}")
    return line


def objective_of(arguments: argparse.Namespace) -> tuple[str | None, str]:
    """Return the column that the sweep is about, and ``minimize`` or ``maximize``."""
    if arguments.minimize and arguments.maximize:
        raise UsageError("--minimize and --maximize exclude each other", "Give one of them")
    direction = "maximize" if arguments.maximize else "minimize"
    return arguments.minimize or arguments.maximize, direction


def specification_of(
    arguments: argparse.Namespace, command: Sequence[str], seed_name: str
) -> Specification:
    """Return what is asked for. Raises UsageError for options that do not go together."""
    words = list(arguments.words)
    if arguments.repeat:
        words.append(f"{seed_name}=0..{arguments.repeat - 1}")
    objective, direction = objective_of(arguments)
    search = None
    if arguments.search:
        if not arguments.trials or not objective:
            hint = "Such as --trials 50 --minimize summary_val_loss"
            raise UsageError("a search needs --trials, and --minimize or --maximize", hint)
        if arguments.only or arguments.exclude or arguments.sample:
            raise UsageError("a search has no --only, --exclude and --sample", "Narrow its ranges")
        search = Search(
            arguments.trials, objective, direction, arguments.sampler or "tpe",
            arguments.pruner or "nop", arguments.prune_by, arguments.seed,
        )  # fmt: skip
    elif any((arguments.trials, arguments.sampler, arguments.pruner, arguments.prune_by)):
        raise UsageError("--trials, --sampler and --pruner are for a search", "Add --search optuna")
    return Specification(
        tuple(command), tuple(words), tuple(arguments.exclude), tuple(arguments.only),
        arguments.sample, arguments.seed or 0, search,
    )  # fmt: skip


def run_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of each run, as :func:`meticulous.settings.for_run` takes them."""
    names = [name.replace("-", "_") for name in OF_RUNS]
    return {name: getattr(arguments, name) for name in names if getattr(arguments, name, None)}
