"""From exit code, signal and traceback to STATUS: the verdict on a finished run."""

from __future__ import annotations

import re
import signal

from meticulous.base.namedtuple import NamedTuple
from meticulous.runfolder import ERROR, SUCCESS, headline

__all__ = ["TIMEOUT", "Ended", "Outcome", "judge", "timed_out", "traceback_in"]

TIMEOUT = "timeout"
"""The reason of a run that took longer than it may."""

_PYTHON_FAILED = 1
"""Exit code of a Python program that an exception ended."""
_PYTHON_EXITED = (1, 2)
"""Exit codes of ``sys.exit("message")`` and of a command line that a parser refused. Both print the
reason last, and no exception is left that would tell it."""
_LONGEST_LINE = 500
_LONGEST_MESSAGE = 20
"""Lines that may follow a traceback as the rest of its message. Where more follow, the program
went on after it, and something else ended it."""

# Patterns stay text: `re` compiles them when a run has failed, and not in every run.
_HEADER = "Traceback (most recent call last):"
_GROUP_HEADER = "  + Exception Group Traceback (most recent call last):"
_CHAINED = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_SYNTAX_ERROR = r"(?:SyntaxError|IndentationError|TabError): "
_PRINTED_AFTERWARDS = r"Exception ignored |sys:1: |\S+:\d+: \w*Warning: "


class Outcome(NamedTuple):
    """`state` and `message` are what STATUS holds; `reason` is the message in one line, or None."""

    state: str
    message: str
    reason: str | None
    signal_name: str | None


def judge(
    ended: Ended,
    stderr_tail: str,
    reported: str | None,
    *,
    out_of_memory: bool,
    is_python: bool = False,
) -> Outcome:
    """Return the verdict.

    Args:
        ended: how the command ended; its exit code is the truth, all else is explanation.
        stderr_tail: the end of what it printed on stderr, as it came.
        reported: the traceback of the uncaught exception, where the program told us.
        out_of_memory: the kernel killed something in our control group meanwhile.
        is_python: a Python of the command has reported itself.
    """
    if ended.signal is not None:
        name = _signal_name(ended.signal)
        reason = f"killed by signal {ended.signal} ({name})"
        if ended.signal == signal.SIGKILL and out_of_memory:
            reason += ", most likely by the kernel because memory was exhausted"
        return Outcome(ERROR, reason, reason, name)
    if ended.exit_code == 0:
        return Outcome(SUCCESS, "", None, None)
    traceback = reported
    if traceback is None and ended.exit_code == _PYTHON_FAILED:
        traceback = traceback_in(stderr_tail)
    if not traceback:
        reason = f"exit code {ended.exit_code}"
        said = _last_words(stderr_tail) if is_python and ended.exit_code in _PYTHON_EXITED else None
        reason = f"{reason}: {said}" if said else reason
        return Outcome(ERROR, reason, reason, None)
    message = _with_telling_last_line(traceback)
    return Outcome(ERROR, message, headline(message), None)


def timed_out(ended: Ended, limit: str) -> Outcome:
    """Return the verdict on a command that was ended because it took longer than `limit`."""
    name = None if ended.signal is None else _signal_name(ended.signal)
    how = (
        f"was killed by {name}" if name else f"ended with exit code {ended.exit_code} when told to"
    )
    return Outcome(ERROR, f"{TIMEOUT}: it took longer than {limit} and {how}", TIMEOUT, name)


def _last_words(text: str) -> str | None:
    """Return the last line of `text`, if it is one that was meant for people."""
    if not text.endswith("\n"):
        return None
    from meticulous.base.ansi import without_sequences
    from meticulous.recording.last_words import telling

    plain = without_sequences(text)
    found = telling(plain)
    if found is not None:
        return found
    line = plain.rstrip().rpartition("\n")[2]
    is_part = line.startswith((" ", "\t")) or "\r" in line or len(line) > _LONGEST_LINE
    return None if is_part or re.match(_PRINTED_AFTERWARDS, line) else line


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def _with_telling_last_line(traceback: str) -> str:
    """End `traceback` with the exception's line, as one of an exception group does not."""
    lines = traceback.rstrip().splitlines()
    if not lines or not lines[-1].lstrip().startswith("+--"):
        return "\n".join(lines)
    own = [line[4:] for line in lines if line.startswith("  | ") and not line.startswith("  |  ")]
    return "\n".join([*lines, own[-1] if own else lines[-1]])


def traceback_in(text: str) -> str | None:
    """Return the Python traceback that `text` ends with, chained exceptions included, or None.

    Colours are taken out, and a progress bar in front of the traceback on the same line. What
    Python prints after it (warnings at exit) is not part of it.
    """
    from meticulous.base.ansi import without_sequences

    lines = [line.rstrip("\r") for line in without_sequences(text).split("\n")]
    starts = [
        number
        for number, line in enumerate(lines)
        if _starts_traceback(line)
        and not lines[max(number - 1, 0)].startswith("Exception ignored ")
    ]
    if not starts:
        return _syntax_error(lines)
    start = starts.pop()
    end = _end_of_traceback(lines, start)
    if end is None:
        return _syntax_error(lines)
    first = lines[start]
    while starts and start >= 2 and lines[start - 2].strip() in _CHAINED:
        start = starts.pop()
        first = lines[start]
    if not first.startswith(_GROUP_HEADER):
        first = _HEADER
    return "\n".join([first, *lines[start + 1 : end]]).rstrip()


def _starts_traceback(line: str) -> bool:
    """Say whether `line` is a header; those inside an exception group belong to the group's."""
    return line == _GROUP_HEADER or (line.endswith(_HEADER) and not line.lstrip().startswith("|"))


def _end_of_traceback(lines: list[str], start: int) -> int | None:
    """Return the line after the traceback that starts at `start`, None where it is not the end."""
    number = start + 1
    while number < len(lines) and lines[number].startswith(" "):
        number += 1
    is_group = lines[start] == _GROUP_HEADER
    if not is_group:
        if number >= len(lines) or not lines[number]:
            return None  # cut off before the exception's own line
        number += 1
    end, others = number, 0
    while number < len(lines) and not re.match(_PRINTED_AFTERWARDS, lines[number]):
        if lines[number].strip():
            end = number + 1
            others += not lines[number].startswith((" ", "\t"))
        number += 1
    return end if others <= _LONGEST_MESSAGE else None


def _syntax_error(lines: list[str]) -> str | None:
    """Return the error of a script that does not parse: Python prints no header for it."""
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines or not re.match(_SYNTAX_ERROR, lines[-1]):
        return None
    start = len(lines) - 1
    while start and lines[start - 1].startswith("  "):
        start -= 1
    return "\n".join(lines[start:])


class Ended(NamedTuple):
    """How the command ended: with an exit code, or killed by a signal; the other one is None."""

    exit_code: int | None
    signal: int | None
