"""What a program printed, as text that is good to read afterwards and harmless to a terminal."""

from __future__ import annotations

import codecs

from meticulous.base.ansi import unfinished, visible

__all__ = ["LogText"]

_LONGEST_LINE = 1 << 16
"""Characters after which a line is given out though it has not ended, to keep memory small."""


class LogText:
    """Turns bytes, as they come, into lines.

    A line that was overwritten after a carriage return becomes what was last seen of it: a progress bar is one
    line, in its last state. Cursor movements, titles and the like are left out; other control
    characters are shown as ``^X``.

    Args:
        keeps_colours: leave colours in (for a terminal).
    """

    def __init__(self, *, keeps_colours: bool) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._keeps_colours = keeps_colours
        self._open = ""

    def feed(self, content: bytes) -> str:
        """Return the lines that `content` completes, each with its newline."""
        text = self._open + self._decoder.decode(content)
        *lines, self._open = text.split("\n")
        done = "".join(self._plain(line) + "\n" for line in lines)
        if len(self._open) > _LONGEST_LINE:
            done, self._open = done + self._cut(), self._open
        return done

    def unfinished(self) -> str:
        """Return the present state of the line that has not ended; empty where there is none."""
        return self._plain(self._open[: unfinished(self._open)])

    def end(self) -> str:
        """Return what is left when nothing more will come."""
        self._open += self._decoder.decode(b"", final=True)
        last, self._open = self._plain(self._open), ""
        return last

    def _cut(self) -> str:
        """Take the beginning of a very long line; of one that is overwritten keep the last state."""
        if "\r" in self._open.rstrip("\r"):
            self._open = self._open.rstrip("\r").rpartition("\r")[2]
            return ""
        cut = unfinished(self._open)
        done, self._open = self._open[:cut], self._open[cut:]
        return self._plain(done)

    def _plain(self, line: str) -> str:
        shown = ""
        for state in line.split("\r"):
            text = visible(state, keeps_colours=self._keeps_colours)
            if text.strip() or not shown:
                shown = text
        return shown
