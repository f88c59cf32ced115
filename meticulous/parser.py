"""The parser of our own command line: argparse, with our errors and nothing abbreviated."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from meticulous.errors import UsageError

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, and whose options cannot be abbreviated."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and exiting."""
        raise UsageError(message, f"See `{self.prog} --help`")
