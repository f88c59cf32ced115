"""The output of a run: its two streams merged in the order in which they arrived."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from meticulous.errors import RunFolderError
from meticulous.runfolder import STDERR, STDOUT, TIMELINE, RunFolder
from meticulous.runfolder.files import open_to_read

__all__ = ["Playback"]

_BLOCK_BYTES = 1 << 16
_MOST_DIGITS = 18


class Playback:
    """Read `streams` of a run from the beginning, and what is added while the run goes on.

    The order is that of the timeline. Output that is not in it (the recorder was killed, or the run is
    of the original system) comes last, stdout before stderr. Only one block is held in memory.
    """

    def __init__(self, run: RunFolder, streams: Sequence[str] = (STDOUT, STDERR)) -> None:
        self._run = run
        self._played = dict.fromkeys(streams, 0)
        self._position = 0

    def new(self) -> Iterator[bytes]:
        """Return the output that the timeline has listed since the last call.

        The last line is read again next time: it grows while chunks follow each other closely.
        """
        if len(self._played) == 1:
            yield from self.rest()
            return
        lines = self._lines()
        for line in lines:
            chunk = _chunk(line)
            if chunk is not None and chunk[0] in self._played:
                yield from self._upto(*chunk)
        if lines:
            self._position += sum(len(line) + 1 for line in lines[:-1])

    def rest(self) -> Iterator[bytes]:
        """Return all output that has not been returned yet, in the timeline or not."""
        for stream in self._played:
            yield from self._upto(stream, None)

    def _lines(self) -> list[bytes]:
        try:
            with os.fdopen(open_to_read(self._run.file(TIMELINE)), "rb") as file:
                file.seek(self._position)
                return file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _cannot_read(error) from error

    def _upto(self, stream: str, end: int | None) -> Iterator[bytes]:
        """Return the bytes of `stream` from the current position to `end`; to the end of the file if it is None."""
        try:
            with os.fdopen(open_to_read(self._run.file(stream)), "rb") as file:
                file.seek(self._played[stream])
                while end is None or self._played[stream] < end:
                    left = _BLOCK_BYTES if end is None else end - self._played[stream]
                    block = file.read(min(left, _BLOCK_BYTES))
                    if not block:
                        return
                    self._played[stream] += len(block)
                    yield block
        except FileNotFoundError:
            return
        except OSError as error:
            raise _cannot_read(error) from error


def _chunk(line: bytes) -> tuple[str, int] | None:
    """Return the stream of a line of the timeline and where its chunk ends; None for a broken line."""
    fields = line.split()
    if len(fields) != 4 or any(len(field) > _MOST_DIGITS for field in fields[2:]):
        return None
    try:
        offset, length = int(fields[2]), int(fields[3])
    except ValueError:
        return None
    if offset < 0 or length < 0:
        return None
    return fields[1].decode("ascii", "replace"), offset + length


def _cannot_read(error: OSError) -> RunFolderError:
    return RunFolderError(f"cannot read {os.fspath(error.filename)}: {error.strerror}")
