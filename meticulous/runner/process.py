"""Find the command, start it, and end as it did: the one place that starts it.

Who gets which signal meanwhile is the matter of :mod:`meticulous.runner.signals`.
"""

from __future__ import annotations

import errno
import os
import signal

from meticulous.base.spawn import which
from meticulous.errors import CommandNotFoundError, CommandNotRunnableError
from meticulous.recording.outcome import Ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

__all__ = ["die_like", "exec_bare", "resolve", "start"]

# Python ignores these two; the command must get them as every program expects them.
_PYTHON_IGNORES = (signal.SIGPIPE, signal.SIGXFSZ)


def resolve(word: str, search_path: str | None) -> str:
    """Return the file that running `word` would execute.

    Raises CommandNotFoundError (127) or CommandNotRunnableError (126), as a shell would.
    """
    if not word:
        raise CommandNotFoundError("the command is empty", "Give a program to run")
    if "/" in word:
        if not os.path.exists(word):
            raise CommandNotFoundError(f"there is no file {word}", "Check the path")
        _check_executable(word)
        return word
    found = which(word, search_path)
    if found:
        return found
    unusable = which(word, search_path, os.F_OK)
    if unusable:
        _check_executable(unusable)
    hint = "Check the spelling and PATH"
    if os.path.exists(word):
        hint = f"There is one here: write ./{word}, or name the program that runs it"
    raise CommandNotFoundError(f"no command {word!r} in PATH", hint)


def _check_executable(path: str) -> None:
    if os.path.isdir(path):
        raise CommandNotRunnableError(f"{path} is a directory", "Give a program to run")
    if not os.access(path, os.X_OK):
        hint = f"Run `chmod +x {path}`, or name the program that runs it, such as `python {path}`"
        raise CommandNotRunnableError(f"{path} is not executable", hint)


def exec_bare(program: str, command: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the command: nothing of us is left. Raises CommandNotRunnableError."""
    for number in _PYTHON_IGNORES:
        signal.signal(number, signal.SIG_DFL)
    try:
        try:
            os.execve(program, command, environ)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            os.execve("/bin/sh", ["/bin/sh", program, *command[1:]], environ)
    except OSError as error:
        raise _cannot_start(program, error) from error


def start(
    program: str,
    command: list[str],
    environ: Mapping[str, str],
    streams: Mapping[int, int],
    *,
    own_group: bool,
    mask: Any,
) -> int:
    """Start `command` and return its process id.

    `streams` maps the command's descriptors (1, 2) to ours. Every descriptor that we were given
    and that may be inherited (a make jobserver, ``<(…)`` of a shell) is the command's too: we
    close none, as ours are all close-on-exec. ``posix_spawn`` can set the signal mask, which
    ``subprocess`` cannot. Raises CommandNotRunnableError.
    """
    options: dict[str, Any] = {
        "file_actions": [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in streams.items()],
        "setsigmask": mask,
        "setsigdef": _PYTHON_IGNORES,
    }
    if own_group:
        options["setpgroup"] = 0
    try:
        try:
            return os.posix_spawn(program, command, environ, **options)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            # A script without a `#!` line: shells and execvp give it to /bin/sh.
            words = ["/bin/sh", program, *command[1:]]
            return os.posix_spawn("/bin/sh", words, environ, **options)
    except OSError as error:
        raise _cannot_start(program, error) from error


def _cannot_start(program: str, error: OSError) -> CommandNotRunnableError:
    hint = "Check the file"
    if error.errno == errno.ENOENT:
        hint = "The interpreter on its first line (#!) does not exist"
    elif error.errno == errno.E2BIG:
        hint = "The arguments and the environment are larger than the system allows"
    return CommandNotRunnableError(f"cannot start {program}: {error.strerror}", hint)


def die_like(ended: Ended) -> int:
    """Return the exit code to end with; where a signal killed the command, die of it instead."""
    if ended.signal is None:
        return ended.exit_code or 0
    import resource

    # The core file, if any, is to be the command's, not ours.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ended.signal not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(ended.signal, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {ended.signal})
    os.kill(os.getpid(), ended.signal)
    return 128 + ended.signal
