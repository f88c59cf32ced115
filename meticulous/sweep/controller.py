"""Sees a sweep through: starts workers, watches the folder, and passes Ctrl-C on in steps.

The first Ctrl-C lets the running points end and starts no more; the second ends them, and they are
given back; the third kills what is left.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable

from meticulous.sweep.engines import ENDED, Watched
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.progress import Progress, Watch, dead_holders, progress
from meticulous.sweep.state import ERROR, Outcome, State, outcome_of

__all__ = ["Controller"]

_ROUNDS = 3
"""How often workers are started again for points that were lost or left."""
_SLOWEST_S = 5.0
_QUICKEST_S = 0.25
Show = Callable[[Progress, list[Outcome]], None]


class Controller:
    """One command that sees a sweep through with workers on this machine.

    Args:
        folder: the sweep.
        engine: what starts the workers.
        jobs: how many.
        show: called with the progress and the outcomes since the last call.
        say: called with what is to be said once.

    """

    def __init__(
        self,
        folder: SweepFolder,
        engine: Watched,
        jobs: int,
        show: Show,
        say: Callable[[str], None],
    ) -> None:
        self._folder, self._engine, self._jobs = folder, engine, jobs
        self._show, self._say = show, say
        self.state = State(folder)
        self._watch = Watch()
        self._shown = 0
        self._signals = 0
        self._acted = 0
        self._was_told = False

    def run(self) -> Progress:
        """Work until no point is open, or until told to stop; return what there is then."""
        told, before = self._listen()
        self.state.look()
        self._shown = len(self.state.order)
        points = self._folder.count()
        try:
            for _ in range(_ROUNDS):
                open_points = self._open(points)
                if not open_points:
                    break
                self._engine.start(min(self._jobs, open_points))
                points = self._follow(told)
                if self._was_told or self._folder.stop_reason() is not None:
                    break
                self._engine.forget()
        finally:
            self._unlisten(before)
        if trouble := self._engine.trouble():
            self._say(f"a worker could not go on: {trouble}")
        self._look(points)
        return progress(self.state, points, dead_holders(self.state))

    def _open(self, points: int) -> int:
        """Count the points that a worker would take."""
        found = progress(self.state, points, dead_holders(self.state))
        return (
            found.waiting
            + found.lost
            + len([key for key, _ in self.state.again() if self.state.status(key) == ERROR])
        )

    def _follow(self, told: int) -> int:
        """Watch until all workers have ended; return the number of points then."""
        pause, points = _QUICKEST_S, self._folder.count()
        while True:
            self._heed()
            if all(worker.state == ENDED for worker in self._engine.states()):
                self._look(points)
                return self._folder.count()
            began = time.monotonic()
            points = self._folder.count()
            self._look(points)
            pause = min(max(_QUICKEST_S, 10 * (time.monotonic() - began)), _SLOWEST_S)
            self._sleep(told, pause)

    def _sleep(self, told: int, pause: float) -> None:
        """Wait for `pause`, or until a signal comes or all workers have ended."""
        deadline = time.monotonic() + pause
        while (left := deadline - time.monotonic()) > 0:
            if select.select([told], [], [], left)[0]:
                os.read(told, 4096)
                if self._signals > self._acted:
                    return
                if all(worker.state == ENDED for worker in self._engine.states()):
                    return

    def _look(self, points: int) -> Progress:
        self.state.look()
        found = self._watch(progress(self.state, points))
        new = list(map(outcome_of, self.state.order[self._shown :]))
        self._shown = len(self.state.order)
        self._show(found, new)
        return found

    # Signals

    def _listen(self) -> tuple[int, dict[int, object]]:
        told, tell = os.pipe()
        for descriptor in (told, tell):
            os.set_blocking(descriptor, False)
        self._pipe = (told, tell)
        if threading.current_thread() is not threading.main_thread():
            return told, {}  # signals are not ours there
        signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        handlers = {
            signal.SIGINT: self._count,
            signal.SIGTERM: self._at_once,
            signal.SIGHUP: self._at_once,
            signal.SIGCHLD: lambda *_: None,
        }
        before: dict[int, object] = {}
        for number, handler in handlers.items():
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGCHLD:
                before[number] = signal.signal(number, handler)
        return told, before

    def _unlisten(self, before: dict[int, object]) -> None:
        if before:
            signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        for descriptor in self._pipe:
            os.close(descriptor)

    def _count(self, *_: object) -> None:
        self._signals += 1

    def _at_once(self, *_: object) -> None:
        self._signals = max(self._signals + 1, 2)

    def _heed(self) -> None:
        """Do what the signals since the last time ask for."""
        if self._signals <= self._acted:
            return
        self._acted = self._signals
        self._was_told = True
        if self._signals == 1:
            self._say("no new points; the running ones end. Ctrl-C again ends them")
            self._engine.drain()
        elif self._signals == 2:
            self._say("ending the running points; they are given back. Ctrl-C again kills them")
            self._engine.cancel()
        else:
            self._say("killing what is left")
            self._engine.kill()

    @property
    def was_told(self) -> bool:
        """Whether a signal has ended it."""
        return self._was_told
