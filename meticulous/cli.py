"""The command line: a table of commands, of which only the chosen one is imported.

Errors that a user can cause become one message on stderr and an exit code here and nowhere else.
"""

from __future__ import annotations

import errno
import os
import sys

from meticulous import __version__
from meticulous.commands._table import COMMANDS, module_of, overview
from meticulous.errors import NOT_RECORDED, MeticulousError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]

_INTERRUPTED = 130
_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line `argv` (default: the process's own) and exit with its code."""
    words = sys.argv[1:] if argv is None else argv
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed for us, as by `>&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    try:
        code = _code_of(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output is gone (`| head`); nothing more can be said to it.
        _drop(1)
        code = 0
    except OSError as error:
        if error.filename is not None or error.errno not in _NOT_WRITTEN:
            raise
        _drop(1)
        _say(f"cannot write to stdout: {error.strerror}")
        code = 1
    sys.exit(code)


def _code_of(words: list[str]) -> int:
    """Run the command line `words` and return the code to exit with."""
    command = ""
    try:
        command, rest = _command_of(words)
        return _run_command(command, rest)
    except MeticulousError as error:
        return _report(error, command)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit as end:  # of argparse; what it has printed is still to be flushed
        return end.code if isinstance(end.code, int) else int(end.code is not None)


def _command_of(words: list[str]) -> tuple[str, list[str]]:
    """Split the command from its arguments; ``meticulous DIRECTORY …`` means ``ls DIRECTORY …``."""
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        sys.exit(0)
    if words[0] in ("-V", "--version"):
        print(f"meticulous {__version__}")
        sys.exit(0)
    if words[0] in COMMANDS:
        return words[0], words[1:]
    if os.path.isdir(words[0]):
        return "ls", words
    return "", words


def _run_command(command: str, rest: list[str]) -> int:
    if not command:
        import difflib

        near = difflib.get_close_matches(rest[0], COMMANDS, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else "See `meticulous --help`"
        raise UsageError(f"no command and no directory is called {rest[0]!r}", hint)
    # importlib would bring in what costs 0.4 ms.
    module = __import__(f"meticulous.commands.{module_of(command)}", fromlist=["main"])
    if command == "run" and not _asks_for_help(rest):
        run: int = module.main(rest)  # parses by itself: argparse would cost more than all else
        return run
    if hasattr(module, "quick") and (code := module.quick(rest)) is not None:
        return int(code)
    from meticulous.commands._parser import parser_of

    parser = parser_of(command, module)
    if hasattr(module, "prepare"):
        rest = module.prepare(rest)
    rest, extra = module.split(rest) if hasattr(module, "split") else (rest, [])
    arguments = parser.parse_args(rest)
    arguments.extra = extra
    return int(module.main(arguments))


def _asks_for_help(words: list[str]) -> bool:
    return bool(words) and words[0] in ("-h", "--help")


def _report(error: MeticulousError, command: str) -> int:
    """Print `error` on stderr, in one line, and return the exit code for it."""
    from meticulous.base.text import harmless

    _say(harmless(str(error)))
    if command == "run" and (error.exit_code is None or isinstance(error, UsageError)):
        return NOT_RECORDED
    return 1 if error.exit_code is None else error.exit_code


def _say(text: str) -> None:
    try:
        print(f"meticulous: {text}", file=sys.stderr)
    except OSError:
        _drop(2)


def _drop(descriptor: int) -> None:
    """Let what Python still holds for `descriptor` not fail once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
