"""The parser of our own command line: argparse, with our errors and nothing abbreviated."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from meticulous.commands._examples import epilog
from meticulous.errors import UsageError

__all__ = ["Parser", "parser_of"]


_CODE = re.compile("`[^`]*`")
_HARD_SPACE = "\N{NO-BREAK SPACE}"


class _Formatter(argparse.HelpFormatter):
    """Help as argparse lays it out, with the paragraphs of a description kept apart."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return text  # lines to copy
        paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
        # A command to copy stays in one line.
        paragraphs = [_CODE.sub(_with_hard_spaces, part) for part in paragraphs]
        filled = "\n\n".join(
            textwrap.fill(
                part,
                width,
                initial_indent=indent,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
            for part in paragraphs
        )
        return filled.replace(_HARD_SPACE, " ")


def _with_hard_spaces(code: re.Match[str]) -> str:
    return code[0].replace(" ", _HARD_SPACE)


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError; options cannot be abbreviated, and take `_` for `-`."""

    is_intermixed = False
    """Whether options may stand between words of which the last can be left out."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _Formatter)
        super().__init__(allow_abbrev=False, **options)

    def declared(self) -> list[argparse.Action]:
        """Return the options and arguments that have been declared."""
        return list(self._actions)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and exiting."""
        raise UsageError(message, f"See `{self.prog} --help`")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse; raise UsageError where something is left over."""
        if self.is_intermixed:
            return self.parse_intermixed_args(args, namespace)
        return super().parse_args(args, namespace)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse; ``-`` and ``_`` in the names of options are the same."""
        for name, action in list(self._option_string_actions.items()):
            if name.startswith("--"):
                for other in (name[2:].replace("-", "_"), name[2:].replace("_", "-")):
                    self._option_string_actions.setdefault(f"--{other}", action)
        return super().parse_known_args(args, namespace)


def parser_of(command: str, module: ModuleType) -> Parser:
    """Return the parser of `command`, as its `module` declares it, with examples at the end."""
    parser = Parser(
        prog=f"meticulous {command}", description=module.__doc__, epilog=epilog(command)
    )
    module.add_arguments(parser)
    return parser
