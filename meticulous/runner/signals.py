"""Pass signals on to the command and wait for it: the whole signal story in one file.

Two situations, told apart by whether there is a controlling terminal:

* On a terminal the command stays in our process group, so that job control and Ctrl-C work as
  without us. What the kernel sends to the foreground group (``si_code`` > 0) has already reached
  the command; what somebody sends to us alone is passed on to the command's process.
* Off a terminal the command leads a process group of its own, and everything is passed on to that
  group.

A rank stays in the group in which its launcher has put us, on a terminal or off: `mpirun` signals
the whole of it, with KILL too, which we could not pass on. What has reached the command that way
is not sent again; :mod:`meticulous.runner.signal_probe` tells.

All signals that concern us are blocked before the command starts and taken one by one
(:mod:`meticulous.runner.signal_wait`); the command itself starts with the mask and the dispositions that we were given.
``docs/signals.md`` has the table of who gets what.
"""

from __future__ import annotations

import os
import signal
import time

from meticulous.base.spawn import OURS
from meticulous.masking import mask_command
from meticulous.recording.outcome import Ended
from meticulous.recording.usage import BLOCK_BYTES
from meticulous.runner.signal_wait import SignalWait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from meticulous.runner.signal_probe import SignalProbe

__all__ = ["SignalForwarder", "is_end_pending", "oom_kills", "own_peak_memory"]

_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_FORWARDED_NUMBERS = tuple(getattr(signal, name) for name in _FORWARDED)
_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "SGE_TASK_ID", "OAR_JOB_ID", "_CONDOR_JOB_AD")
"""One of these is set where a scheduler has started us."""
_JOB_CONTROL = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_RESIZE_DELAY_S = 0.03
ESCALATION_WINDOW_S = 5.0
"""Two Ctrl-C further apart than this are two first ones: a prompt may well use Ctrl-C as a key."""

_IS_MACOS = os.uname().sysname == "Darwin"
_RSS_UNIT = 1 if _IS_MACOS else 1024
"""Bytes in a unit of ru_maxrss."""


