"""What a recorded program calls; one file, standard library only, Python 3.6 and later.

It is copied nowhere and imports nothing of the product, so that it can also stand in for
``meticulous`` in an interpreter where meticulous is not installed. The few words of the run
folder's format that a child must know (two file names, how numbers become JSON, how a file is
replaced) are therefore defined here and taken from here by :mod:`meticulous.runfolder`.
"""

import builtins
import os
import sys
import time
from _thread import RLock, get_ident  # threading costs milliseconds and is not needed

__all__ = ["log", "open", "run_directory", "run_id", "summary"]

METRICS = "metrics.jsonl"
SUMMARY = "summary.json"
RECORDED = (
    "STATUS",
    "args.json",
    "default_args.json",
    "environment.json",
    "metadata.json",
    "resources.jsonl",
    "stderr",
    "stdout",
    "timeline",
)
"""Files of a run folder that a program must not write; a test holds them to the format."""
RUN_DIRECTORY_VARIABLE = "METICULOUS_RUN_DIR"
ATTEMPT_VARIABLE = "METICULOUS_ATTEMPT"
RANK_VARIABLE = "METICULOUS_RANK"

directory_of_thread = None
"""Where a script records itself: gives the folder of the experiment that this thread is in."""

attempt_in = None
"""Where a script records itself: folder of a run -> the attempt that it is at, or None."""

_LOCK_WAIT_S = 10.0
_MOST_OPEN = 8
_MOST_KEPT = 1000
_OF_A_LINE = ("step", "time", "attempt", "rank")
_REFUSED = object()
_complained = set()
_MOST_ITEMS = 1000
_MOST_CHARACTERS = 10000
"""Of an array that is kept as a list, and of the text of any other object."""

_OWN = getattr(os, "O_NOFOLLOW", 0)
"""Nothing is written through a link that somebody has put in the place of a file of the run."""

_processes = {}
"""What this process logs, by its id: a fork finds nothing under its own."""

_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def run_directory():
    """Return the absolute path of the folder of this run, or None outside a run."""
    own = directory_of_thread() if directory_of_thread else None
    return own or os.environ.get(RUN_DIRECTORY_VARIABLE) or None


def run_id():
    """Return the id of this run (the name of its folder), or None outside a run."""
    directory = run_directory()
    return os.path.basename(os.path.normpath(directory)) if directory else None


def open(name, mode="r", *args, **kwargs):
    """Open the file `name` of the run folder; outside a run, of the current directory.

    Takes what :func:`builtins.open` takes. Folders in `name` are made when the file is written.
    Raises ValueError where `name` is absolute or leads out of the run folder, and where a file of
    the record itself would be written.
    """
    return open_in(run_directory() or os.getcwd(), name, mode, *args, **kwargs)


