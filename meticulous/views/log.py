"""What a program printed, as text that is good to read afterwards and harmless to a terminal."""

from __future__ import annotations

import codecs
import re

__all__ = ["LogText"]

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements, modes
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"  # OSC and other strings: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]"  # all other escapes
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*|[ -/]*)?$")
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
        return self._plain(_UNFINISHED.sub("", self._open))

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
        unfinished = _UNFINISHED.search(self._open)
        cut = unfinished.start() if unfinished else len(self._open)
        done, self._open = self._open[:cut], self._open[cut:]
        return self._plain(done)

    def _plain(self, line: str) -> str:
        shown = ""
        for state in line.split("\r"):
            text = _SEQUENCE.sub(self._keep_colour, state)
            if text.strip() or not shown:
                shown = text
        return _CONTROL.sub(_caret, shown)

    def _keep_colour(self, match: re.Match[str]) -> str:
        sequence = match[0]
        is_kept = self._keeps_colours and _COLOUR.fullmatch(sequence)
        return sequence if is_kept else ""


def _caret(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 0x1B:  # what is left of escapes are the colours that are kept
        return match[0] if match.string[match.end() : match.end() + 1] == "[" else "^["
    return "^" + chr(code ^ 0x40) if code < 0x80 else f"\\x{code:02x}"