class SignalForwarder:
    """Passes signals to the command and waits for it, on the main thread.

    Make it before the command starts: it blocks the signals from then on, and adopts the
    processes that the command leaves behind, so that they can be counted and named.

    Args:
        say: prints a line to the user.
        tick: called now and then while waiting; gives the seconds until it is due again.
        resized: called when the terminal's size has changed; says whether it had an effect.
        settle: called before we stop with the command: passes on what it has printed.
        mask: the signal mask for the command, where the signals are blocked already.
        is_rank: whether a launcher has started us as one of several.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        tick: Callable[[], float],
        resized: Callable[[], bool],
        settle: Callable[[], None],
        mask: Any = None,
        *,
        is_rank: bool = False,
    ) -> None:
        self._say, self._tick, self._resized, self._settle = say, tick, resized, settle
        self.own_group = not is_rank and not _has_controlling_terminal()
        self.pid = 0
        self._is_stopped = False
        self._presses: list[float] = []
        self._resized_at: float | None = None
        self._ended: Ended | None = None
        self.is_told_to_end = False
        """Somebody has sent us a signal that ends programs."""
        self.user_s = self.system_s = 0.0
        self.read = self.written = 0
        """Bytes from and to storage, of what has ended (Linux)."""
        self.peak_memory = 0
        """Bytes of the largest single process; Linux counts the moment before exec in, so it is
        never below the launcher's own."""
        names = (*_FORWARDED, "SIGTSTP", "SIGCONT", "SIGWINCH")
        numbers = [getattr(signal, name) for name in names]
        # What we were told to ignore (nohup, a background job of a script) stays ignored by both.
        heeded = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
        signals = {*heeded, signal.SIGCHLD}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        self._arrivals = SignalWait(signals)
        self.mask = before if mask is None else mask
        self._is_adopting = _adopt_orphans()
        self._canary: SignalProbe | None = None
        is_job = is_rank or any(name in os.environ for name in _JOBS)
        if is_job and hasattr(signal, "sigtimedwait"):
            from meticulous.runner.signal_probe import SignalProbe

            passed_on = {*_FORWARDED_NUMBERS, signal.SIGTSTP, signal.SIGCONT}
            self._canary = SignalProbe({*heeded} & passed_on, own_group=self.own_group)

    def wait(self, pid: int) -> Ended:
        """Wait until the command `pid` has ended, passing signals on meanwhile."""
        self.pid = pid
        while self._ended is None:
            pause_s = self._tick()
            if self._resized_at is not None:
                pause_s = min(pause_s, _RESIZE_DELAY_S)
            number, code = self._arrivals.next(pause_s)
            if number:
                self._handle(number, code)
            self._tell_of_size()
            self._reap()
        if self._canary is not None:
            self._canary.end()
        return self._ended

    @property
    def is_asked_to_end(self) -> bool:
        """Whether somebody wants the command, and us, to be gone."""
        return self.is_told_to_end or bool(self._ended and self._ended.signal is not None)

    @property
    def has_ended(self) -> bool:
        """Whether the command has ended."""
        return self._ended is not None

    def end(self, number: int) -> None:
        """Send the signal `number` to the command's group, as a terminal would; SIGKILL to all of it.

        On a terminal we are of that group as well, so there it is sent to each of the others.
        """
        others: list[int] = []
        if self._ended is None and (number == signal.SIGKILL or not self.own_group):
            from meticulous.resources import process_tree

            others = process_tree.descendants([self.pid])
        self._send(number)
        for pid in others:
            if number == signal.SIGKILL or process_tree.group_of(pid) == os.getpgrp():
                _kill(pid, number)

    def linger(self) -> bool:
        """Take what has come since the command has ended; False where a signal wants us gone."""
        number, _ = self._arrivals.next(0)
        self._reap()
        is_end = number in _ENDING
        self.is_told_to_end |= is_end
        return not is_end

    def filled_memory(self) -> bool:
        """Say whether one process of the command took most of this host's memory."""
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return self.peak_memory > 0.8 * total

    def survivors(self) -> list[dict[str, Any]]:
        """Name the processes that the command left running: our children by now (Linux)."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except (AttributeError, ChildProcessError):
            return []  # nobody: the usual case, answered without importing psutil
        import psutil

        found: list[dict[str, Any]] = []
        for survivor in psutil.Process().children(recursive=True):
            if survivor.pid in OURS:
                continue
            try:
                if not survivor.memory_info().vms:
                    continue  # it is ending: its memory is gone, its entry not yet
                words = survivor.cmdline() or [survivor.name()]
            except psutil.Error:
                continue
            found.append({"pid": survivor.pid, "command": " ".join(mask_command(words))[:200]})
        return found

    def _handle(self, number: int, code: int) -> None:
        self.is_told_to_end |= number in _ENDING
        if number == signal.SIGCHLD:
            return
        if number == signal.SIGWINCH:
            # The kernel told our group before the pseudo-terminals had the new size.
            if self._resized():
                self._resized_at = time.monotonic()
        elif number == signal.SIGCONT:
            self._reap_command(may_stop=False)
            self._resized()  # the shell was told of a change while we were stopped, and we not
            if (self.own_group or self._is_stopped) and not self._was_sent_to_all(number):
                self._send(number)
        elif number == signal.SIGHUP and os.getsid(0) == os.getpid():
            # Of a terminal that is closed the kernel tells the leader of the session alone.
            self._send(number)
        elif code > 0 and not self.own_group:
            # From the kernel, to the whole foreground group: the command has it already.
            if number == signal.SIGINT:
                self._escalate()
        elif not self._was_sent_to_all(number):
            self._send(number)

    def _was_sent_to_all(self, number: int) -> bool:
        """Return whether a scheduler has sent it to all processes of its job, the command among them."""
        return self._canary is not None and self._canary.got(number)

    def _tell_of_size(self) -> None:
        """Send SIGWINCH once more, when the command has dealt with the kernel's.

        At once it could be lost: curses looks at the size, and then forgets all signals so far.
        """
        if self._resized_at is None or time.monotonic() - self._resized_at < _RESIZE_DELAY_S:
            return
        self._resized_at = None
        _kill(-self.pid if self.own_group else 0, signal.SIGWINCH)

    def _escalate(self) -> None:
        """Count a Ctrl-C: the second in a row sends SIGTERM, the third SIGKILL, said aloud."""
        now = time.monotonic()
        if self._presses and now - self._presses[-1] > ESCALATION_WINDOW_S:
            self._presses.clear()
        self._presses.append(now)
        if len(self._presses) == 2:
            self._say("second Ctrl-C: sending SIGTERM (a third sends SIGKILL)")
            self.end(signal.SIGTERM)
        elif len(self._presses) > 2:
            self._say("third Ctrl-C: sending SIGKILL")
            self.end(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self._ended is None:
            _kill(-self.pid if self.own_group else self.pid, number)

    def _reap(self) -> None:
        """Take note of what has changed: the command's end or stop, the ends of adopted orphans."""
        if self._ended is None:
            self._reap_command()
        while self._is_adopting:
            try:
                change = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if change is None or change.si_pid in (0, self.pid, *OURS):
                return
            self._add(os.wait4(change.si_pid, 0)[2])

    def _reap_command(self, *, may_stop: bool = True) -> None:
        pid, status, used = os.wait4(self.pid, os.WUNTRACED | os.WCONTINUED | os.WNOHANG)
        if pid == 0:
            return
        if os.WIFSTOPPED(status):
            self._is_stopped = True
            if may_stop:
                self._stop_too(os.WSTOPSIG(status))
        elif os.WIFCONTINUED(status):
            self._is_stopped = False
        else:
            self._add(used)
            is_exit = os.WIFEXITED(status)
            self._ended = Ended(
                os.WEXITSTATUS(status) if is_exit else None,
                None if is_exit else os.WTERMSIG(status),
            )

    def _add(self, used: Any) -> None:
        self.user_s += used.ru_utime
        self.system_s += used.ru_stime
        self.peak_memory = max(self.peak_memory, used.ru_maxrss * _RSS_UNIT)
        self.read += used.ru_inblock * BLOCK_BYTES
        self.written += used.ru_oublock * BLOCK_BYTES

    def _stop_too(self, number: int) -> None:
        """Stop as the command has been stopped by job control, so that the shell gets the prompt.

        Only for the signals of job control: one who sends SIGSTOP to the command from elsewhere
        will send SIGCONT there too, and we must then be awake to pass on what it prints.
        """
        if number not in _JOB_CONTROL:
            return
        self._settle()
        if signal.SIGCONT in signal.sigpending():
            return  # somebody was quicker than we, and will not continue us a second time
        # Sent while it is blocked, it is one with the same signal from the terminal, should that
        # be waiting still: two would stop us again after we have been continued.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def oom_kills() -> int:
    """Count what the kernel has killed in our control group for want of memory; 0 if unknown."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="replace") as file:
            own = next((line[3:].strip() for line in file if line.startswith("0::")), None)
        if own is None:
            return 0
        with open(f"/sys/fs/cgroup{own}/memory.events", encoding="utf-8") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    except (OSError, ValueError):
        return 0


def is_end_pending() -> bool:
    """Say whether a signal that ends programs has come while nobody was there to take it."""
    return any(number in _ENDING for number in signal.sigpending())


def own_peak_memory() -> int:
    """Return the peak memory of this process in bytes: what the command's figure cannot be below."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def _has_controlling_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _adopt_orphans() -> bool:
    """Become the parent of processes whose own parent ends, so that none is overlooked.

    False where the system has no such thing (it is Linux's).
    """
    if not hasattr(os, "waitid") or _IS_MACOS:
        return False
    import ctypes

    pr_set_child_subreaper = 36  # prctl(2)
    return bool(ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0) == 0)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # gone, or set-uid: nothing to tell it
