"""Config files named on the command line are kept in the run folder, for they may change later."""

from __future__ import annotations

import os
import stat

from meticulous.arguments import Arguments
from meticulous.runfolder import CONFIG, RunFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["copy_configs", "texts"]

ENDINGS = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf")
MOST_BYTES = 1 << 20
"""Of one file; what is larger is data."""
MOST_FILES = 32


def copy_configs(run: RunFolder, arguments: Arguments, cwd: str) -> list[str]:
    """Copy the config files that `arguments` name into ``config/`` of the run folder.

    A value counts if it has the ending of a config file and was given, or belongs to a name such
    as ``config``. `cwd` is the command's working directory. Secrets in the text are masked; a file
    that cannot be parsed, so that they are not found, is not copied. Return a line for each file
    that was not copied, with its hash; files that are there already are not copied again.
    """
    trouble = []
    for path in list(dict.fromkeys(_named(arguments)))[:MOST_FILES]:
        source = os.path.join(cwd, os.path.expanduser(path))
        try:
            _copy(run, source)
        except OSError as error:
            trouble.append(f"a copy of {path}: {error.strerror}")
        except _NotParsedError as error:
            trouble.append(f"{path} was not copied: {error}")
    return trouble


def _named(arguments: Arguments) -> Iterator[str]:
    """Return each text among the arguments that looks like the path of a config file."""
    for name, text in texts(arguments.values, ""):
        is_named_so = any(word in name.lower() for word in ("conf", "cfg"))
        if "\0" in text or not text.lower().endswith(ENDINGS):
            continue
        if is_named_so or _is_given(name, arguments.given):
            yield text


def _is_given(name: str, given: tuple[str, ...]) -> bool:
    return any(name == entry or name.startswith(entry + ".") for entry in given)


def texts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Return (dotted name, text) for each text in nested arguments."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, name)


class _NotParsedError(Exception):
    """A config file could hold secrets that are not found; the message has its size and hash."""


def _copy(run: RunFolder, source: str) -> None:
    """Copy one file under its own name; another file of that name gets a number."""
    try:
        # Not blocking: a named pipe with that ending is no config file.
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return  # a name that the program is to write, or that has another meaning
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            return
        content = _masked(file.read(MOST_BYTES), os.path.splitext(source)[1])
    folder = run.file(CONFIG)
    os.makedirs(folder, exist_ok=True)
    stem, ending = os.path.splitext(os.path.basename(source))
    for number in range(1, MOST_FILES + 1):
        target = os.path.join(folder, f"{stem}-{number}{ending}" if number > 1 else stem + ending)
        try:
            with open(target, "xb") as copy:
                copy.write(content)
        except FileExistsError:
            with open(target, "rb") as copy:
                if copy.read() == content:
                    return
        else:
            return


def _masked(content: bytes, ending: str) -> bytes:
    from meticulous.recording.config_secrets import mask_document

    try:
        return mask_document(content, ending)
    except ValueError as error:
        import hashlib

        said = str(error).splitlines()[0]
        told = f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"
        raise _NotParsedError(
            f"secrets in it cannot be found and masked ({said}); {told}"
        ) from error
