"""Long text on a terminal, a page at a time."""

from __future__ import annotations

import os
import subprocess
import sys

from meticulous.base.ansi import visible

__all__ = ["print_paged"]


def print_paged(content: bytes, pager: str) -> None:
    """Print `content`; on a terminal by the command line `pager` (empty or ``cat``: none).

    A terminal gets no control sequences but colours; a pipe gets every byte. As with git, ``less`` ends by itself where all fits on the screen, and shows colours.
    """
    sys.stdout.flush()
    if sys.stdout.isatty():
        lines = content.decode("utf-8", "replace").split("\n")
        text = "\n".join(visible(line, keeps_colours=True) for line in lines)
        content = text.encode(sys.stdout.encoding or "utf-8", "backslashreplace")
    if sys.stdout.isatty() and pager not in ("", "cat"):
        environ = {"LESS": "FRX", "LV": "-c", **os.environ}
        try:
            done = subprocess.run(["sh", "-c", pager], input=content, env=environ, check=False)
        except BrokenPipeError:
            return  # it was left before the end
        if done.returncode not in (126, 127):  # of sh: there is no such pager
            return
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
