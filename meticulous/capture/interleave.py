"""What was read of two streams, put back into the order in which it was written.

Known is which of the two was written to, turn after turn; not how many bytes a turn has. Where
several turns of one stream were read at once, its bytes are parted where terminal output is
naturally in parts, for which a progress bar that makes way for a line is the best of signs.
"""

from __future__ import annotations

import re
from itertools import pairwise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Interleaver", "split_writes"]

_LINE_BYTES = 1 << 10
_WIPE = rb"\r(?: +|\x1b\[2?K)\r(?:\x1b\[A)*"
_WIPED = re.compile(rb"%s(?!\x1b\[A|\n*%s)" % (_WIPE, _WIPE))
"""The line, or the last one of several, has been wiped."""
_LINE_END = re.compile(rb"\n(?=.)", re.DOTALL)
_REWRITE = re.compile(rb"[^\r](?=\r[^\r\n])", re.DOTALL)
"""The end of a state of a line, which is then written again."""


class Interleaver:
    """What has been read of two streams, put into the order of the turns."""

    def __init__(self) -> None:
        self.read = [bytearray(), bytearray()]
        """The bytes of each stream that have not been given yet."""
        self.turns: list[int] = []
        """Which stream was written to, time after time; never one twice in a row."""
        self._before = [b"", b""]
        """The unfinished line of the stream that was given last."""

    def add_turn(self, place: int) -> None:
        """Add a reported write to the stream at `place`."""
        if self.turns[-1:] != [place]:
            self.turns.append(place)

    def drop_void_turns(self) -> None:
        """Forget reports of what has been given already; call it when all has been read."""
        turns, self.turns = self.turns, []
        for place in turns:
            if self.read[place]:
                self.add_turn(place)

    def is_mixed(self) -> bool:
        """Say whether the order of the two streams is in question."""
        return len(self.turns) > 1 or all(self.read)

    def is_reported(self) -> bool:
        """Say whether each stream that has bytes has a turn."""
        return all(place in self.turns for place in (0, 1) if self.read[place])

    def give(self, *, is_complete: bool, is_due: bool = False) -> Iterator[tuple[int, bytes]]:
        """Return the parts with the places of their streams, in order.

        Unless `is_complete`, the last part of each stream is kept: there may be more of it, or a
        turn may stand before it. Where it `is_due`, one such part is given all the same.
        """
        if is_complete:
            self._add_missing_turns()
        parts = [self._parts(place, is_complete=is_complete) for place in (0, 1)]
        while self.turns:
            place = self.turns[0]
            may_go = is_complete or len(parts[place]) > 1 or (is_due and self.read[place])
            if not may_go:
                break
            self.turns.pop(0)
            is_due = False
            if parts[place] and (part := parts[place].pop(0)):
                del self.read[place][: len(part)]
                line = (self._before[place] + part).rpartition(b"\n")[2][-_LINE_BYTES:]
                self._before = [b"", b""]  # the other has been interrupted
                self._before[place] = line
                yield place, part

    def _add_missing_turns(self) -> None:
        """Add the turns that must be there: what is not reported yet was written last."""
        for place, read in enumerate(self.read):
            count = self.turns.count(place)
            has_more = len(self._wiped(place)) >= count and self.turns[-1:] != [place]
            if read and (not count or has_more):
                self.turns.append(place)

    def _parts(self, place: int, *, is_complete: bool) -> list[bytes]:
        content, count = bytes(self.read[place]), self.turns.count(place)
        wiped = self._wiped(place)
        if not is_complete:
            # The last turns may be without their bytes: look for no weak seams on their behalf.
            if len(wiped) < count - 1:
                wiped = self._wiped(place, with_end=True) or _ends(_LINE_END, content)
            count = min(count, len(wiped) + 1)
        return split_writes(content, count, wiped)

    def _wiped(self, place: int, *, with_end: bool = False) -> list[int]:
        """Return where in the bytes of a stream the line has just been wiped.

        That may be at their very beginning, if the other stream has not had its turn since.
        """
        before, read = self._before[place], self.read[place]
        ends = [one.end() - len(before) for one in _WIPED.finditer(before + read)]
        start = 0 if self.turns[:1] == [place] else 1
        return [end for end in ends if start <= end < len(read) + with_end]


def split_writes(content: bytes, count: int, wiped: Sequence[int] = ()) -> list[bytes]:
    """Part `content`, which `count` turns of writing have made, at its seams.

    The best seams are those in `wiped`; then come the ends of lines, then where a line is written
    again. Gives `count` parts, or fewer where there are not enough seams. Where there are too many
    ends of lines, the first are taken; of the other kinds some, evenly spread, so that no error
    grows.
    """
    chosen: set[int] = set()
    for kind in (None, _LINE_END, _REWRITE) if count > 1 else ():
        found = _ends(kind, content) if kind else wiped
        seams = [seam for seam in found if seam not in chosen]
        wanted = min(count - 1 - len(chosen), len(seams))
        if kind is _LINE_END:
            # The first: a turn is mostly one line, and what is long is mostly last: a traceback.
            chosen.update(seams[:wanted])
            continue
        step = (len(seams) + 1) / (wanted + 1)
        chosen.update(seams[int(step * number) - 1] for number in range(1, wanted + 1))
    edges = [0, *sorted(chosen), len(content)]
    return [content[start:end] for start, end in pairwise(edges)]


def _ends(pattern: re.Pattern[bytes], content: bytes) -> list[int]:
    return [one.end() for one in pattern.finditer(content)]
