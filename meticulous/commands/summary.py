"""Save values in the summary of the run this is called in: `meticulous summary loss=0.12`.

For programs of any language. Outside a run it does nothing, as the function of the same name.
"""

from __future__ import annotations

import argparse

from meticulous.child import helper
from meticulous.commands import _values

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of ``meticulous summary``."""
    _values.add_arguments(parser, "save")


def main(args: argparse.Namespace) -> int:
    """Save the values and return the exit code."""
    helper.summary(_values.given(args, "save"))
    return 0
