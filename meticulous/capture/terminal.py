"""Pseudo-terminals that stand between the command and the user's terminal.

Each stream of the command that is a terminal for us gets one of its own, so that the two streams
stay apart, while stdin stays the user's terminal itself: line editing, job control and ``/dev/tty``
are as without us. Output processing is off on the pseudo-terminal (what we read is what the
command wrote, no carriage return added) and still on in the user's terminal, where it has always happened.

Programs that switch modes through their stdout (curses does) would switch the pseudo-terminal's.
So modes are carried over: what the command sets on one side is set on the other, see
:meth:`Terminal.follow`.
"""

from __future__ import annotations

import fcntl
import os
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Terminal", "is_terminal"]

_OFLAG = 1
_DEFAULT_SIZE = (24, 80)
"""Rows and columns."""


def is_terminal(descriptor: int) -> bool:
    """Say whether `descriptor` is an open terminal."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


class Terminal:
    """One pseudo-terminal for one stream.

    Args:
        real: our descriptor of the user's terminal, or None (``--pty`` without a terminal): then
            the size is that of ``COLUMNS`` and ``LINES``, or 80 by 24.
        made: master and path of one that another process has made, to take care of it from now on.
    """

    def __init__(self, real: int | None, made: tuple[int, str] | None = None) -> None:
        self.real = real
        if made is None:
            self.master, self.slave = os.openpty()
            self.path = os.ttyname(self.slave)
        else:
            (self.master, self.path), self.slave = made, -1
        self._size = b""
        modes = termios.tcgetattr(self.master if real is None else real)
        self._real_modes: list[Any] = modes
        self._own_modes = self._set_own(modes)
        self.resize()

    def resize(self) -> bool:
        """Return the pseudo-terminal the size of the real one; say whether that was a change."""
        size = _size_of(self.real)
        if size == self._size:
            return False
        self._size = size
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
        return True

    def follow(self) -> None:
        """Carry terminal modes over, from the side on which they have changed since last time.

        A no-op of two system calls when nothing has changed. Where we are in the background, the
        kernel stops us for trying, exactly as it would stop the command.
        """
        if self.real is None:
            return
        try:
            own, real = termios.tcgetattr(self.master), termios.tcgetattr(self.real)
            if own != self._own_modes:
                self._set_real(self.real, own, real)
                self._own_modes = self._set_own(own)
            elif real != self._real_modes:
                self._real_modes = real
                self._own_modes = self._set_own(real)
        except termios.error:
            pass  # the terminal is gone; the command finds out by itself

    def close_slave(self) -> None:
        """Leave the command's end to the command, so that its end can be seen."""
        os.close(self.slave)

    def _set_own(self, modes: list[Any]) -> list[Any]:
        exact = list(modes)
        # Of output processing only the main switch stays, which does nothing by itself: so we can
        # see when the command turns it off.
        exact[_OFLAG] &= termios.OPOST
        termios.tcsetattr(self.master, termios.TCSANOW, exact)
        return termios.tcgetattr(self.master)

    def _set_real(self, descriptor: int, own: list[Any], real: list[Any]) -> None:
        wanted = list(own)
        wanted[_OFLAG] |= real[_OFLAG] & ~termios.OPOST
        if wanted != real:
            termios.tcsetattr(descriptor, termios.TCSANOW, wanted)
        self._real_modes = termios.tcgetattr(descriptor)


def _size_of(real: int | None) -> bytes:
    if real is not None:
        try:
            return fcntl.ioctl(real, termios.TIOCGWINSZ, b"\0" * 8)
        except OSError:
            pass
    import struct

    try:
        rows, columns = int(os.environ["LINES"]), int(os.environ["COLUMNS"])
        return struct.pack("4H", rows, columns, 0, 0)
    except (KeyError, ValueError, struct.error):
        return struct.pack("4H", *_DEFAULT_SIZE, 0, 0)
