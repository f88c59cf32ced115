"""Which parses of this process are of its command line, and what they gave.

The captures (``_meticulous_argparse`` and its like) wrap the functions of their library with
:func:`wrap`. Only the outermost parse of a thread counts: what a library parses while it parses is
its own business.
"""

import sys
import time
from _thread import _local

_report = globals()["load"]("report")
_secrets = globals()["load"]("secrets")
_values = globals()["load"]("values")

_thread = _local()
_leftovers = []
"""Word lists that a parse of the command line gave back as not its own, for a second stage."""

_first = []
"""``sys.argv[1:]`` at the first parse of the command line; later it may be another tool's."""

handed_over = {}
"""Package -> the last parse of the command line that it had argparse do, for its own capture."""

_PARSERS = frozenset(
    "absl argparse click configargparse docopt fire hydra jsonargparse lightning omegaconf"
    " pydantic_settings pytorch_lightning sacred simple_parsing transformers typer tyro".split()
)
"""Packages that parse for others: whoever called them is the caller of the parse."""

_EXPERIMENT = ("meticulous.experiment", "meticulous.inprocess.parsers")
"""Modules by which a script has its own parser asked, to record itself."""


class Parse(object):
    """A parse under way: whether it is of the command line, and what the captures noted of it."""

    def __init__(self, is_ours, is_empty, frame):
        self.is_ours = is_ours
        self.is_empty = is_empty  # given no words: maybe the defaults alone were wanted
        self.asked_by = _module(frame)  # the module that called
        # The module that is served, the first that is no parser library; is it the main program?
        self.caller, self.is_main = _caller(frame)
        self.noted = []
        self.inner = False  # whether a library parsed the command line within this parse


def wrap(function, words_of, finish):
    """Return a function that does what `function` does, and then reports what it parsed.

    `words_of(args, kwargs)` gives the words parsed, or None for the process's own; `finish(parse,
    result, args, kwargs)` is called after a parse of the command line. Neither can disturb the
    program, and our frame is taken out of the traceback of an exception (Python 3.11 and later).
    """

    def wrapper(*args, **kwargs):
        parse = _begin(words_of, args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            if _end(parse) and isinstance(error, SystemExit) and error.code == 2:
                refused()
            if error.__traceback__ is not None:
                error.__traceback__ = error.__traceback__.tb_next
            raise
        if _end(parse):
            try:
                finish(parse, result, args, kwargs)
            except Exception:
                trouble("cannot describe a parse")
        return result

    return disguise(wrapper, function)


def disguise(wrapper, function):
    """Return `wrapper` the name, the documentation and the signature of `function`."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        try:
            setattr(wrapper, name, getattr(function, name))
        except AttributeError:
            pass
    wrapper.__dict__.update(getattr(function, "__dict__", {}))
    wrapper.__wrapped__ = function
    return wrapper


def argument(position, name):
    """Return a function for :func:`wrap` that finds the words among the arguments of a call."""

    def words_of(args, kwargs):
        return kwargs.get(name, args[position] if len(args) > position else None)

    return words_of


def current():
    """Return the parse under way in this thread, or None."""
    return getattr(_thread, "parse", None)


def record(library, parse, values, defaults, given, leftover=None):
    """Report a parse: plain dicts of name -> value, nested for subcommands, and the names given."""
    if leftover:
        _leftovers[:] = [*_leftovers[-9:], list(leftover)]
    _report.parsed(
        {
            "library": library,
            "time": time.time(),
            "caller": parse.caller,
            "main": parse.is_main,
            "argv": _report.words("argv"),
            "values": _secrets.mask_record(_values.plain(values, _values.Budget())),
            "defaults": _secrets.mask_record(_values.plain(defaults, _values.Budget())),
            "given": [name for name in dict.fromkeys(given) if isinstance(name, str)],
            "empty": parse.is_empty,
        }
    )


def refused():
    """Report that the command line was refused by its parser: nothing of it came into use."""
    try:
        _report.refused()
    except Exception:
        trouble("cannot report a refusal")


def trouble(what):
    """Write `what` and the exception being handled to the debug log, if there is one."""
    import os

    if os.environ.get("METICULOUS_SHIM_DEBUG") == "1":
        try:
            _report.debug(what)
        except Exception:
            pass


def is_command_line(words):
    """Return whether `words` are the arguments of this process, a tail or head of them, or left over.

    Programs that choose a subcommand by hand parse ``sys.argv[1:2]`` and then ``sys.argv[2:]``;
    HfArgumentParser puts the words of a file in front.
    """
    if words is not None and not isinstance(words, (list, tuple)):
        return False  # text, or an iterator, which is the parser's to read
    words = sys.argv[1:] if words is None else list(words)
    own = _first[0] if _first else sys.argv[1:]
    if words == own or words in _leftovers:
        return True
    if _first and _is_part(words, own):
        return True  # what another part of the program has taken is left out
    if own and words[-len(own) :] == own:
        return True
    if own and sys.argv == own[-1:]:
        return not words  # a launcher has put the program, which has no arguments, in its own place
    return bool(words) and (words == own[-len(words) :] or words == own[: len(words)])


def _is_part(words, whole):
    """Return whether `words` are some of `whole`, in their order."""
    rest = iter(whole)
    return bool(words) and all(word in rest for word in words)


def _begin(words_of, args, kwargs):
    """Start a parse, unless one is under way in this thread; None then."""
    try:
        words = words_of(args, kwargs)
        outer = current()
        if outer is not None:
            outer.inner = outer.inner or is_command_line(words)
            return None
        frame = sys._getframe(2)
        is_ours = is_command_line(words)
        is_empty = isinstance(words, (list, tuple)) and not words
        if is_ours and not is_empty and not _first:
            _first.append(sys.argv[1:])
        _thread.parse = Parse(is_ours, is_empty, frame)
        return _thread.parse
    except Exception:
        trouble("cannot follow a parse")
        return None


def _end(parse):
    """End what :func:`_begin` started; return whether it is to be reported."""
    if parse is None:
        return False
    _thread.parse = None
    return parse.is_ours


def _module(frame):
    return str(frame.f_globals.get("__name__") or "")


def _parses_for_others(module):
    return module.partition(".")[0] in _PARSERS or module in _EXPERIMENT


def _caller(frame):
    """Name the module that asked for the parse, past the parser libraries, and say if it is main."""
    while frame is not None and _parses_for_others(_module(frame)):
        frame = frame.f_back
    if frame is None:
        return None, False
    if _module(frame) == "__main__":
        module, file = _report.main(frame.f_globals)
        return module or file, True
    return _module(frame), False
