"""How a ``multiprocessing`` child ends: without ``atexit``, but not without its own finalizers."""

from __future__ import annotations

import sys

from meticulous.inprocess.exit_watch import NORMAL, Verdict, on_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["watch"]

_LAST = -100
"""The priority of our finalizer: after those of the program."""


def watch(tell: Callable[[Verdict], None]) -> bool:
    """Have `tell` called when this process ends, if it is a ``multiprocessing`` child.

    What it prints of an exception of its own is still to come then, so where Python can be asked to
    call later, it is.
    """
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return False
    from multiprocessing import util

    util.Finalize(None, _end, (tell,), exitpriority=_LAST)
    return True


def _end(tell: Callable[[Verdict], None]) -> None:
    error = sys.exc_info()[1]  # the exception that is on its way out of the child's work
    verdict = NORMAL if error is None else on_error(error)
    if error is not None and not isinstance(error, SystemExit):
        verdict = verdict._replace(ended=verdict.ended._replace(exit_code=1))
    import threading

    try:
        threading._register_atexit(tell, verdict)  # type: ignore[attr-defined]  # noqa: SLF001
    except (AttributeError, RuntimeError):
        tell(verdict)
