"""The line of stderr that says what was wrong, where a program has failed without a traceback.

Mostly it is the last. Parsers of command lines end with something else: typer and tyro with the
border of a box, absl, Hydra and others with advice. Standard library only, and loaded when a run
has failed.
"""

from __future__ import annotations

import re

__all__ = ["telling"]

_BORDER = re.compile(r"[╭╰┌└┏┗╔╚+][─━═-].*|[─━═-]{4,}")
_IN_A_BOX = re.compile(r"[│┃║|] ?(.*?) *[│┃║|]?$")
_OPENS_BOX = ("╭", "┌", "┏", "╔", "+")
_RULE = re.compile(r"[─━═\-\s]+")
_ADVICE = re.compile(
    r"Pass --help\w*\b.*help"  # absl
    r"|Set the environment variable HYDRA_FULL_ERROR=1"
    r"|Try ['\"`].*(?:--help|-h)\b"  # click
    r"|For (?:more|full|further) (?:help|helptext|information)\b"  # tyro
    r"|(?:Use|Run|See|Type) .*(?:--help|-h\b)"
    r"|usage: ",
    re.IGNORECASE,
)
_TRACEBACK = "Traceback (most recent call last):"
_MOST_LINES = 60
_LONGEST = 500


def telling(text: str) -> str | None:
    """Return the telling line of what a program has printed last, None where none is known.

    `text` has no control sequences and ends with a line break.
    """
    lines = text.rstrip().split("\n")[-_MOST_LINES:]
    if _BORDER.fullmatch(lines[-1].strip()):
        return _of_box(lines)
    end = len(lines)
    while end and (not lines[end - 1].strip() or _ADVICE.match(lines[end - 1].strip())):
        end -= 1
    if end == len(lines) or not end:
        return None
    return _of_paragraph(lines[:end])


def _of_box(lines: list[str]) -> str | None:
    """Return what stands in the box that the lines end with, up to a rule or advice."""
    start = len(lines) - 2
    while start > 0 and not lines[start].strip().startswith(_OPENS_BOX):
        start -= 1
    said: list[str] = []
    for line in lines[start + 1 : -1]:
        match = _IN_A_BOX.match(line.strip())
        inner = match[1].strip() if match else line.strip()
        if said and (not inner or _RULE.fullmatch(inner) or _ADVICE.match(inner)):
            break
        if inner and not _RULE.fullmatch(inner):
            said.append(inner)
    return " ".join(said)[:_LONGEST] or None


def _of_paragraph(lines: list[str]) -> str | None:
    """Return the line before the advice: of a paragraph the first, of a traceback the last."""
    start = len(lines) - 1
    while start and lines[start - 1].strip():
        start -= 1
    paragraph = lines[start:]
    if any(line.startswith(_TRACEBACK) for line in paragraph):
        return paragraph[-1].strip()[:_LONGEST] or None
    if len(paragraph) > 1 and paragraph[0].rstrip().endswith(":"):  # absl: what it is about
        return paragraph[1].strip()[:_LONGEST] or None
    return paragraph[0].strip()[:_LONGEST] or None
