"""Files of a run that seem to hold a secret: what a program prints or saves is never masked."""

from __future__ import annotations

import os

from meticulous.base.folders import walk
from meticulous.masking import MASK
from meticulous.masking.shapes import mask_shapes
from meticulous.runfolder import RunFolder

__all__ = ["files_with_secrets"]

_LOOKED_AT = 4 << 20
"""Bytes of a file that are looked at; a secret is mostly printed at the start."""


def files_with_secrets(run: RunFolder) -> list[str]:
    """Return the names of the text files of `run` in which something has the shape of a secret."""
    found = []
    for folder, _, names in walk(run.path):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and _is_suspicious(path):
                found.append(os.path.relpath(path, run.path))
    return sorted(found)


def _is_suspicious(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            start = file.read(_LOOKED_AT)
    except OSError:
        return False
    if b"\0" in start[:1024]:
        return False
    text = start.decode("utf-8", "replace")
    return mask_shapes(text, MASK) != text
