"""Remembers the exception that ended a thread, whatever ``threading.excepthook`` does with it."""

import sys

_last = []


def last():
    """Give (type, value, traceback) of the last exception that ended a thread, or None."""
    return _last[0] if _last else None


def watch(name, module):
    """Note each exception on its way to the hook; nothing that a program may look at changes."""
    make = module.get("_make_invoke_excepthook")
    if make is None:  # before Python 3.8
        return

    def _make_invoke_excepthook():
        invoke = make()

        def invoke_excepthook(thread):
            error = sys.exc_info()
            if error[0] is not SystemExit:
                _last[:] = [error]
            return invoke(thread)

        return invoke_excepthook

    module["_make_invoke_excepthook"] = _make_invoke_excepthook
