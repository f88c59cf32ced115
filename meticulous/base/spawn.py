"""Start another program and read its answer.

For the few questions that are asked before the command starts. Importing ``subprocess`` would take
8 ms, as long as all answers of git together; ``posix_spawn`` needs no import.
"""

from __future__ import annotations

import os
import threading

from meticulous.base.descriptors import close
from meticulous.base.namedtuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["OURS", "Answer", "Asked", "ask", "which"]


OURS: set[int] = set()
"""Processes that meticulous itself has started while a command runs; they do not belong to the command."""

_FATAL = 128
"""Exit code of a program whose own is not known and that complains; git's."""


class Answer(NamedTuple):
    """The output of the program and its exit code (negative: the signal that killed it)."""

    code: int
    stdout: bytes
    stderr: bytes


class Asked(NamedTuple):
    """A program that has been started and is answering; there may be several at the same time."""

    pid: int
    stdin: int | None
    stdout: int
    stderr: int

    def answer(self, told: bytes = b"", *, at_length: bool = False) -> Answer:
        """Tell the program `told` on its stdin, wait for its end and return what it printed.

        With `at_length` it may complain, and be told, more than fits into a pipe while it answers;
        that takes threads, and without is half a millisecond quicker.
        """
        stdout, stderr = self._converse(told) if at_length else self._listen(told)
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:  # the program that we are in ignores SIGCHLD, or has waited
            return Answer(_FATAL if stderr else 0, stdout, stderr)
        return Answer(os.waitstatus_to_exitcode(status), stdout, stderr)

    def _listen(self, told: bytes) -> tuple[bytes, bytes]:
        self._tell(told)
        return _read_all(self.stdout), _read_all(self.stderr)

    def _converse(self, told: bytes) -> tuple[bytes, bytes]:
        complaints: list[bytes] = []
        listener = threading.Thread(target=lambda: complaints.append(_read_all(self.stderr)))
        teller = threading.Thread(target=self._tell, args=(told,))
        for thread in (listener, teller):
            thread.start()
        stdout = _read_all(self.stdout)
        for thread in (listener, teller):
            thread.join()
        return stdout, complaints[0]

    def _tell(self, told: bytes) -> None:
        if self.stdin is None:
            return
        with open(self.stdin, "wb", buffering=0) as file:
            try:
                rest = memoryview(told)
                while rest:
                    rest = rest[file.write(rest) :]
            except BrokenPipeError:
                pass  # it has ended already; its exit code says why


def ask(
    program: str, arguments: Sequence[str], environ: Mapping[str, str], *, listens: bool = False
) -> Asked:
    """Start `program` (a path) with `arguments`. Raises OSError if it cannot be started.

    With `listens` it waits for what :meth:`Asked.answer` tells it; else its stdin is empty.
    """
    made: list[int] = []
    try:
        made += os.pipe() if listens else (os.open(os.devnull, os.O_RDONLY), -1)
        made += os.pipe()
        made += os.pipe()
    except OSError:
        for descriptor in made:
            if descriptor >= 0:
                close(descriptor)
        raise
    in_read, in_write, out_read, out_write, err_read, err_write = made
    ends = ((in_read, 0), (out_write, 1), (err_write, 2))
    try:
        actions = [(os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in ends]
        pid = os.posix_spawn(program, [program, *arguments], environ, file_actions=actions)
    except OSError:
        for descriptor in (in_write, out_read, err_read):
            if descriptor >= 0:
                close(descriptor)
        raise
    finally:
        for ours, _ in ends:
            close(ours)
    return Asked(pid, in_write if listens else None, out_read, err_read)


def which(name: str, search_path: str | None, mode: int = os.X_OK) -> str | None:
    """Return the file that `name` is in `search_path` (as PATH) and that allows `mode`, or None."""
    for directory in (search_path or os.defpath).split(os.pathsep):
        candidate = os.path.join(directory or ".", name)
        if os.path.isfile(candidate) and os.access(candidate, mode):
            return candidate
    return None


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb", buffering=0) as file:
        return file.readall()
