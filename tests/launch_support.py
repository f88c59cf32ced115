"""What the tests of the launcher share: the same command natively and recorded, pipes or terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pexpect

from tests.conftest import DEADLINE_S, wait_until

__all__ = [
    "AS_ANOTHER_USER",
    "CHILDREN",
    "ENTRY_POINTS",
    "METICULOUS",
    "PYTHON",
    "Seen",
    "Terminal",
    "Words",
    "child",
    "deterministic_bytes",
    "interactive_shell",
    "is_running",
    "lines_of",
    "natively",
    "recorded",
    "running",
    "status_field",
]

CHILDREN = Path(__file__).parent / "children"
PYTHON = sys.executable
METICULOUS = [os.path.join(sysconfig.get_path("scripts"), "meticulous")]
ENTRY_POINTS = {"script": METICULOUS, "module": [PYTHON, "-m", "meticulous"]}
_READS = "+dac_override,+dac_read_search"
AS_ANOTHER_USER = [
    "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
    "--inh-caps", _READS, "--ambient-caps", _READS,
]  # fmt: skip
"""For root: the rest of a command as a user who may read every file, and signal no process."""
Words = Sequence[str | bytes | Path]


class Seen(NamedTuple):
    """What a caller sees of a command."""

    code: int
    stdout: bytes
    stderr: bytes


def child(name: str) -> list[str]:
    """Return the command that runs the Python program ``children/NAME.py``."""
    return [PYTHON, str(CHILDREN / f"{name}.py")]


def natively(command: Words, cwd: Path, under: Words = (), **options: Any) -> Seen:
    """Run `command` as it is. `under` is a prefix that prepares the process and executes the rest."""
    options = {"capture_output": True, "timeout": DEADLINE_S, **options}
    done = subprocess.run([*under, *command], cwd=cwd, check=False, **options)
    return Seen(done.returncode, done.stdout or b"", done.stderr or b"")


def recorded(
    command: Words,
    cwd: Path,
    under: Words = (),
    entry: str = "script",
    options_of_run: Sequence[str] = ("-q",),
    **options: Any,
) -> Seen:
    """Run `command` under ``meticulous run -q``, otherwise as :func:`natively` does."""
    prefix = [*ENTRY_POINTS[entry], "run", *options_of_run, "--"]
    return natively([*prefix, *command], cwd, under, **options)


@contextmanager
def running(
    command: Words, cwd: Path, ready: bytes = b"ready\n", **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Start `command` in a session without a terminal; wait for its line `ready` on stdout.

    Whatever is left of its session in the end is killed.
    """
    options = {"stdout": subprocess.PIPE, "start_new_session": True, "bufsize": 0, **options}
    with subprocess.Popen(list(command), cwd=cwd, **options) as process:
        try:
            if ready:
                assert process.stdout is not None
                assert ready == process.stdout.readline()
            yield process
        finally:
            kill_session(process.pid)


def kill_session(session: int) -> None:
    """Kill every process of `session`."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if os.getsid(int(entry)) == session:
                os.kill(int(entry), signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def is_running(pid: int) -> bool:
    """Say whether `pid` is a process that is no zombie."""
    return status_field(pid, "State") not in ("", "Z", "X")


def status_field(pid: int | str, name: str) -> str:
    """Return the first word of a field of ``/proc/PID/status``; empty where there is none."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    found = re.search(rf"^{name}:\s+(\S+)", text, re.MULTILINE)
    return found[1] if found else ""


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file that a child may not have made yet."""
    return path.read_text().splitlines() if path.exists() else []


def deterministic_bytes(count: int) -> bytes:
    """Return `count` bytes that look random and are the same each time."""
    import random

    return random.Random(7).randbytes(count)


class Terminal:
    """A command on a pseudo-terminal of its own, whose session it leads.

    ``output`` is all that has been seen on the terminal so far.
    """

    def __init__(
        self,
        command: Words,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        size: tuple[int, int] = (24, 80),
    ) -> None:
        words = [os.fsdecode(word) for word in command]
        environ = {**os.environ, "TERM": "xterm-256color", **(env or {})}
        for name in {"LINES", "COLUMNS"} - {*(env or {})}:  # xdist sets them
            environ.pop(name, None)
        self.output = b""
        self._process = pexpect.spawn(
            words[0],
            words[1:],
            cwd=str(cwd),
            env=environ,  # type: ignore[arg-type]
            dimensions=size,
            timeout=DEADLINE_S,
        )
        self._process.delaybeforesend = None
        self.pid: int = self._process.pid

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        kill_session(self.pid)
        self._process.close(force=True)

    def wait_for(self, text: str) -> bytes:
        """Wait until `text` is printed; return what came since the last wait, `text` included."""
        self._process.expect_exact(text.encode())
        seen: bytes = self._process.before + self._process.after
        self.output += seen
        return seen

    def type(self, text: str) -> None:
        """Type `text`; ``\\x03`` is Ctrl-C, ``\\x1a`` Ctrl-Z."""
        self._process.send(text.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the terminal, as a user does with the mouse."""
        self._process.setwinsize(rows, columns)

    def send_signal(self, number: int) -> None:
        """Send a signal to the session's leader alone."""
        os.kill(self.pid, number)

    def modes(self) -> list[Any]:
        """Return the modes of the terminal, as ``termios.tcgetattr``."""
        import termios

        return termios.tcgetattr(self._process.child_fd)

    def wait_for_job(self) -> None:
        """Wait until the shell has given the terminal to a job: what is typed before may be lost."""
        wait_until(lambda: os.tcgetpgrp(self._process.child_fd) != self.pid)

    def end(self) -> int:
        """Wait for the end; return the exit code, or minus the signal that killed it."""
        self._process.expect(pexpect.EOF)
        self.output += self._process.before
        self._process.wait()
        signal_number = self._process.signalstatus
        code: int = self._process.exitstatus if signal_number is None else -signal_number
        return code


PROMPT = "<prompt>"


@contextmanager
def interactive_shell(cwd: Path) -> Iterator[Terminal]:
    """Start an interactive bash with job control; it shows :data:`PROMPT` when it is ready."""
    env = {"PS1": PROMPT, "PROMPT_COMMAND": "", "HISTFILE": ""}
    command = ["bash", "--norc", "--noprofile", "-i"]
    with Terminal(command, cwd, env, size=(24, 200)) as shell:
        shell.wait_for(PROMPT)
        shell.type("bind 'set enable-bracketed-paste off'\r")
        shell.wait_for(PROMPT)
        yield shell


def wait_for_state(pid: int, states: str) -> None:
    """Wait until the process is in one of `states` (letters as in ``/proc/PID/status``)."""
    wait_until(lambda: status_field(pid, "State") in states, f"{pid} is not in {states}")


def peak_memory_of(command: Words, cwd: Path, sink: Path) -> tuple[int, int]:
    """Run `command` with stdout going to `sink`: (exit code, peak memory of it alone in bytes)."""
    answer = cwd.parent / "measured"
    with sink.open("wb") as file:
        subprocess.run([*child("measure"), str(answer), *command], cwd=cwd, stdout=file, check=True)
    code, peak = answer.read_text().split()
    return int(code), int(peak)


def settle(seconds: float) -> None:
    """Let time pass where a test must show that something does *not* happen."""
    time.sleep(seconds)
