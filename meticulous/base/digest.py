"""The SHA-256 of a file."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["sha256_of"]

_BLOCK = 1 << 20


def sha256_of(path: str, is_over: Callable[[], bool] = lambda: False) -> str:
    """Return the SHA-256 of the file at `path` in hexadecimal. Raises OSError if it cannot be read.

    Once `is_over` returns true the rest is not read, and the result says nothing.
    """
    import hashlib  # loads OpenSSL, which most runs do not need

    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while (block := file.read(_BLOCK)) and not is_over():
            digest.update(block)
    return digest.hexdigest()
