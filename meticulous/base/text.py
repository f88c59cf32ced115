"""Text that is safe to show."""

from __future__ import annotations

__all__ = ["harmless"]


def harmless(text: str) -> str:
    """Return `text` on one line with what a terminal would obey written as escapes."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
