"""Signals are taken one by one, and none is taken that nobody has sent."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.conftest import runs_of, wait_until

COUNTING = """
import signal, time
for number in {*signal.valid_signals()} - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGCONT}:
    if number < 32:
        signal.signal(number, lambda number, frame: print(signal.Signals(number).name, flush=True))
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def test_a_recorder_that_is_stopped_and_continued_passes_nothing_on(repository: Path) -> None:
    """Python's own sigtimedwait then tells of a SIGQUIT, or of what is no signal."""
    recorder = subprocess.Popen(
        [sys.executable, "-m", "meticulous", "run", sys.executable, "-c", COUNTING],
        cwd=repository,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

    def printed() -> list[str]:
        runs = runs_of(repository)
        path = Path(runs[0].file("stdout")) if runs else None
        return path.read_text().split() if path and path.exists() else []

    wait_until(lambda: printed() == ["ready"])
    process = psutil.Process(recorder.pid)
    for _ in range(3):
        recorder.send_signal(signal.SIGSTOP)
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
        time.sleep(0.2)  # longer than it would have waited
        recorder.send_signal(signal.SIGCONT)
        wait_until(lambda: process.status() != psutil.STATUS_STOPPED)
    recorder.send_signal(signal.SIGUSR1)
    wait_until(lambda: "SIGUSR1" in printed())
    assert printed() == ["ready", "SIGUSR1"]
    process.children()[0].kill()
    _, said = recorder.communicate(timeout=60)
    assert b"Traceback" not in said
    assert recorder.returncode == -signal.SIGKILL


ASKING = """
import os, signal
from meticulous.runner.signal_wait import SignalWait
signals = {signal.SIGUSR1, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
arrivals = SignalWait(signals)
print(arrivals.next(0))
os.kill(os.getpid(), signal.SIGTERM)
os.kill(os.getpid(), signal.SIGUSR1)
print(sorted([arrivals.next(10), arrivals.next(10)]))
print(arrivals.next(0.001))
"""


def test_the_number_and_the_sender_are_told() -> None:
    """By a process of its own, since here are threads that have them not blocked."""
    done = subprocess.run([sys.executable, "-c", ASKING], capture_output=True, check=True)
    taken = sorted([(int(number), 0) for number in (signal.SIGUSR1, signal.SIGTERM)])  # SI_USER
    assert done.stdout.decode().splitlines() == ["(0, 0)", str(taken), "(0, 0)"]
