"""What this process reports of itself: one JSON file in the run folder, replaced as a whole.

Imports nothing that the program might miss or shadow: JSON is written by hand, and ``traceback`` is
loaded only for an exception that has ended the program. ``meticulous.arguments.reports`` reads it.
"""

import os
import sys
import time
from _thread import allocate_lock

try:
    from _json import encode_basestring_ascii as _quote
except ImportError:  # PyPy

    def _quote(text):
        return '"{}"'.format("".join(_escape(character) for character in text))


FORMAT = 1
MOST_PARSES = 50
"""A program that parses its command line in a loop is not followed further."""

RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "FLUX_TASK_RANK", "SLURM_PROCID")
"""As in ``meticulous.schedulers.variables``, from the inside to the outside."""

_locks = {}
_state = {}


def debug(what):
    """Append a line to the debug log, with the traceback of the exception being handled."""
    kind, error, trace = sys.exc_info()
    while trace is not None:
        what += "\n    {}:{}".format(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    if kind is not None:
        what += "\n    {}: {}".format(kind.__name__, error)
    line = "{:.3f} [{}] {}\n".format(time.time(), os.getpid(), what)
    path = os.path.join(_directory(), "debug.log")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode("utf-8", "backslashreplace"))
    finally:
        os.close(descriptor)


def parsed(parse):
    """Add a parse of the command line (see ``_meticulous_parse.record``) and write the report."""
    with _lock():
        parses = _of_this_process()["parses"]
        if len(parses) >= MOST_PARSES or (parses and dict(parses[-1], time=parse["time"]) == parse):
            return
        parses.append(parse)
    write()


def refused():
    """Note that the parser of the command line has refused it, and write the report."""
    with _lock():
        _of_this_process()["refused"] = True
    write()


def write():
    """Write the report of this process as it stands; trouble is for the debug log only."""
    try:
        with _lock():
            state = dict(_of_this_process())
            name = state.pop("name")
            del state["main"]
            state.update(_about_this_process())
            _replace(name, encode(state))
        if os.environ.get("METICULOUS_SHIM_DEBUG") == "1":
            debug("reported {} parses in {}".format(len(state["parses"]), name))
    except Exception:
        if os.environ.get("METICULOUS_SHIM_DEBUG") == "1":
            debug("cannot report")


def at_exit():
    """Add the exception that ended the program, or one that ended a thread, and write the report."""
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    trace = getattr(error, "__traceback__", None) or getattr(sys, "last_traceback", None)
    threads = sys.modules.get("_meticulous_threads")
    in_thread = threads.last() if threads else None
    if error is None and in_thread is None:
        return
    if isinstance(error, KeyboardInterrupt):
        # Python is about to die of SIGINT, but forgets it when anything is evaluated before that, as
        # happens while traceback is imported. The signal says enough.
        return
    with _lock():
        state = _of_this_process()
        if error is not None:
            state["exception"] = exception_text(type(error), error, trace)
        if in_thread is not None:
            state["thread_exception"] = in_thread
    write()


def exception_text(kind, error, trace):
    """Return the traceback of an exception as it may be written."""
    return _load("secrets").mask_text(_load("exception_text").text(kind, error, trace))


def encode(value):
    """Return a value of plain types as JSON in ASCII; not-finite numbers as JavaScript writes them."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if value != value:
            return "NaN"
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
        return float.__repr__(value)
    if isinstance(value, dict):
        pairs = ["{}: {}".format(_quote(str(key)), encode(item)) for key, item in value.items()]
        return "{" + ", ".join(pairs) + "}"
    return "[" + ", ".join([encode(item) for item in value]) + "]"


def _lock():
    """Return the lock of this process; one that a thread of the parent held at a fork is never free."""
    return _locks.setdefault(os.getpid(), allocate_lock())


def _load(name):
    return globals()["load"](name)


def _of_this_process():
    """Return what is known of this process; a forked child begins afresh."""
    pid = os.getpid()
    if _state.get("pid") != pid:
        name = "{}-{}.json".format(pid, "".join("%02x" % byte for byte in os.urandom(4)))
        _state.clear()
        _state.update(format=FORMAT, pid=pid, name=name, started=time.time(), parses=[], main=None)
    return _state


def _about_this_process():
    found = main()
    if found == (None, None):  # at the start, and at the end, when Python has emptied the module
        found = _state["main"] or (None, _script_of_argv())
    _state["main"] = main_module, main_file = found
    rank = next((os.environ[name] for name in RANKS if os.environ.get(name, "").isdigit()), None)
    return {
        "parent": os.getppid(),
        "rank": None if rank is None else int(rank),
        "interpreter": {
            "executable": _text(sys.executable),
            "version": ".".join(str(part) for part in sys.version_info[:3]),
            "release": sys.version_info[3],
            "implementation": sys.implementation.name,
            "prefix": _text(sys.prefix),
            "base_prefix": _text(sys.base_prefix),
            "path": [_text(entry) for entry in sys.path],
            "argv": words("argv"),
            "orig_argv": words("orig_argv"),
            "module": main_module,
            "file": main_file,
        },
    }


def main(namespace=None):
    """Return (module, file) of the main program: the module for ``-m``, the file for a script.

    `namespace` is that of the main program where a tool runs it beside its own.
    """
    if namespace is None:
        namespace = vars(sys.modules["__main__"])
    name = getattr(namespace.get("__spec__"), "name", None)
    if name and name.endswith("__main__"):  # python -m package, or a zipapp or folder
        name = name[: -len(".__main__")]
    file = namespace.get("__file__")
    return name or None, _text(file) if file else None


def _script_of_argv():
    word = (getattr(sys, "argv", None) or [""])[0]
    return None if word in ("", "-c", "-m") else _text(word)


def words(name):
    """Return the words of ``sys.argv`` or another list of ``sys``, as they may be written."""
    return _load("secrets").mask_words([_text(word) for word in getattr(sys, name, [])])


def _text(value):
    return value if isinstance(value, str) else str(value)


def _escape(character):
    code = ord(character)
    if 32 <= code < 127 and character not in '"\\':
        return character
    if code > 0xFFFF:
        code -= 0x10000
        return "\\u{:04x}\\u{:04x}".format(0xD800 | code >> 10, 0xDC00 | code & 0x3FF)
    return "\\u{:04x}".format(code)


def _directory():
    rank = os.environ.get("METICULOUS_RANK", "0")
    inner = "reports" if rank == "0" else "ranks/{}/reports".format(rank)
    return os.path.join(_load("start").armed_for[0], inner)


def _replace(name, text):
    """Put `text` in the file `name` in one step, making the folder of reports if need be."""
    directory = _directory()
    temporary = os.path.join(directory, "." + name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        descriptor = os.open(temporary, flags, 0o600)
    except FileNotFoundError:
        os.mkdir(directory, 0o700)
        descriptor = os.open(temporary, flags, 0o600)
    try:
        content = text.encode("ascii")
        while content:
            content = content[os.write(descriptor, content) :]
    finally:
        os.close(descriptor)
    os.replace(temporary, os.path.join(directory, name))
