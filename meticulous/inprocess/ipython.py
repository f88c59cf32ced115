"""A script that IPython's ``%run`` runs: it ends, and the process goes on.

Without an end of the process to wait for, an experiment of such a script that has no block would
stay open for as long as the session, and record what the session prints.
"""

from __future__ import annotations

import sys

from meticulous.inprocess import exit_watch
from meticulous.inprocess.exit_watch import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

__all__ = ["tell_of_script"]


def tell_of_script(tell: Callable[[Verdict], None]) -> None:
    """Have `tell` called when the script of a ``%run`` is over; nothing where there is none."""
    frame = _script_frame()
    shell = sys.modules["IPython"].get_ipython() if frame and "IPython" in sys.modules else None
    if frame is None or shell is None:
        return

    def over(*_: Any) -> None:
        shell.events.unregister("post_run_cell", over)
        tell(exit_watch.verdict_on(frame))

    shell.events.register("post_run_cell", over)


def _script_frame() -> FrameType | None:
    """Return the frame of the script that ``%run`` is running, if this thread is in one."""
    module = None
    frame: FrameType | None = sys._getframe()  # noqa: SLF001, inspect takes 10 ms to import
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            module = frame
        elif frame.f_code.co_name == "safe_execfile":
            return module
        frame = frame.f_back
    return None
