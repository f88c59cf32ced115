"""What commands print, and how they report an error."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from meticulous.base.ansi import visible
from meticulous.base.text import harmless
from meticulous.child.helper import json_bytes
from meticulous.errors import MeticulousError

__all__ = ["print_json", "print_lines", "report", "say", "shown_path", "tell", "tidied"]


def report(error: MeticulousError) -> None:
    """Say on stderr which run is left out, and why."""
    say(str(error))


def say(text: str) -> None:
    """Say `text` on stderr, in one line."""
    print(f"meticulous: {harmless(text)}", file=sys.stderr, flush=True)


def shown_path(path: str) -> str:
    """Return `path` as it is shortest to type here."""
    relative, absolute = os.path.relpath(path), os.path.abspath(path)
    return relative if len(relative) < len(absolute) else absolute


def print_json(value: Any) -> None:
    """Print `value` as strict JSON."""
    sys.stdout.flush()
    sys.stdout.buffer.write(json_bytes(value))


def tell(text: str) -> None:
    """Print `text`, which may hold what a program has said or a user has called a run, as a line."""
    print_lines([harmless(text)])


def print_lines(lines: Sequence[str]) -> None:
    """Print `lines`, without what a terminal would obey but colours.

    What the encoding of stdout cannot hold is escaped.
    """
    encoding = sys.stdout.encoding or "utf-8"
    content = "".join(f"{visible(line, keeps_colours=True)}\n" for line in lines).encode(
        encoding, "backslashreplace"
    )
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


@contextmanager
def tidied() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a ``with`` block as Ctrl-C does: what is half made is removed."""
    numbers = [signal.SIGTERM, signal.SIGHUP]
    own = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in own:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in own:
            signal.signal(number, signal.SIG_DFL)
