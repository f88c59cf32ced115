"""A file of a run that grows while it is read."""

from __future__ import annotations

__all__ = ["Growing"]

_BLOCK_BYTES = 1 << 20


class Growing:
    """The file at `path`, read from `position` on; it may be made only later."""

    def __init__(self, path: str, position: int = 0) -> None:
        self._path, self._position = path, position

    def new(self) -> bytes:
        """Return what has come since the last call, a block at most; empty where nothing has."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._position)
                content = file.read(_BLOCK_BYTES)
        except OSError:
            return b""
        self._position += len(content)
        return content
