"""Where the output of this process is tapped: a descriptor, or a Python stream that has none.

Each tap has a `source`, from which a relay reads what was printed, and a `sink`, to which it
passes it on (-1 for none).
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import sys
import threading

from meticulous import runfolder
from meticulous.base.descriptors import close, enlarge_pipe, is_open, write_all
from meticulous.capture.relay import Channel
from meticulous.capture.terminal import Terminal, is_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ["Tap", "flush", "make", "raised"]

_ABOVE, _ABOVE_AT_LEAST = 64, 12
"""Descriptors that a relay gets are kept above the low numbers under which it gets them."""
_STREAMS = ((1, runfolder.STDOUT), (2, runfolder.STDERR))


def make() -> Iterator[Tap]:
    """Make taps for all that this process can print to; they are not in place yet.

    Raises OSError where there are not enough descriptors.
    """
    for number, name in _STREAMS:
        stream = getattr(sys, name)
        leading = _leading(stream, number)
        if is_open(number):
            yield _DescriptorTap(number, name, stream, leading)
        if stream is not None and leading is None:
            yield _StreamTap(number, name, stream)


def flush() -> None:
    """Let go of what Python and C hold back, so that it is on the right side of a border."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()  # type: ignore[union-attr]
        except (AttributeError, OSError, ValueError, RuntimeError):
            pass  # none; its reader is gone; closed; or a signal has come in the midst of a flush
    _flush_c()


def raised(descriptor: int) -> int:
    """Return `descriptor` a higher number; not inherited by the processes of the program."""
    try:
        return _copy(descriptor)
    finally:
        close(descriptor)


def _copy(descriptor: int) -> int:
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ABOVE_AT_LEAST)  # a low limit


class Tap:
    """A place where output is tapped, between :meth:`begin` and :meth:`end`."""

    terminal = ""
    """Path of the pseudo-terminal that the program writes to, if it is one."""

    def __init__(self, number: int, name: str) -> None:
        self.number, self.name = number, name
        self.source = self.sink = self._theirs = -1
        self.gone: Callable[[], None] = self.put_back
        """Called when a print finds that nobody reads it any more."""

    def begin(self) -> None:
        """Put the tap in place."""

    def put_back(self) -> None:
        """Put back what was there before, in the midst of a print."""

    def end(self) -> None:
        """Put back what was there before, unless the program has put in something else."""

    def is_in_place(self) -> bool:
        """Say whether what is printed still comes here."""
        raise NotImplementedError

    def hand_over(self) -> Channel:
        """Return the descriptors away to a relay in this process."""
        sink = os.dup(self.sink) if self.sink >= 0 else -1
        channel = Channel(self.name, self.source, sink, self.terminal)
        self.source = -1
        return channel

    def close(self) -> None:
        """Close our descriptors; those of the relay stay."""
        for descriptor in (self.source, self.sink, self._theirs):
            if descriptor >= 0:
                close(descriptor)
        self.source = self.sink = self._theirs = -1

    def _close_source(self) -> None:
        if self.source >= 0:
            close(self.source)
            self.source = -1

    def _make_pipe(self) -> None:
        source, theirs = os.pipe()
        enlarge_pipe(source)
        self.source, self._theirs = raised(source), raised(theirs)


class _DescriptorTap(Tap):
    """A pipe or pseudo-terminal in the place of descriptor `number`.

    `leading` is the Python stream that leads to it, if `stream`, Python's of that name, does.
    """

    def __init__(self, number: int, name: str, stream: Any, leading: Any) -> None:
        super().__init__(number, name)
        self._stream, self._leading = stream, leading
        self._is_now_line_buffered = False
        self._file: Any = None
        self._raw: Any = None
        self._write: Any = None
        self._identity: tuple[int, ...] = ()
        self.sink = _copy(number)
        if is_terminal(number):
            terminal = Terminal(self.sink)
            self.source, self._theirs = raised(terminal.master), raised(terminal.slave)
            self.terminal = terminal.path
        else:
            self._make_pipe()

    def begin(self) -> None:
        os.dup2(self._theirs, self.number)
        self._identity = _identity(self.number)
        close(self._theirs)
        self._theirs = -1
        self._close_source()
        stream = self._leading
        if isinstance(stream, io.TextIOWrapper):
            self._tell_as_before(stream)
            self._print_whatever_becomes_of_us(stream)
            if not stream.line_buffering:
                stream.reconfigure(line_buffering=True)  # so that a crash loses no line
                self._is_now_line_buffered = True

    def _tell_as_before(self, stream: io.TextIOWrapper) -> None:
        """Let a stream that was made on a file say where it is in it, as it is asked to.

        That it can is what it remembers, and a pipe cannot: without this, ``reconfigure`` and a
        new wrapper of its buffer would raise an OSError.
        """
        sink, file = self.sink, getattr(stream.buffer, "raw", stream.buffer)
        if isinstance(file, io.FileIO) and file.seekable():
            self._file = file
            vars(file)["tell"] = lambda: os.lseek(sink, 0, os.SEEK_CUR)

    def _print_whatever_becomes_of_us(self, stream: io.TextIOWrapper) -> None:
        """Let a write that fails because our relay has been killed go where it went before us."""
        file = getattr(stream.buffer, "raw", stream.buffer)
        if not isinstance(file, io.FileIO):
            return
        self._raw, write = file, file.write

        def write_here_or_there(content: Any) -> int | None:
            try:
                return write(content)
            except OSError as error:
                is_ours = _identity(self.number) == self._identity
                if not is_ours or error.errno not in (errno.EPIPE, errno.EIO):
                    raise
            self.gone()
            return write(content)

        self._write = vars(file)["write"] = write_here_or_there

    def put_back(self) -> None:
        if self.sink >= 0 and _identity(self.number) == self._identity:
            os.dup2(self.sink, self.number)

    def end(self) -> None:
        self.put_back()
        if self._file is not None:
            vars(self._file).pop("tell", None)
        if self._raw is not None and vars(self._raw).get("write") is self._write:
            del vars(self._raw)["write"]
        if self._is_now_line_buffered:
            try:
                self._leading.reconfigure(line_buffering=False)
            except (RuntimeError, ValueError):
                pass  # a signal has come in the midst of a print and ends us; or it is closed

    def is_in_place(self) -> bool:
        stream = getattr(sys, self.name)
        is_same = stream is self._stream or _leading(stream, self.number) is not None
        return is_same and _identity(self.number) == self._identity


