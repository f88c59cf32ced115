"""A folder for what is half made, gone in the end wherever a signal comes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from meticulous.base.folders import remove_folder

__all__ = ["temporary_folder"]


@contextmanager
def temporary_folder(parent: str, prefix: str) -> Iterator[str]:
    """Make a folder in `parent` whose name begins with `prefix`; remove it in the end.

    Its name is known before it is made: ``mkdtemp`` tells it afterwards, and what a signal interrupts
    between the two stays for ever. Raises OSError where it cannot be made.
    """
    place = os.path.join(parent, prefix + os.urandom(4).hex())
    try:
        try:
            os.mkdir(place, 0o700)
        except FileExistsError:
            place = ""  # somebody else's
            raise
        yield place
    finally:
        if place:
            remove_folder(place, ignore_errors=True)
