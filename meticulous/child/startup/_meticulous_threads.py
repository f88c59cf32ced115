"""Remembers the exception that ended a thread, whatever ``threading.excepthook`` does with it."""

import sys

_report = globals()["load"]("report")
_last = []


def last():
    """Return the traceback of the last exception that ended a thread, or None.

    Its text, because the exception itself would keep all that the thread had in its hands alive.
    """
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
            try:
                if error[0] is not SystemExit:
                    _last[:] = [_report.exception_text(*error)]
            except Exception:
                pass  # the thread ends as it would have
            return invoke(thread)

        return invoke_excepthook

    module["_make_invoke_excepthook"] = _make_invoke_excepthook