def open_in(base, name, mode="r", *args, **kwargs):
    """Open the file `name` of the folder `base`, and no other, as :func:`open` does."""
    name = os.fspath(name)
    path = os.path.join(base, name)
    inside = os.path.realpath(path).startswith(os.path.join(os.path.realpath(base), ""))
    if os.path.isabs(name) or not inside:
        raise ValueError("{!r} leads out of the run folder; give a name in it".format(name))
    if set(mode) & set("wax+"):
        if os.path.relpath(os.path.realpath(path), os.path.realpath(base)) in RECORDED:
            raise ValueError("{!r} is a file of the record; give another name".format(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
    return builtins.open(path, mode, *args, **kwargs)


def summary(values):
    """Merge the dict `values` into summary.json of this run; outside a run, do nothing.

    Safe from any process and thread: a name keeps the value that was given last. Values are
    numbers, strings, booleans, None, lists and dicts of them, and numpy and torch scalars and small
    arrays; anything else is kept as text, which is said once. Trouble with the file is one line on
    stderr, no exception.
    """
    values = plain_record(values)
    directory = run_directory()
    if directory is None:
        return
    try:
        with locked(directory):
            path = os.path.join(directory, SUMMARY)
            merged = _read_summary(path)
            merged.update(values)
            replace_file(path, json_bytes(merged))
        _tell_readers(directory)
    except OSError as error:
        _complain("summary", error)


def _tell_readers(directory):
    """Let readers look again at a run that is over: they know it, and look at its parent alone."""
    try:
        with builtins.open(os.path.join(directory, "STATUS"), "rb") as file:
            if file.read(7) != b"RUNNING":
                os.utime(os.path.dirname(os.path.abspath(directory)))
    except OSError:
        pass  # a run that has just begun, or a store of somebody else


def log(values, step=None):
    """Add a line with the dict `values` to metrics.jsonl of this run; outside a run, do nothing.

    `step` is a number: that of the call, else a ``step`` in `values`, else one more than the last
    of this process in this run (0 at first). Values are numbers, text, truth values, None, lists and
    dicts of them, and scalars of numpy and torch. Never raises: what cannot be logged, such as an
    array, is named once on stderr, and the rest is written. The names ``time``, ``attempt`` and
    ``rank`` are the line's own; a value of such a name is written as ``time_`` and so on.
    """
    log_in(run_directory(), values, step)


def log_in(directory, values, step=None):
    """Do what :func:`log` does in the run whose folder is `directory`; nothing where it is None."""
    if directory is None:
        return
    try:
        process = _processes.get(os.getpid()) or _begin_process()
        step, texts, refused = _parts_of_line(process, values, step)
        with process.lock:
            series = process.series.get(directory) or process.add(directory)
            series.write(texts, step)
        if refused:
            _complain_of_values(refused)
    except Exception as error:  # noqa: BLE001 (whatever it is, a training is not harmed)
        _complain("metrics", error)


def end_log(directory):
    """Close metrics.jsonl of the run in `directory`; its next line begins with step 0 again."""
    process = _processes.get(os.getpid())
    if process is not None:
        with process.lock:
            series = process.series.pop(directory, None)
            if series is not None:
                series.close()


def _parts_of_line(process, values, step):
    """Return the step, the texts of names and values, and what cannot be logged: (name, type)."""
    texts, refused = [], []
    step = step if type(step) is int else _number(step)
    heads = process.heads
    # Its items in one go: another thread may be adding to it.
    for name, value in list(values.items()) if type(values) is dict else _items(values):
        head = heads.get(name)
        if head is None:
            if name == "step" and step is None:
                step = _number(value)
                if step is not None:
                    continue
            head = process.head(name, values)
        # What is not finite is not 0 when it is taken from itself.
        if type(value) is float and value - value == 0.0:
            text = repr(value)
        else:
            text = _text_of(value, name, refused)
        if text:
            texts.append(head)
            texts.append(text)
    return step, "".join(texts), refused


def _items(values):
    if hasattr(values, "items"):
        return list(dict(values.items()).items())
    raise TypeError("log takes a dict of names and values, not {}".format(type(values).__name__))


def _number(value):
    """Return `value` as an int or a finite float; None where it is neither."""
    try:
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, int):
            return int(value)
        number = float(value)
        if number - number != 0.0:
            return None
        return number if isinstance(value, float) or int(number) != number else int(number)
    except Exception:  # noqa: BLE001 (an array, text, an object that fails)
        return None


def _text_of(value, name, refused):
    """Return the JSON of `value`; empty where nothing of it can be logged, which `refused` is told."""
    try:
        if getattr(value, "shape", None) == ():
            value = value.item()
        if type(value) is int or (type(value) is float and value - value == 0.0):
            return repr(value)
        value = _loggable(value, name, refused)
        return "" if value is _REFUSED else _text(to_strict(value))
    except Exception:  # noqa: BLE001 (a tensor without data, an integer of ten thousand digits)
        refused.append((name, type(value).__name__))
        return ""


def _loggable(value, name, refused):
    """Return `value` in JSON's types, without what cannot be logged: `refused` is told of that."""
    if isinstance(value, dict):
        pairs = [
            (_key(key), _loggable(item, "{}.{}".format(name, key), refused))
            for key, item in value.items()
        ]
        return {key: item for key, item in pairs if item is not _REFUSED}
    if isinstance(value, (list, tuple)):
        items = [_loggable(item, name, refused) for item in value]
        return [item for item in items if item is not _REFUSED]
    if value is None or isinstance(value, (bool, int, float, str)):
        return _plain(value, name)
    number = _only_number(value)
    if number is None:
        refused.append((name, type(value).__name__))
        return _REFUSED
    return number


def _only_number(value):
    """Return the one number that `value` holds, such as a tensor of one; None without one."""
    has_item = hasattr(value, "item")
    if not has_item and (hasattr(value, "__len__") or not hasattr(value, "__float__")):
        return None
    try:
        if has_item:
            value = value.item()
        return value if type(value) in (bool, int, float, str) else float(value)
    except Exception:  # noqa: BLE001 (more than one number)
        return None


def _text(value):
    """Return `value` as JSON that UTF-8 can hold."""
    if type(value) is str and value.isprintable() and '"' not in value and "\\" not in value:
        return '"{}"'.format(value)  # most names; a fork may find json half imported
    import json

    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value)
    return text


