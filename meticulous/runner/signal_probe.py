"""Return whether a signal was sent to all processes of the job, and so to the command as well.

Schedulers signal every process of a job (``scancel``, preemption, the time limit), or one of them
(``--signal=B:…``). Nothing tells us which it was; and a program that is told twice to end may be
killed by the second while it ends well because of the first. `mpirun` signals the group of each of
its processes. So there is one more process, in a group of its own or in ours as the command is:
what it gets too has been sent to all.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from meticulous.base.spawn import OURS

__all__ = ["SignalProbe"]

PATIENCE_S = 0.1
"""How long the others may get a signal after us."""
_RECENT_S = 1.0

# A Python of its own, started with the signals blocked, and not a fork of ours: who looks for us by
# our command line (`pkill -f "meticulous run"`) is to find us alone.
_PROGRAM = """
import ctypes, os, signal, sys, time
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
os.closerange(2, 65536)
os.close(0)
while os.getppid() == int(sys.argv[1]):
    received = signal.sigwaitinfo([int(number) for number in sys.argv[2:]])
    os.write(1, b"%d@%.6f " % (received.si_signo, time.monotonic()))
"""


class SignalProbe:
    """The one more process; it ends with us.

    Args:
        signals: that it is to tell of. It must be able to take them, so they are no KILL or STOP.
        own_group: whether the command has a process group of its own.
    """

    def __init__(self, signals: set[signal.Signals], *, own_group: bool) -> None:
        self._told, tell = os.pipe()
        self._got: dict[int, float] = {}
        words = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(os.getpid())]
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [*words, *(str(int(number)) for number in signals)],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, tell, 1)],
                setsigmask=signal.valid_signals(),
                setpgroup=0 if own_group else os.getpgrp(),
            )
            OURS.add(self._pid)
        except OSError:
            self._pid = 0  # without it signals are passed on, whoever else has got them
        os.close(tell)

    def got(self, number: int) -> bool:
        """Return whether it has got the signal `number`, which has just reached us."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            left_s = max(deadline - time.monotonic(), 0.0)
            if select.select([self._told], [], [], left_s)[0]:
                content = os.read(self._told, 4096)
                for word in content.split():
                    kind, _, moment = word.partition(b"@")
                    self._got[int(kind)] = float(moment)
                if not content:
                    return False  # it has been killed
            if time.monotonic() - self._got.pop(number, -_RECENT_S) < _RECENT_S:
                return True
            if left_s == 0:
                return False

    def end(self) -> None:
        """End it."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            OURS.discard(self._pid)
            self._pid = 0
