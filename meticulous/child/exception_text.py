"""The text of an uncaught exception, as Python itself would have printed it without colours."""

import os
import sys

MOST_CHARACTERS = 200000


def text(kind, error, trace):
    """Return the traceback of `error`, its causes, notes and groups included."""
    lines = _traceback_module().format_exception(kind, error, trace)
    whole = "".join(lines)
    if len(whole) > MOST_CHARACTERS:  # an endless recursion with long lines, a message of 1 GB
        half = MOST_CHARACTERS // 2
        whole = "{}\n[{} characters left out]\n{}".format(
            whole[:half], len(whole) - 2 * half, whole[-half:]
        )
    return whole.rstrip("\n")


def _traceback_module():
    """Import the standard library's traceback, whatever the program keeps under such names.

    A ``token.py`` or ``traceback.py`` beside the script would be found first, and run.
    """
    if "traceback" not in sys.modules:
        standard = os.path.dirname(os.__file__)
        saved = sys.path[:]
        sys.path[:] = [entry for entry in saved if entry.startswith(standard)] or saved
        try:
            import traceback
        finally:
            sys.path[:] = saved
    return sys.modules["traceback"]
