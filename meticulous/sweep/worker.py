"""A worker: claims points and runs them, one after the other, until none is open.

Any number of them, on any number of machines, may work on one sweep; they know of each other only
by the files. A worker that was told to end gives its point back.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from meticulous.base.timestamps import now
from meticulous.errors import MeticulousError
from meticulous.runfolder import RunFolder
from meticulous.sweep import claims, code, objective, stopping
from meticulous.sweep.attempt import Attempt
from meticulous.sweep.chooser import Chooser
from meticulous.sweep.folder import Point, SweepFolder
from meticulous.sweep.lines import append, cannot_write
from meticulous.sweep.state import ERROR, GIVEN_BACK, LOST, SUCCESS, Outcome, State, outcome_line
from meticulous.sweep.takeover import look_into

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.sweep.search import Search

__all__ = ["BROKEN", "Worker", "main"]

BROKEN = 3
"""The exit code of a worker that could not go on."""
_BEAT_S = 15.0
_TICK_S = 1.0


class Worker:
    """One worker of `folder`.

    Args:
        folder: the sweep.
        most: the most points to run (None: until none is open).
        parent: the process that has started it: without that, it starts no more points.
        again_only: run only what may be tried again.

    """

    def __init__(
        self,
        folder: SweepFolder,
        most: int | None = None,
        parent: int | None = None,
        *,
        again_only: bool = False,
    ) -> None:
        self.folder, self._most, self._parent = folder, most, parent
        self.name = (
            f"{socket.gethostname()}-{os.getpid()}-{time.time_ns() // 1_000_000 % 10**8:08d}"
        )
        self._journal = folder.file("workers", f"{self.name}.jsonl")
        holder = {**claims.holder_here(self.name), "time": now()}
        self._holder = holder
        self._claimant = claims.Claimant(folder, holder)
        self._beaten = 0.0
        self._longest_s = 0.0
        self._is_past_first = False
        self._end_time: float | None = None
        self.state = State(folder)
        self._chooser = Chooser(self.state, self._claimant, again_only=again_only)
        self._search = _search_of(folder)
        self._is_draining = self._is_ending = False
        self._told = -1

    def work(self) -> int:
        """Run points until none is open; return the exit code, 0 unless something broke."""
        self._listen()
        self.begin()
        done = 0
        while self._most is None or done < self._most:
            claim = self.claim()
            if claim is None:
                break
            self._run(*claim)
            done += 1
        self._claimant.close()
        return 0

    def begin(self) -> None:
        """Say in the folder that there is such a worker. Raises SweepError."""
        code.check(self.folder)
        self.folder.prepare()
        append(self._journal, [json.dumps(self._holder)])
        self.state.look()

    def claim(self) -> tuple[Point, int] | None:
        """Claim a point: (the point, the number of the try); None where we are to end."""
        self._beat()
        return None if self._is_over() else self._next()

    # Signals

    def _listen(self) -> None:
        """TERM, INT and HUP end the run and return the point back; USR1 lets it end by itself."""
        self._told, tell = os.pipe()
        for descriptor in (self._told, tell):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        signal.signal(signal.SIGUSR1, self._drain)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _end(self, *_: object) -> None:
        self._is_ending = self._is_draining = True

    def _drain(self, *_: object) -> None:
        self._is_draining = True

    def _is_over(self) -> bool:
        is_orphan = self._parent is not None and os.getppid() != self._parent
        if is_orphan or self._is_time_short():
            self._is_draining = True
        return self._is_draining or self.folder.stop_reason() is not None

    def _is_time_short(self) -> bool:
        """Return whether the job ends before another point like the longest so far would."""
        if not self._longest_s or "SLURM_JOB_ID" not in os.environ:
            return False
        if self._end_time is None:
            from meticulous.sweep.engines.slurm import end_of_job

            self._end_time = end_of_job(os.environ)
        return self._end_time - time.time() < self._longest_s

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Touch our file from a thread, while the process does something else than to wait."""
        is_over = threading.Event()

        def beat() -> None:
            while not is_over.wait(_BEAT_S):
                try:
                    os.utime(self._journal)
                except OSError:
                    pass  # the next claim will say so

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _beat(self) -> None:
        """Touch our file, by which others see that we live. The server's clock counts."""
        moment = time.monotonic()
        if moment - self._beaten < _BEAT_S:
            return
        self._beaten = moment
        try:
            os.utime(self._journal)
        except OSError as error:
            raise cannot_write(self.folder.path, error) from error

    # Choosing

    def _next(self) -> tuple[Point, int] | None:
        """Claim an open point: (the point, the number of the try)."""
        chooser = self._chooser
        if claim := chooser.new():
            return claim
        self.state.look()
        if claim := chooser.new() or chooser.again():
            return claim
        for point, number in chooser.of_dead(self._server_time):
            if self._is_to_run_again(point, number):
                return point, number + 1
        return None

    def _is_to_run_again(self, point: Point, number: int) -> bool:
        """Note how a try has ended whose worker is dead, and whose next try is ours."""
        found = look_into(self.folder, point.key, number, self._beat)
        if found.status != LOST:
            self.note(self._settled(found._replace(number=number + 1)))
            return False
        append(self._journal, [outcome_line(found._replace(time=now()))])
        self.state.look()
        if self.state.is_given_up(point.key):
            self.note(found._replace(number=number + 1, status=ERROR))
            return False
        return True

    def _server_time(self) -> float:
        """Return the time on the clock of the file server: that of our file, just touched."""
        os.utime(self._journal)
        return os.stat(self._journal).st_mtime

    # Running

    def _run(self, point: Point, number: int) -> None:
        trial = None
        if self._search is not None:
            before = claims.details(self.folder, point.key, number - 1)
            last = self.state.last(point.key)
            is_given_back = last is not None and last.status in GIVEN_BACK
            trial = self._search.trial(point, before, is_given_back=is_given_back)
        attempt = Attempt(self.folder, point, number, self.state.earlier_run(point.key), trial)
        attempt.start()
        while not attempt.wait(self._told, _TICK_S):
            self._beat()
            if self._is_ending or self.folder.stop_reason() == stopping.NOW:
                attempt.end()
        outcome = attempt.outcome()
        self._longest_s = max(self._longest_s, outcome.seconds or 0.0)
        self.note(outcome)

    def _settled(self, outcome: Outcome) -> Outcome:
        """Complete the outcome of a run that has gone on without its worker."""
        if outcome.status == SUCCESS and outcome.run is not None:
            run = RunFolder(os.path.join(self.folder.directory("experiments"), outcome.run))
            outcome = objective.with_value(self.folder, run, outcome)
        if self._search is not None:
            told = claims.details(self.folder, outcome.key, outcome.number - 1)
            outcome = self._search.settle(told, outcome)
        return outcome

    def note(self, outcome: Outcome) -> None:
        """Write down how a point has ended; stop the sweep where that is a reason to."""
        append(self._journal, [outcome_line(outcome._replace(time=now()))])
        if outcome.status == ERROR:
            self._consider_stopping(outcome)

    def _consider_stopping(self, outcome: Outcome) -> None:
        folder = self.folder
        if folder.specification.get("fail-fast"):
            folder.stop(f"a point failed: {outcome.message}")
            return
        if self._is_past_first:
            return
        self.state.look()
        first = stopping.since_last_start(folder, self.state.order)[: stopping.ALIKE]
        self._is_past_first = len(first) == stopping.ALIKE
        kinds = {stopping.alike(one.message) for one in first if one.status == ERROR}
        if self._is_past_first and len(kinds) == 1 and {one.status for one in first} == {ERROR}:
            folder.stop(f"the first {stopping.ALIKE} points have failed alike: {outcome.message}")


def _search_of(folder: SweepFolder) -> Search | None:
    """Return what chooses the values of a search; None where the points are listed."""
    if not folder.specification.get("search"):
        return None
    from meticulous.sweep.search import Search

    return Search(folder)


def main(
    path: str, most: int | None = None, parent: int | None = None, *, again_only: bool = False
) -> int:
    """Work on the sweep in the folder `path`; what goes wrong is said on stderr."""
    try:
        return Worker(SweepFolder(path), most, parent, again_only=again_only).work()
    except MeticulousError as error:
        print(f"meticulous: {error}", file=sys.stderr, flush=True)
        return BROKEN
