"""Text that is safe to show."""

from __future__ import annotations

__all__ = ["as_bytes", "harmless"]


def harmless(text: str) -> str:
    """Return `text` on one line, with control characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def as_bytes(text: str) -> bytes:
    """Return `text` in UTF-8, with the bytes that Python keeps of what was none.

    Half a character, which JSON can hold, is no byte: a question mark takes its place.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b"".join(
            b"?" if "\ud800" <= one <= "\udc7f" or "\udd00" <= one <= "\udfff" else as_bytes(one)
            for one in text
        )
