"""Words of the index for the completion of a shell: ids, tags and columns, as last indexed.

Nothing is brought up to date: a key press must not wait for a thousand folders.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from meticulous.query.cache import sqlite_file
from meticulous.runfolder.directory import run_ids

__all__ = ["columns", "ids", "tags"]


def ids(directory: str) -> list[str]:
    """Return the ids of the runs in `directory`; none where it cannot be listed."""
    try:
        return run_ids(directory)
    except OSError:
        return []


def tags(directory: str) -> list[str]:
    """Return the tags that indexed runs of `directory` have, each once, in alphabetical order."""
    path = sqlite_file.path_for(directory)
    if not os.path.isfile(path):
        return []
    try:
        with closing(sqlite_file.on_disk(directory)) as connection:
            place = sqlite_file.plain_places(connection).get("tags")
            if place is None:
                return []
            found = connection.execute(
                f"SELECT DISTINCT c{place} FROM scalars WHERE c{place} IS NOT NULL"
            )
            return sorted({tag for (text,) in found for tag in str(text).split(",") if tag})
    except (OSError, sqlite3.Error):
        return []


def columns(directory: str) -> list[str]:
    """Return the columns that indexed runs of `directory` have."""
    if not os.path.isfile(sqlite_file.path_for(directory)):
        return []
    try:
        with closing(sqlite_file.on_disk(directory)) as connection:
            return sqlite_file.names(connection)
    except (OSError, sqlite3.Error):
        return []
