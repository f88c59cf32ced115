"""The environment variables that this process inherited."""

from __future__ import annotations

import os

__all__ = ["environment", "set_since_start"]


def environment() -> dict[str, str]:
    """Return the environment as it was inherited.

    In the C locale Python adds LC_CTYPE to its environment (PEP 538). Programs that it starts would
    inherit it, and ``sort`` and ``ls`` would behave differently.
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


def set_since_start() -> list[str]:
    """Return the environment variables that this process has set or changed since its start.

    None where the system does not tell how they were (not Linux).
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = [entry.partition(b"=") for entry in file.read().split(b"\0")]
    except OSError:
        return []
    before = {name: value for name, _, value in entries}
    return [os.fsdecode(name) for name, value in os.environb.items() if before.get(name) != value]
