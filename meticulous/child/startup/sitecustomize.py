"""Started by Python before the program: step aside, arm the hooks, run the user's own sitecustomize.

This folder is first on the program's PYTHONPATH, so ``site`` finds this file where it looks for a
sitecustomize. It takes the folder off ``sys.path`` and ends by importing the sitecustomize that
Python would have found without us; whatever that one does or raises goes to ``site`` as if it had
imported it itself. In between, and only inside a recorded run, it lets ``_meticulous_start`` arm.

Runs on CPython 3.6 and later and PyPy, does nothing but step aside on 2.7, and never raises or prints
of its own. ``docs/arguments.md`` is this for people. It is short, because where bytecode cannot be
kept it is compiled at every start of Python.
"""

import os
import sys

_HERE = os.path.dirname(__file__)

_SHARED = ("argparse_actions", "exception_text", "values")
"""Files of the folder above, which meticulous imports as well."""


def _load(name):
    """Import ``_meticulous_<name>.py`` from this folder, which is not on the path."""
    full_name = "_meticulous_" + name
    if full_name not in sys.modules:
        folder, file = (os.path.dirname(_HERE), name) if name in _SHARED else (_HERE, full_name)
        path = os.path.join(folder, file + ".py")
        module = type(sys)(full_name)
        module.__file__ = path
        module.load = _load
        sys.modules[full_name] = module
        cached = "{}.{}.pyc".format(file, sys.implementation.cache_tag)
        dont_write = sys.dont_write_bytecode
        if not os.path.exists(os.path.join(folder, "__pycache__", cached)):
            sys.dont_write_bytecode = False  # these few files; else they are compiled every time
        try:
            # Not the loader of this file, which a tracer may have wrapped in one of its own.
            _loader_class()(full_name, path).exec_module(module)
        finally:
            sys.dont_write_bytecode = dont_write
    return sys.modules[full_name]


def _loader_class():
    """Return Python's loader of source files, from where it lies without importing importlib."""
    from _frozen_importlib_external import SourceFileLoader

    return SourceFileLoader


def _step_aside():
    """Take this folder out of all that Python knows of it; give this module, so that it is kept.

    Python 2 empties a module that nothing refers to, though its functions live.
    """
    sys.path[:] = [entry for entry in sys.path if entry != _HERE]
    sys.path_importer_cache.pop(_HERE, None)
    return sys.modules.pop("sitecustomize", None)


def _start():
    directory = os.environ.get("METICULOUS_RUN_DIR")
    # Another meticulous further down the path steps aside for the first.
    if directory and sys.version_info >= (3, 6) and "_meticulous_start" not in sys.modules:
        _load("start").arm(directory)


_this_module = _step_aside()
try:
    _start()
except Exception:  # whatever it is, the program starts
    pass

if _HERE not in sys.path:
    try:
        import sitecustomize
    except BaseException as error:
        # Without this frame in its traceback, which site may print (Python 3.11 and later).
        error.__traceback__ = getattr(getattr(error, "__traceback__", None), "tb_next", None)
        raise
