"""The environment variables as this process was given them."""

from __future__ import annotations

import os

__all__ = ["environment"]


def environment() -> dict[str, str]:
    """Return the environment as we were given it.

    In the C locale Python adds LC_CTYPE to its own (PEP 538), where programs that it starts would
    find it: ``sort`` and ``ls`` would answer differently.
    """
    environ = {**os.environ}
    if environ.get("LC_CTYPE") in ("C.UTF-8", "C.utf8", "UTF-8"):
        try:
            with open("/proc/self/environ", "rb") as file:
                start = file.read()
        except OSError:
            return environ
        if b"\0LC_CTYPE=" not in b"\0" + start:
            del environ["LC_CTYPE"]
    return environ
