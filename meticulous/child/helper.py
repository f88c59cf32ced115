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
from _thread import allocate_lock, get_ident  # threading costs milliseconds and is not needed

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

directory_of_thread = None
"""Where a script records itself: gives the folder of the experiment that this thread is in."""

_LOCK_WAIT_S = 10.0
_next_step = {}
_complained = set()
_MOST_ITEMS = 1000
_MOST_CHARACTERS = 10000
"""Of an array that is kept as a list, and of the text of any other object."""

_OWN = getattr(os, "O_NOFOLLOW", 0)
"""Nothing is written through a link that somebody has put in the place of a file of the run."""

_lock = allocate_lock()

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

    `step` is an integer; without it, it is one more than the last of this process in this run (0 at
    first).
    The names ``step`` and ``time`` are the line's own. Values as in :func:`summary`.
    """
    values = plain_record(values)
    for name in ("step", "time"):
        if name in values:
            raise ValueError(
                "log: the name {!r} is taken; give step=… or another name".format(name)
            )
    directory = run_directory()
    with _lock:
        of_run = os.getpid(), directory
        step = _next_step.get(of_run, 0) if step is None else int(step)
        _next_step[of_run] = step + 1
    if directory is None:
        return
    record = {"step": step, "time": time.time()}
    record.update(values)
    try:
        # One write of a whole line at the end: lines of several processes do not mix.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _OWN
        descriptor = os.open(os.path.join(directory, METRICS), flags, 0o666)
        try:
            os.write(descriptor, json_bytes(record, indent=None))
        finally:
            os.close(descriptor)
    except OSError as error:
        _complain("metrics", error)


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
        sys.stderr.write(
            "meticulous: the value of {!r} is a {}, which is kept as text\n".format(name, kind)
        )
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
        reason = error.strerror or str(error)
        sys.stderr.write("meticulous: cannot save the {}: {}\n".format(what, reason))


def __getattr__(name):
    """Say, where this file stands in for meticulous, why it has so few names (Python 3.7 on)."""
    where = "meticulous" if __name__ == "meticulous" else __name__
    text = "module {!r} has no attribute {!r}".format(where, name)
    if __name__ == "meticulous" and not name.startswith("__"):
        text += "; meticulous is not installed in {}, only {} are there".format(
            sys.prefix, ", ".join(__all__)
        )
    raise AttributeError(text)
