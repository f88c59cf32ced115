"""``run --detach``: the recorder becomes a process of its own that nobody waits for.

The checks have been made in the foreground. What can still go wrong until the command has begun is
told through a pipe to the process that the user has started, which ends with it.
"""

from __future__ import annotations

import json
import os

from meticulous.errors import NOT_RECORDED, MeticulousError
from meticulous.recording.record import RunRecord
from meticulous.runfolder import keys
from meticulous.runner.console import Console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["detached"]


class _StartError(MeticulousError):
    """What the detached recorder could not begin, told in its place."""

    def __init__(self, message: str, hint: str | None, exit_code: int | None) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


def detached(
    console: Console, record_all: Callable[[Callable[[RunRecord, str], None]], int]
) -> int:
    """Have `record_all` done by a process of its own; print the id of the run when it has begun.

    `record_all` is given what to call with the record, and the line to say, when the command has
    begun. Raises MeticulousError where it could not.
    """
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _be_the_recorder(tell, record_all)
    os.close(tell)
    with open(told, "rb") as file:
        answer = file.read()
    message: dict[str, Any] = json.loads(answer) if answer else {"message": "the recorder is gone"}
    if "id" not in message:
        raise _StartError(message["message"], message.get("hint"), message.get(keys.EXIT_CODE))
    console.note(f"{message['line']}, in the background: `meticulous logs -f {message['id']}`")
    os.write(1, os.fsencode(f"{message['id']}\n"))
    return 0


def _be_the_recorder(
    tell: int, record_all: Callable[[Callable[[RunRecord, str], None]], int]
) -> None:
    """Leave the session and the terminal, record, and end."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.close(null)

    def send(message: dict[str, Any]) -> None:
        with open(tell, "wb") as file:
            file.write(json.dumps(message).encode())

    try:
        code = record_all(lambda record, line: send({"id": record.run.id, "line": line}))
    except MeticulousError as error:
        send({"message": error.message, "hint": error.hint, keys.EXIT_CODE: error.exit_code})
        code = NOT_RECORDED
    os._exit(code)
