"""The parser of our own command line: argparse, with our errors and nothing abbreviated."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from meticulous.errors import UsageError

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError; options cannot be abbreviated, and take `_` for `-`."""

    is_intermixed = False
    """Whether options may stand between words of which the last can be left out."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

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
