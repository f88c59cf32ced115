"""What this process prints, caught where it leaves the process: at descriptors 1 and 2.

Pipes (pseudo-terminals, where the real ones are terminals) take the place of descriptors 1 and 2,
so that C code and subprocesses are caught too, and ``sys.stdout`` stays the object that it is. A
Python stream that does not lead to its descriptor (in a notebook, under pytest) is teed besides,
see :mod:`meticulous.inprocess.redirect`. The bytes go to a relay, see :mod:`meticulous.capture.relay`: a
process of its own, so that a crash of this one loses nothing that had been written.

One capture serves all runs that are open at the same time.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time

from meticulous import runfolder
from meticulous.base.descriptors import close
from meticulous.capture.relay import Relay, receive, send
from meticulous.inprocess import redirect
from meticulous.inprocess.redirect import Tap, flush
from meticulous.runfolder import RunFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Capture"]

_START = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from meticulous.capture.relay import main; main(sys.argv[2:])"
)
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_S = 2.0
"""How long to wait for what the relay has to write when the program, or an experiment, ends."""
_LAST_MOMENT_S = 0.5
_PAUSE_S = 0.001
_OFF = "streams: no process, thread or descriptor could be had to record them"
_GONE = "streams: the process that carries them is gone"


class Capture:
    """The streams of this process, from :meth:`begin` until the last run is closed.

    Making one starts the relay, which takes a moment to get ready; nothing is caught yet.
    """

    def __init__(self) -> None:
        self._taps: list[Tap] = []
        self._keys: set[int] = set()
        self._requests = 0
        self._answers: dict[int, Any] = {}
        self._is_kept = self._is_here = self._is_off = False
        self._carrier = 0
        self._tell = self._listen = -1
        self._pid: int | None = None
        try:
            self._prepare()
        except OSError:  # the limit of descriptors, no pseudo-terminals: nothing is caught
            self._is_off = True
            self.abandon()

    def _prepare(self) -> None:
        for tap in redirect.make():
            self._taps.append(tap)
        told, self._tell = _pipe()
        self._listen, answers = _pipe()
        self._pid = _start(self._taps, told, answers)
        close(told)
        close(answers)

    def begin(self) -> None:
        """Put the taps in place; from here on everything printed is caught."""
        if self._is_off:
            return
        if not self._is_ready() and not self._carry_here():
            self._is_off = True
            return
        flush()
        for tap in self._taps:
            tap.gone = self.put_back
            tap.begin()

    @property
    def is_in_place(self) -> bool:
        """Whether the program has put nothing else in the place of its streams since."""
        return bool(self._keys) and all(tap.is_in_place() for tap in self._taps)

    @property
    def is_in_use(self) -> bool:
        """Whether a run is open."""
        return bool(self._keys)

    def open(
        self,
        key: int,
        run: RunFolder,
        started_s: float,
        sample_interval_s: float | None,
        words: dict[str, Any],
    ) -> None:
        """Record what is printed from now on in `run`, known as `key`.

        `started_s` is the zero of the run's timeline, as :func:`time.monotonic` tells it. Its
        environment.json is written too: `words` are those of ``environment.gather``, and
        ``same_as``, a run folder whose environment was the same, or empty. Resources are sampled
        as with ``run --sample-interval``.
        """
        self._keys.add(key)
        if self._is_off:
            return
        flush()
        files = {name: run.file(name) for name in (runfolder.STDOUT, runfolder.STDERR)}
        files[""] = run.file(runfolder.TIMELINE)
        self._ask("open", key, run.path, files, started_s, sample_interval_s, words)

    def close(self, key: int) -> tuple[list[str], dict[str, Any]]:
        """End recording for `key` when all that was printed is recorded.

        Give what went wrong, and the keys of ``usage`` that come from samples.
        """
        self._keys.remove(key)
        if self._is_off:
            self.abandon()
            return [_OFF], {}
        flush()
        if not self._keys:
            for tap in self._taps:
                tap.end()
        answer: tuple[list[str], dict[str, Any]] | None = self._ask("close", key)
        if not self._keys and not self._is_kept:
            self.abandon()
        return ([_GONE], {}) if answer is None else answer

    def keep(self) -> None:
        """Keep the relay when the last run is closed, for :meth:`tell_exit_code`."""
        self._is_kept = not self._is_here

    def tell_exit_code(self, paths: list[str]) -> None:
        """Let the relay correct the ends of the runs at `paths` by the exit code to come."""
        if self._is_kept and self._ask("await_exit", paths):
            from meticulous.inprocess import exit_code

            exit_code.tell(self._tell, self._listen)

    def abandon(self) -> None:
        """Let go of the relay; it ends by itself when it has carried all: see :meth:`is_over`."""
        for tap in self._taps:
            tap.close()
        self._taps = []
        self._tell = _closed(self._tell)
        self._reap()
        if _is_child(self._carrier):  # whoever waits for all children is not to find it
            self.is_over(PATIENCE_S)

    def is_over(self, patience_s: float) -> bool:
        """Wait at most `patience_s` until the relay has written all but what is still printed.

        Where this process is the parent of orphans (process 1 of a container, a subreaper), the
        relay is collected when it has ended.
        """
        if self._tell >= 0:
            return False  # it awaits the exit code
        if self._listen >= 0:
            poll = select.poll()
            poll.register(self._listen, select.POLLIN)
            while poll.poll(patience_s * 1000):
                if not _received(self._listen):
                    self._listen = _closed(self._listen)
                    break
        if self._listen >= 0:
            return False
        deadline = time.monotonic() + min(patience_s, _LAST_MOMENT_S)
        while _is_child(self._carrier):
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_S)
        return True

    def forget(self) -> None:
        """Leave the relay to the process that this one is a fork of."""
        self._tell, self._listen = _closed(self._tell), _closed(self._listen)

    def put_back(self) -> None:
        """Let the program print as without us, as the relay is gone: it must not fail for that."""
        for tap in self._taps:
            tap.put_back()

    def _is_ready(self) -> bool:
        """Wait until the relay carries; False where it could not start."""
        answer = receive(self._listen) if self._pid is not None else None
        self._reap()
        if answer is not None:
            _, self._carrier = answer
        return answer is not None

    def _reap(self) -> None:
        pid, self._pid = self._pid, None
        if pid is not None:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass  # the program ignores SIGCHLD, or waits for all children itself

    def _carry_here(self) -> bool:
        """Carry with threads of this process: all is well but for what a crash leaves in pipes.

        Return False where there can be no more threads.
        """
        close(self._tell)
        close(self._listen)
        told, self._tell = _pipe()
        self._listen, answers = _pipe()
        channels = [tap.hand_over() for tap in self._taps]
        relay = Relay(channels, told, answers, os.getpid())
        self._is_here = True

        def serve() -> None:
            try:
                relay.serve()
            except RuntimeError:
                close(answers)

        try:
            threading.Thread(target=serve, name="relay", daemon=True).start()
        except RuntimeError:
            close(answers)
        return receive(self._listen) is not None

    def _ask(self, what: str, *words: Any) -> Any:
        """Ask the relay and wait for the answer; None where it is gone.

        A signal handler may ask while another answer is awaited; so answers have numbers.
        """
        self._requests += 1
        number = self._requests
        try:
            send(self._tell, (number, what, *words))
            while number not in self._answers:
                answer = receive(self._listen)
                if answer is None:
                    return None
                self._answers[answer[0]] = answer[1]
        except OSError:
            return None
        return self._answers.pop(number)


def _start(all_taps: list[Tap], told: int, answers: int) -> int | None:
    """Start the relay's process: its id, or None where there is no Python to start."""
    # A program that Python is embedded in (uWSGI, Blender) may call itself the executable.
    is_python = "py" in os.path.basename(sys.executable or "").lower()
    if not is_python or getattr(sys, "frozen", False):
        return None
    null = redirect.raised(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
    trouble = next((tap.sink for tap in all_taps if tap.number == 2 and tap.sink >= 0), null)
    theirs = [told, answers, trouble]
    words = [str(os.getpid())]
    for tap in all_taps:
        sink = tap.sink if tap.sink >= 0 else null
        words += [tap.name, str(len(theirs)), str(len(theirs) + 1), tap.terminal]
        theirs += [tap.source, sink]
    command = [sys.executable, "-I", "-S", "-c", _START, _ROOT, *words]
    actions = [(os.POSIX_SPAWN_DUP2, ours, number) for number, ours in enumerate(theirs)]
    try:
        return os.posix_spawn(
            sys.executable,
            command,
            os.environ,
            file_actions=actions,
            # It outlives whatever ends the program, a Ctrl-C on the terminal included.
            setsigmask=signal.valid_signals(),
            setsigdef=[signal.SIGCHLD],  # ignored, it would keep from it how its child has ended
        )
    except OSError:
        return None
    finally:
        close(null)


def _closed(descriptor: int) -> int:
    """Close `descriptor`, unless it is -1; return -1."""
    if descriptor >= 0:
        close(descriptor)
    return -1


def _received(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""


def _is_child(pid: int) -> bool:
    """Return whether `pid` is a child of this process that has not ended; collect it if it has."""
    if not pid:
        return False
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def _pipe() -> tuple[int, int]:
    ours, theirs = os.pipe()
    return redirect.raised(ours), redirect.raised(theirs)
