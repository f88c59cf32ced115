"""The exit code of this process, told when Python is over and nothing of ours can run any more.

Before Python 3.12 nobody sees a ``SystemExit`` that is raised by its name, nor that of
``sys.exit(main())``, which has looked up ``sys.exit`` before `main` makes an experiment. C's
``exit`` is called with the code in the end, and tells it to what has been registered with
``on_exit``. So C's own ``fputc`` writes it to the relay, and ``fgetc`` waits until that has
corrected what STATUS says.
"""

from __future__ import annotations

__all__ = ["tell"]


def tell(told: int, answers: int) -> bool:
    """Have one byte, the exit code, written to `told`, and one read from `answers`, at the end.

    False where C knows no ``on_exit`` (not glibc), or Python no C.
    """
    try:
        import ctypes
    except ImportError:
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "on_exit"):
        return False
    library.fdopen.restype = ctypes.c_void_p
    writer = ctypes.c_void_p(library.fdopen(told, b"w"))
    reader = ctypes.c_void_p(library.fdopen(answers, b"r"))
    if not writer or not reader:
        return False
    library.setbuf(writer, None)
    # What is registered last is called first.
    library.__cxa_atexit(library.fgetc, reader, None)  # noqa: SLF001, its name in C
    library.on_exit(library.fputc, writer)
    return True
