"""Editing what users may edit of a run, while it runs or afterwards: its tags and its notes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from meticulous.child.helper import locked
from meticulous.errors import RunFolderError
from meticulous.runfolder import METADATA, RunFolder

__all__ = ["edit"]


def edit(run: RunFolder, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Let `change` alter the metadata of `run` and write them; return what was written.

    A recorder that is writing at the same moment is waited for, and takes over what was edited.
    Raises RunFolderError where they cannot be read or written; then nothing is changed.
    """
    try:
        with locked(run.path):
            metadata = run.read_metadata()
            before = dict(metadata)
            change(metadata)
            if metadata != before:
                run.write_json(METADATA, metadata)
                # The index looks again at a run that has ended when its directory has changed.
                os.utime(os.path.dirname(os.path.abspath(run.path)))
    except OSError as error:
        message = f"cannot change {run.file(METADATA)}: {error.strerror}"
        raise RunFolderError(message, "Free some space, or make it writable") from error
    return metadata