def _begin_process():
    """Begin to log in this process, which may be a fork of one that does."""
    process = _Process()
    for pid in list(_processes):
        inherited = _processes.pop(pid, None)
        for series in list(inherited.series.values()) if inherited else ():
            series.close()
    return _processes.setdefault(os.getpid(), process)


class _Process:
    """What one process logs; the lock can be taken again by a handler of a signal."""

    def __init__(self):
        self.lock = RLock()
        self.series = {}
        self.heads = {}

    def add(self, directory):
        """Begin the series of the run in `directory`."""
        series = self.series[directory] = _Series(directory)
        kept = list(self.series.items())
        if len(kept) > _MOST_KEPT:
            self.series.pop(kept[0][0]).close()
        for _, other in kept[-1 - _MOST_OPEN : -_MOST_OPEN]:
            other.close()
        return series

    def head(self, name, values):
        """Return what stands before the value of `name` in a line; kept, but for the line's own."""
        text = name if type(name) is str else str(name)
        if text in _OF_A_LINE:
            while text in values or text in _OF_A_LINE:
                text += "_"
            return ", {}: ".format(_text(text))
        head = ", {}: ".format(_text(text))
        if type(name) is str:
            if len(self.heads) >= 10 * _MOST_KEPT:
                self.heads.clear()
            self.heads[name] = head
        return head