class _StreamTap(Tap):
    """A second way for what is written to a Python stream; the first stays as it is.

    The stream stays the same object. Its ``write`` (that of its buffer, where it has one) is
    stood in for, in its class where that can be: IPython puts a ``write`` of its own into the
    stream for the time of a cell, and then puts back what it has found.
    """

    def __init__(self, number: int, name: str, stream: Any) -> None:
        super().__init__(number, name)
        self._stream = stream
        buffer = getattr(stream, "buffer", None)
        self._target = stream if buffer is None else buffer
        self._class = type(self._target)
        self._write: Any = None
        self._thread = threading.local()
        self._make_pipe()

    def begin(self) -> None:
        target = self._target
        try:
            members = {"write": self._property(), "__module__": self._class.__module__}
            target.__class__ = type(self._class.__name__, (self._class,), members)
        except TypeError:  # its class is written in C
            try:
                target.write = self._write = _Noting(self, target.write)
            except AttributeError:
                pass  # it allows neither
        self._close_source()

    def end(self) -> None:
        if self._class is not type(self._target):
            self._target.__class__ = self._class
        elif self._write is not None and vars(self._target).get("write") is self._write:
            del self._target.write

    def is_in_place(self) -> bool:
        is_ours = self._class is not type(self._target) or (
            getattr(self._target, "__dict__", {}).get("write") is self._write
        )
        return is_ours and getattr(sys, self.name) is self._stream

    def note(self, first: Callable[[Any], Any], content: Any) -> Any:
        """Write `content` as `first` does, and into the pipe, if it has not been there yet."""
        # ipykernel reads descriptor 1 in a thread, and writes to the stream what comes there.
        is_echo = threading.current_thread() is getattr(self._stream, "watch_fd_thread", None)
        if is_echo or getattr(self._thread, "is_noting", False):
            return first(content)
        self._thread.is_noting = True
        try:
            written = first(content)
        finally:
            self._thread.is_noting = False
        try:
            write_all(self._theirs, _as_bytes(content))
        except OSError:
            pass  # nobody carries it any more; the program goes on
        return written

    def _property(self) -> property:
        """Return what stands in a class for ``write``: whatever is set, ours comes before it."""
        own_class = self._class

        def get(stream: Any) -> Any:
            first = vars(stream).get("write")
            return _Noting(self, first or own_class.write.__get__(stream))

        def put(stream: Any, write: Any) -> None:
            vars(stream)["write"] = write.first if isinstance(write, _Noting) else write

        return property(get, put, lambda stream: vars(stream).pop("write"))


class _Noting:
    """A ``write`` that notes, and does what `first` does."""

    def __init__(self, tap: _StreamTap, first: Callable[[Any], Any]) -> None:
        self._tap, self.first = tap, first

    def __call__(self, content: Any) -> Any:
        return self._tap.note(self.first, content)


def _as_bytes(content: Any) -> bytes:
    if isinstance(content, str):
        return content.encode("utf-8", "surrogateescape")
    return bytes(content)


def _leading(stream: Any, number: int, depth: int = 3) -> Any:
    """Return the stream by which what is written to `stream` comes out at descriptor `number`.

    It may be another one that `stream` holds, as a logger of the program's own does. None where
    it comes out elsewhere.
    """
    try:
        if stream.fileno() == number:
            return stream
    except Exception:  # noqa: BLE001, S110, whatever a class of the program's own raises
        pass
    held = getattr(stream, "__dict__", {}).values() if depth else ()
    for value in held:
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if hasattr(one, "write") and one is not stream:
                leading = _leading(one, number, depth - 1)
                if leading is not None:
                    return leading
    return None


def _identity(descriptor: int) -> tuple[int, ...]:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_rdev


def _flush_c() -> None:
    """Flush the buffer that C code prints through, which Python knows nothing of.

    That of stdout alone: flushing all would wait for a thread that reads C's stdin.
    """
    if not _has_foreign_code():
        return  # nobody can have printed so, and importing ctypes takes 3 ms
    import ctypes

    library = ctypes.CDLL(None)
    name = "__stdoutp" if sys.platform == "darwin" else "stdout"
    try:
        library.fflush(ctypes.c_void_p.in_dll(library, name))
    except (ValueError, AttributeError):
        pass  # a C library that names it otherwise


def _has_foreign_code() -> bool:
    """Say whether there is compiled code that did not come with Python, or a way to call it."""
    return "ctypes" in sys.modules or any(
        name.partition(".")[0] not in sys.stdlib_module_names
        and str(getattr(module, "__file__", None)).endswith(".so")
        for name, module in list(sys.modules.items())
    )
