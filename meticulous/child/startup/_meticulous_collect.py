"""What a program logs to a tracker or a framework, as lines of metrics.jsonl of its run.

The collectors (``_meticulous_collect_<library>.py``) wrap functions of their library with
:func:`wrap`; what these say was logged goes to :func:`emit`. One line is one ``write``, as
``meticulous.log`` does it. Where a series came from, config, final values and event files go to a
file of notes beside the reports of processes, which ``meticulous.recording.collected`` reads.

Nothing here raises or prints. Loaded only when a library that is collected from is imported.
"""

import os
import sys
from _thread import _local
from os import fstat, getpid, write
from time import time

_parse = globals()["load"]("parse")
_report = globals()["load"]("report")
_secrets = globals()["load"]("secrets")
_values = globals()["load"]("values")

trouble = _parse.trouble
disguise = _parse.disguise

_OWN = ("step", "time", "attempt", "rank")
"""Names that are the line's own; a metric of that name gets an underscore."""
_LONGEST_TEXT = 1000
_MOST_NAMES = 100000
_DEEPEST = 4
_AXES = ("step", "epoch", "global_step", "time", "timestamp", "_timestamp", "_runtime")
"""Names with which trackers repeat where a framework is, not what it measured."""

_thread = _local()
_streams = {}


class Stream(object):
    """The metrics of one process: its open files, and what each name had last."""

    def __init__(self, pid):
        start = globals()["load"]("start")
        directory = start.armed_for[0]
        rank = _rank()
        reports = os.path.dirname(os.path.join(_report._directory(), ""))
        self.pid = pid
        self.path = os.path.join(directory, "metrics.jsonl")
        if rank:  # the recorder keeps of it what rank 0 has not said
            self.path = os.path.join(reports, "metrics-{}.jsonl".format(rank))
        stem = "collected-{}-{}.jsonl".format(pid, "".join("%02x" % b for b in os.urandom(4)))
        self.notes = os.path.join(reports, stem)
        attempt = os.environ.get("METICULOUS_ATTEMPT", "1")
        self.middle = "" if attempt in ("", "0", "1") else ', "attempt": ' + str(int(attempt))
        if rank:
            self.middle += ', "rank": {}'.format(rank)
        self.descriptor = -1
        self.inode = self.device = None
        self.torn = False
        self.names = {}
        self.next_step = {}

    def write(self, text):
        """Append whole lines; a descriptor that the program has closed or replaced is not used."""
        content = text.encode("ascii")
        if self.torn:
            content = b"\n" + content
        try:
            status = fstat(self.descriptor)
            if status.st_ino != self.inode or status.st_dev != self.device:
                self._open()
        except OSError:  # none yet, or closed
            self._open()
        self.torn = write(self.descriptor, content) != len(content)

    def _open(self):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self.descriptor = os.open(self.path, flags, 0o666)
        status = fstat(self.descriptor)
        self.inode, self.device = status.st_ino, status.st_dev

    def note(self, note):
        """Append a line to the notes of this process."""
        descriptor = os.open(self.notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, (_report.encode(note) + "\n").encode("ascii"))
        finally:
            os.close(descriptor)


def wrap(owner, name, look, covers=False):
    """Replace the function `name` of `owner`, a class or the dict of a module, by one that is seen.

    ``look(args, kwargs)`` is called before it and gives (source, values, step) or None; that is
    emitted when the function has returned. With `covers`, what it logs on to trackers meanwhile
    under other names is the same and not emitted again. An exception is the program's own.
    """
    function = owner[name] if isinstance(owner, dict) else getattr(owner, name)

    def wrapper(*args, **kwargs):
        try:
            found = look(args, kwargs)
            if covers and found:
                _cover(found[1], found[2])
        except Exception:
            found = None
            trouble("cannot look at " + name)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            if covers and found:
                _uncover()
            if error.__traceback__ is not None:
                error.__traceback__ = error.__traceback__.tb_next
            raise
        if found:
            if covers:
                _uncover()
            emit(*found)
        return result

    _put(owner, name, disguise(wrapper, function))


def after(owner, name, look):
    """Replace the function `name` of `owner`: ``look(result, args, kwargs)`` is called after it."""
    function = owner[name] if isinstance(owner, dict) else getattr(owner, name)

    def wrapper(*args, **kwargs):
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            if error.__traceback__ is not None:
                error.__traceback__ = error.__traceback__.tb_next
            raise
        try:
            look(result, args, kwargs)
        except Exception:
            trouble("cannot look at " + name)
        return result

    _put(owner, name, disguise(wrapper, function))


def _put(owner, name, function):
    if isinstance(owner, dict):
        owner[name] = function
    else:
        setattr(owner, name, function)


def argument(args, kwargs, position, name, default=None):
    """Return an argument of a call, however it was passed."""
    if name in kwargs:
        return kwargs[name]
    return args[position] if len(args) > position else default


def emit(source, values, step=None, moment=None):
    """Write a line with `values` (name -> value); those that are no scalars are left out."""
    try:
        _emit(source, values, step, moment)
    except Exception:
        trouble("cannot collect from " + source)