class _Series:
    """metrics.jsonl of one run, held open; all is called with the lock of the process."""

    def __init__(self, directory):
        self.directory = directory
        self.descriptor = -1
        self.number = self.device = 0
        self.next_step = 0
        self.before = ""
        self.who = ""

    def write(self, texts, step):
        """Write one line in one go, so that lines of several processes do not mix."""
        if step is None:
            step = self.next_step
        self.next_step = step + 1
        if not self._is_open():
            self._open()
        words = self.before, step, time.time(), self.who, texts
        # A number of more than 15 digits takes half as long again to read.
        line = ('%s{"step": %r, "time": %.5f%s%s}\n' % words).encode("utf-8")
        self.before = ""
        try:
            written = os.write(self.descriptor, line)
        except OSError:
            self.before = "\n"  # half of the line may be there
            raise
        if written < len(line):
            self.before = "\n"
            raise OSError(28, "No space left on device")

    def close(self):
        """Let go of the file, if it still is what the descriptor means."""
        if self._is_open():
            os.close(self.descriptor)
        self.descriptor = -1

    def _is_open(self):
        """Return whether the descriptor is that of our file, and the file has a name.

        The program may have closed all descriptors, and opened its own files under their numbers.
        """
        if self.descriptor < 0:
            return False
        try:
            state = os.fstat(self.descriptor)
        except OSError:
            return False
        if state[1] != self.number or state[2] != self.device:
            return False
        if state[3] == 0:  # the file was removed, and is written anew where there is a folder
            os.close(self.descriptor)
            self.descriptor = -1
            return False
        return True

    def _open(self):
        """Open the file; where it ends in half a line, ours begins on a new one."""
        path = os.path.join(self.directory, METRICS)
        flags = os.O_CREAT | os.O_APPEND
        try:
            descriptor = os.open(path, flags | os.O_RDWR | _OWN, 0o666)
        except PermissionError:
            descriptor = os.open(path, flags | os.O_WRONLY | _OWN, 0o666)
        state = os.fstat(descriptor)
        if state.st_mode & 0o170000 != 0o100000:
            os.close(descriptor)
            raise OSError(22, "{} is no regular file".format(path))
        try:
            ends = not state.st_size or os.pread(descriptor, 1, state.st_size - 1) == b"\n"
        except OSError:
            ends = True
        self.before = "" if ends else "\n"
        self.descriptor, self.number, self.device = descriptor, state.st_ino, state.st_dev
        self.who = self._who()

    def _who(self):
        """Return the attempt and the rank as they stand in each line, where they are not the first."""
        attempt = attempt_in(self.directory) if attempt_in else None
        rank = None
        if attempt is None and os.environ.get(RUN_DIRECTORY_VARIABLE) == self.directory:
            attempt = _positive(os.environ.get(ATTEMPT_VARIABLE))
            rank = _positive(os.environ.get(RANK_VARIABLE))
        who = ', "attempt": {}'.format(attempt) if attempt and attempt > 1 else ""
        return who + (', "rank": {}'.format(rank) if rank else "")


def _positive(text):
    return int(text) if text and text.isdigit() else 0


def to_strict(value):
    """Return `value` with floats that strict JSON cannot hold as the strings that stand for them."""
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 (true of NaN alone)
            return "NaN"
        if value in (_NOT_FINITE["Infinity"], _NOT_FINITE["-Infinity"]):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, dict):
        return {key: to_strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_strict(item) for item in value]
    return value


def from_strict(value):
    """Undo :func:`to_strict`: the three strings become numbers again, at any depth."""
    if isinstance(value, str):
        return _NOT_FINITE.get(value, value)
    if isinstance(value, dict):
        return {key: from_strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_strict(item) for item in value]
    return value


