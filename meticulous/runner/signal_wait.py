"""The next of some blocked signals that has come: its number, and who sent it as ``si_code``.

On Linux by the system's own ``sigtimedwait``. Python's gives what nobody has written where the
process was stopped while it waited, and continued after the time had passed: a SIGQUIT, say, that
nobody has sent (seen with 3.11; the code is the same up to 3.14).
"""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["SignalWait"]

_KEYBOARD = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
_SET_BYTES = 128
_INFO_INTS = 32
"""Both structures have 128 bytes on every Linux."""


class SignalWait:
    """Takes `signals`, which must be blocked, one by one."""

    def __init__(self, signals: set[signal.Signals]) -> None:
        self._signals = signals
        is_linux = os.uname().sysname == "Linux"
        self._next = _by_the_system(signals) if is_linux else self._by_looking

    def next(self, pause_s: float) -> tuple[int, int]:
        """Wait for one; (0, 0) after `pause_s`, or sooner where the wait was disturbed."""
        return self._next(max(pause_s, 0.0))

    def _by_looking(self, pause_s: float) -> tuple[int, int]:
        """Look now and then, and take what the keyboard can send for sent by the keyboard.

        macOS has neither sigtimedwait nor si_code.
        """
        deadline = time.monotonic() + pause_s
        while not (pending := signal.sigpending() & self._signals):
            if time.monotonic() > deadline:
                return 0, 0
            time.sleep(0.005)
        number = signal.sigwait(pending)
        return number, int(number in _KEYBOARD)


def _by_the_system(signals: set[signal.Signals]) -> Callable[[float], tuple[int, int]]:
    import ctypes
    import sys

    members = sum(1 << (number - 1) for number in signals)
    if sys.byteorder == "big":  # a set is words of the size of a pointer
        content = members.to_bytes(ctypes.sizeof(ctypes.c_long), "big")
    else:
        content = members.to_bytes(8, "little")
    wanted = ctypes.create_string_buffer(content, _SET_BYTES)
    info = (ctypes.c_int * _INFO_INTS)()
    patience = (ctypes.c_long * 2)()
    wait: Any = ctypes.CDLL(None).sigtimedwait
    is_swapped = os.uname().machine.startswith("mips")

    def take(pause_s: float) -> tuple[int, int]:
        patience[0], patience[1] = int(pause_s), int(pause_s % 1 * 1e9)
        number = wait(wanted, info, patience)  # -1: the time has passed, or it was disturbed
        return (number, info[1 if is_swapped else 2]) if number > 0 else (0, 0)

    return take
