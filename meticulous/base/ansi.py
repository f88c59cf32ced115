"""Control sequences in text from elsewhere: colours may be kept, everything else is made harmless.

ECMA-48 names them: CSI (colours, cursor, modes), OSC and its like (titles, links, the clipboard),
and single escapes. What is left after a sequence is taken out can look like another one; so a text is
read once, from the left, and every control character of it is either part of a colour that is kept,
or taken out with its sequence, or written as ``^X``. Each part has a longest length, so that the time
grows with the size of the text, whatever is in it.
"""

from __future__ import annotations

import re

__all__ = ["unfinished", "visible", "without_sequences"]

# Not compiled here: most texts are printable, and then nobody needs it.
_SEQUENCE = (
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)"
    r"|\x1b[ -/]{0,8}[0-OQ-WYZ`-~\\]"
)
_TOKEN = (
    r"(?P<colour>\x1b\[[0-9;:]{0,64}m)|"
    + _SEQUENCE
    + r"|(?P<control>[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069])"
)
_LONGEST = 5000
_UNFINISHED = r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|[\]PX^_][^\x07\x1b]{0,4096}\x1b?|[ -/]{0,8})?\Z"


def visible(text: str, *, keeps_colours: bool) -> str:
    """Return the line `text` without control sequences, except colours if they are kept.

    Complete sequences are removed; control characters, also those that change the direction of
    writing, are shown as ``^X`` or by their number.
    """
    if text.isprintable():
        return text

    def replace(match: re.Match[str]) -> str:
        if match["control"]:
            return _shown(match["control"])
        return match[0] if keeps_colours and match["colour"] else ""

    return re.sub(_TOKEN, replace, text)


def without_sequences(text: str) -> str:
    """Return `text`, which may have many lines, without its complete sequences; to read it, not to show it."""
    return re.sub(_SEQUENCE, "", text) if "\x1b" in text else text


def unfinished(text: str) -> int:
    """Return where an incomplete sequence begins at the end of `text`; its length if there is none."""
    start = max(len(text) - _LONGEST, 0)
    match = re.compile(_UNFINISHED).search(text, start)
    return match.start() if match else len(text)


def _shown(character: str) -> str:
    code = ord(character)
    if code < 0x80:
        return "^" + chr(code ^ 0x40)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