def json_bytes(value, indent=4):
    """Return `value` as strict JSON in UTF-8 with a newline at the end.

    Text that UTF-8 cannot hold (file names of undecodable bytes) is written with escapes, which
    every JSON reader takes back.
    """
    import json

    strict = to_strict(value)
    text = json.dumps(strict, indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        return text.encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(strict, indent=indent, allow_nan=False).encode("ascii") + b"\n"


def replace_file(path, content):
    """Put the bytes `content` at `path` in one step: a reader sees the old file or the new one.

    Raises OSError and leaves no temporary file behind when the folder cannot be written.
    """
    temporary = "{}.{}-{}.tmp".format(path, os.getpid(), get_ident())
    try:
        try:
            os.unlink(temporary)  # left by a process of this number that was killed, or a link
        except OSError:
            pass
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OWN, 0o666)
        with builtins.open(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise


def plain_record(values):
    if not isinstance(values, dict):
        kind = type(values).__name__
        raise TypeError("give a dict of names and values, not {}".format(kind))
    return _plain(values, "")


def _plain(value, name):
    """Return `value` in JSON's types; numpy's and torch's scalars say theirs through ``item()``."""
    if isinstance(value, dict):
        prefix = name + "." if name else ""
        return {_key(key): _plain(item, prefix + str(key)) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple)):
        return [_plain(item, name) for item in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # of a (str, Enum) its text, not its name
    for kind in (bool, int, float):  # classes made of these: an IntEnum, numpy's float64
        if isinstance(value, kind):
            return kind.__new__(kind, value)
    return _plain_object(value, name)


def _plain_object(value, name):
    """Return the numbers of a scalar or a small array; of anything else the text."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        item = value.item()
        # Of numpy's longdouble it is another longdouble.
        return _plain(float(value) if type(item) is type(value) else item, name)
    if hasattr(value, "tolist") and _size(value) <= _MOST_ITEMS:
        return _plain(value.tolist(), name)
    return _as_text(value, name)


def _size(array):
    size = 1
    for length in getattr(array, "shape", ()):
        size *= int(length)
    return size


def _as_text(value, name):
    """Return the text of a value that JSON cannot hold; for a name it is said once."""
    kind = type(value).__name__
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 (whatever a class of the program does)
        text = "<{}>".format(kind)
    if len(text) > _MOST_CHARACTERS:
        text = text[:_MOST_CHARACTERS] + "..."
    if name not in _complained:
        _complained.add(name)
        _say("the value of {!r} is a {}, which is kept as text".format(name, kind))
    return text


def _key(key):
    if isinstance(key, str):
        return str.__str__(key)
    return str(key)


def _read_summary(path):
    """Read what is in summary.json; one that is broken is put aside, not overwritten."""
    import json

    try:
        with builtins.open(path, "rb") as file:
            # Strictly not from_strict: what is only carried over stays as it is on disk.
            value = json.loads(file.read().decode("utf-8"))
        if isinstance(value, dict):
            return value
    except FileNotFoundError:
        return {}
    except ValueError:
        pass
    os.replace(path, path + ".broken")
    return {}


class locked:
    """Holds the run folder's lock, among processes and threads; goes on without after 10 s."""

    def __init__(self, directory):
        self.directory = directory
        self.descriptor = None

    def __enter__(self):
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            return
        self.descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            self._wait(fcntl)
        except OSError:  # NFS locks files, but no folder
            os.close(self.descriptor)
            path = os.path.join(self.directory, ".lock")
            self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _OWN, 0o666)
            try:
                self._wait(fcntl)
            except OSError:
                pass  # this file system locks nothing

    def _wait(self, fcntl):
        deadline = time.time() + _LOCK_WAIT_S
        while time.time() < deadline:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.002)

    def __exit__(self, *_):
        if self.descriptor is not None:
            os.close(self.descriptor)


def _complain(what, error):
    """Say once on stderr that something could not be saved; the program goes on."""
    if what not in _complained:
        _complained.add(what)
        reason = getattr(error, "strerror", None) or str(error)
        _say("cannot save the {}: {}".format(what, reason))


def _complain_of_values(refused):
    """Say on stderr which values are left out of the metrics, each name once."""
    new = [pair for pair in dict(refused).items() if ("value", pair[0]) not in _complained]
    if new and len(_complained) < _MOST_KEPT:
        _complained.update(("value", name) for name, _ in new)
        names = ", ".join("{!r} ({})".format(name, kind) for name, kind in new[:5])
        more = " and {} more".format(len(new) - 5) if len(new) > 5 else ""
        _say("log left out {}{}: it takes numbers and text".format(names, more))


def _say(text):
    try:
        sys.stderr.write("meticulous: {}\n".format(text))
    except Exception:  # noqa: BLE001, S110 (stderr is closed, or the program's own)
        pass


def __getattr__(name):
    """Say, where this file stands in for meticulous, why it has so few names (Python 3.7 on)."""
    where = "meticulous" if __name__ == "meticulous" else __name__
    text = "module {!r} has no attribute {!r}".format(where, name)
    if __name__ == "meticulous" and not name.startswith("__"):
        text += "; meticulous is not installed in {}, only {} are there".format(
            sys.prefix, ", ".join(__all__)
        )
    raise AttributeError(text)
