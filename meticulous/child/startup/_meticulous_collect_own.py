"""``meticulous.log``: what a program gives both to it and to a tracker is one point, not two."""

import sys


def watch(name, module):
    """Wrap ``log``; loaded only where a program imports meticulous."""
    log = module["log"]

    def seen(values, step=None):
        collect = sys.modules.get("_meticulous_collect")
        if collect is not None:  # a tracker has been imported
            try:
                known, values = values, collect.logged(values)
                if known and not values and step is not None:
                    return None
            except Exception:
                pass  # log itself says what is wrong with them
        return log(values, step)

    seen.__doc__ = log.__doc__
    for name in ("__module__", "__name__", "__qualname__"):
        setattr(seen, name, getattr(log, name))
    seen.__wrapped__ = log
    module["log"] = seen
