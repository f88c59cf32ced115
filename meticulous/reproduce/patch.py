"""The uncommitted changes that are kept in a run folder."""

from __future__ import annotations

import os

from meticulous.runfolder import RunFolder
from meticulous.runfolder.files import open_to_read

__all__ = ["read_patch"]


def read_patch(run: RunFolder, name: str) -> bytes:
    """Return the patch `name` of `run`.

    Raises FileNotFoundError where it is missing or a link: what a link leads to is no part of the
    run, and must not get into what is made of it for others.
    """
    path = run.file(name)
    if os.path.islink(path):
        raise FileNotFoundError(f"{path} is a link")
    with open(open_to_read(path), "rb") as file:
        return file.read()