def _emit(source, values, step, moment):
    stream = of_this_process()
    names = stream.names
    covered = getattr(_thread, "covered", None)
    parts = []
    fresh = None
    items = list(values.items())
    for name, value in items:
        kind = type(value)
        if kind is not float and kind is not int:
            value = _scalar(value)
            if value is None:
                continue
            if type(value) is dict:
                items += _flat(value, str(name) + ".").items()
                continue
        if covered and _is_covered(covered[-1], name, value):
            continue
        entry = names.get(name)
        if entry is None or entry[0] != source:
            if entry is not None and _is_same(entry[2], value):
                continue  # another tracker was told the same
            known = entry is None and name or source + "/" + str(name)
            entry = names.get(known)
            if entry is None or entry[0] != source:
                if len(names) >= _MOST_NAMES:
                    continue
                entry = names[known] = [source, _quoted(known), None]
                fresh = fresh or []
                fresh.append(str(known))
        entry[2] = value
        parts.append(entry[1] + (repr(value) if type(value) is float else _json(value)))
    if not parts:
        return
    if step is None:
        step = stream.next_step.get(source, 0)
    if type(step) is not int:
        step = _step(step)
    stream.next_step[source] = step + 1
    if fresh:
        stream.note({"source": source, "names": fresh})
    line = '{"step": %r, "time": %.6f%s, %s}\n' % (
        step,
        time() if moment is None else moment,
        stream.middle,
        ", ".join(parts),
    )
    if "nan" in line or "inf" in line:
        line = _strict(line, parts)
    stream.write(line)


def config(source, values):
    """Note the parameters that the program gave a tracker."""
    try:
        plain = _secrets.mask_record(_values.plain(dict(values), _values.Budget()))
        of_this_process().note({"source": source, "config": plain})
    except Exception:
        trouble("cannot note the config of " + source)


def final(source, values):
    """Note final values that the program, or the framework, gave a tracker."""
    try:
        plain = _secrets.mask_record(_values.plain(dict(values), _values.Budget()))
        of_this_process().note({"source": source, "summary": plain})
    except Exception:
        trouble("cannot note the summary of " + source)


def event_files(source, directory, prefix, is_read):
    """Note that event files are written in `directory`; the recorder reads them if `is_read`."""
    note = {"source": source, "event-directory": directory, "prefix": prefix, "read": is_read}
    try:
        of_this_process().note(note)
    except Exception:
        trouble("cannot note an event file")


def logged(values):
    """Return those of `values`, given to ``meticulous.log``, that no tracker was told before."""
    names = of_this_process().names
    new = {}
    for name, value in values.items():
        if type(value) is not float and type(value) is not int:
            value = _scalar(value)
        entry = names.get(name)
        if entry is None:
            entry = names[name] = ["meticulous", None, None]
        if entry[0] == "meticulous":
            entry[2] = value
        elif value is not None and _is_same(entry[2], value):
            continue
        new[name] = values[name]
    return new


def of_this_process():
    """Return the stream of this process; a forked child has its own."""
    pid = getpid()
    stream = _streams.get(pid)
    if stream is None:
        _streams.clear()
        stream = _streams[pid] = Stream(pid)
    return stream


def is_called_from(*modules):
    """Return whether a function of one of the packages `modules` is on the stack."""
    frame = sys._getframe(2)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith(modules):
            return True
        frame = frame.f_back
    return False


def _rank():
    for name in ("METICULOUS_RANK",) + globals()["load"]("report").RANKS:
        text = os.environ.get(name, "")
        if text.isdigit():
            return int(text)
    return 0


def _step(step):
    if hasattr(step, "item"):
        step = step.item()
    step = float(step)
    return int(step) if step == int(step) else step


def _scalar(value):
    """Return a number, a bool, a short text or a dict; None for what is no scalar."""
    kind = type(value)
    if kind is float or kind is int or kind is bool or kind is dict:
        return value
    if getattr(value, "shape", None) is not None and hasattr(kind, "shape"):
        if any(length != 1 for length in value.shape):
            return None
        value = value.item() if hasattr(value, "item") else value.numpy().item()
        return value if type(value) in (float, int, bool) else None
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        return str(value)
    return None


def _flat(values, prefix, depth=1):
    found = {}
    for key, value in values.items():
        value = _scalar(value)
        if type(value) is dict:
            if depth < _DEEPEST:
                found.update(_flat(value, prefix + str(key) + ".", depth + 1))
        elif value is not None:
            found[prefix + str(key)] = value
    return found


def _quoted(name):
    name = str(name)
    return _report._quote(name + "_" if name in _OWN else name) + ": "


def _json(value):
    return (
        _report._quote(_secrets.mask_text(value)) if type(value) is str else _report.encode(value)
    )


def _strict(line, parts):
    """Return `line` with the strings that stand for numbers that are not finite."""
    for part in parts:
        head, _, number = part.rpartition(": ")
        text = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(number)
        if text:
            line = line.replace(part, '{}: "{}"'.format(head, text), 1)
    return line


def _cover(values, step):
    """What is emitted in this thread until :func:`_uncover` is compared with `values`."""
    covered = {}
    for name, value in values.items():
        covered[_normal(name)] = _scalar(value)
    for name in _AXES:
        covered.setdefault(name, step)
    stack = getattr(_thread, "covered", None)
    if stack is None:
        stack = _thread.covered = []
    stack.append(covered)


def _uncover():
    _thread.covered.pop()


def _is_covered(covered, name, value):
    """Return whether a framework has just logged `value`, by this name or the end of it."""
    normal = _normal(name)
    while normal:
        if normal in covered:
            return normal in _AXES or _is_same(covered[normal], value)
        normal = normal.partition("_")[2]
    return False


def _normal(name):
    name = str(name)
    for character in "/. -":
        name = name.replace(character, "_")
    return name


def _is_same(one, other):
    """Return whether two values are the same, or one is the other in single precision."""
    if one == other:
        return True
    if one != one and other != other:
        return True
    try:
        return abs(one - other) <= 1e-6 * abs(one)
    except TypeError:
        return False
