"""Print the completion script of a shell.

In ~/.bashrc or ~/.zshrc: `eval "$(meticulous completion bash)"`, or `zsh`.

In ~/.config/fish/config.fish: `meticulous completion fish | source`.

The script knows the commands and their options; it asks meticulous for ids, tags and columns.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from meticulous import settings
from meticulous.query.cache import words

__all__ = ["add_arguments", "main", "quick"]

_KINDS = ("runs", "tags", "columns")


def quick(rest: list[str]) -> int | None:
    """Print the words that a script asks for; None where `rest` asks for something else.

    Without the parser, which takes a quarter of the time that a key press may take.
    """
    if len(rest) != 2 or rest[0] != "--words" or rest[1] not in _KINDS:
        return None
    where = settings.find_place({}).experiments_directory
    sys.stdout.writelines(f"{word}\n" for word in _words(rest[1], where) if word.isprintable())
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the shell, and what a script asks for."""
    parser.add_argument("shell", nargs="?", choices=("bash", "zsh", "fish"))
    parser.add_argument("--words", choices=_KINDS, help="print the words to choose from")


def main(arguments: argparse.Namespace) -> int:
    """Print the script, or words, and return the exit code."""
    from meticulous.commands import _completion_scripts
    from meticulous.errors import UsageError

    if arguments.shell is None:
        raise UsageError("completion of which shell?", "Give bash, zsh or fish")
    sys.stdout.write(_completion_scripts.script(arguments.shell, _options()))
    return 0


def _words(kind: str, where: str) -> list[str]:
    if kind == "columns":
        return words.columns(where)
    if kind == "tags":
        return words.tags(where)
    return ["last", *reversed(words.ids(where)), *(f"@{tag}" for tag in words.tags(where))]


def _options() -> dict[str, dict[str, str]]:
    """Return the long options of each command, and the help of each."""
    from meticulous.commands._parser import parser_of
    from meticulous.commands._table import COMMANDS, module_of

    found = {}
    for name in COMMANDS:
        module = importlib.import_module(f"meticulous.commands.{module_of(name)}")
        found[name] = {
            option: (action.help or "").split(";")[0].split(":")[0].replace("%%", "%")
            for action in parser_of(name, module).declared()
            for option in action.option_strings
            if option.startswith("--") and action.help != argparse.SUPPRESS
        }
    return found
