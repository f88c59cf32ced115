"""Editing the tags and notes of a run, while it runs or afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from meticulous.child.helper import locked
from meticulous.errors import RunFolderError
from meticulous.runfolder import METADATA, RunFolder, keys

__all__ = ["add_tag", "edit"]


def edit(run: RunFolder, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Apply `change` to the metadata of `run`, write them and return them.

    If the recorder is writing at the same moment, wait for it; it keeps the edited values.
    Raises RunFolderError if the metadata cannot be read or written; then nothing is changed.
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


def add_tag(run: RunFolder, tag: str) -> None:
    """Put `tag` behind the tags of `run`, if it has it not yet. Raises RunFolderError as :func:`edit`."""

    def change(metadata: dict[str, Any]) -> None:
        tags = metadata.get(keys.TAGS) or []
        metadata[keys.TAGS] = tags if tag in tags else [*tags, tag]

    edit(run, change)
