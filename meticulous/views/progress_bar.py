"""A progress bar on stderr, for what may take long; none where stderr is no terminal."""

from __future__ import annotations

import sys
import time

__all__ = ["Progress"]

_QUIET_S = 0.3
_EVERY_S = 0.05
_LENGTH = 30


class Progress:
    """Call it with (done, all); it draws after a moment, and erases itself at the end."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started = self._drawn = time.monotonic()
        self._shows = sys.stderr.isatty()
        self._is_drawn = False

    def __call__(self, done: int, whole: int) -> None:
        """Say how far it is."""
        now = time.monotonic()
        if not self._shows or now - self._started < _QUIET_S:
            return
        if done >= whole:
            self.erase()
        elif now - self._drawn > _EVERY_S:
            self._drawn = now
            self._is_drawn = True
            full = _LENGTH * done // whole
            bar = "█" * full + "░" * (_LENGTH - full)
            sys.stderr.write(f"\r{self._what} {bar} {done:,} of {whole:,}\x1b[K")
            sys.stderr.flush()

    def erase(self) -> None:
        """Leave no trace on the terminal."""
        if self._is_drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_drawn = False
