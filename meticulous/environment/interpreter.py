"""Which Python a command resolves to and what is installed for it, found without running anything.

The command word is looked up as the kernel would; a script's first line, a virtual environment's
``pyvenv.cfg`` and the layout of the installation tell the rest. Where the program itself can say
(a report from the child), that is exact and is used instead. Standard library only.
"""

from __future__ import annotations

import os
import re

from meticulous.arguments.launchers import Program, is_python, program_of
from meticulous.base.namedtuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

__all__ = ["Python", "find_python"]

_SHEBANG_BYTES = 1024
_VERSIONED = r"(?:python|pypy)(\d\.\d+)(t?)"
_LIBRARY = r"(?:python|pypy)\d\.\d+t?"
_CONDA_PYTHON = r"python-(\d+\.\d+\.\d+\w*)-.*\.json"
_EXEC_TRICK = r"""(?m)^'''exec' "?([^"\n]+?)"? "\$0" "\$@"$"""


class Python(NamedTuple):
    """A Python installation, or why there is none.

    `executable` and `prefix` are absolute paths; `version` is as exact as could be seen (``3.11``
    or ``3.11.7``); `directories` are those that may hold packages, in the order of ``sys.path``.
    Where `unknown` is not empty it says why, and the rest is empty.
    """

    executable: str = ""
    version: str = ""
    prefix: str = ""
    directories: tuple[str, ...] = ()
    unknown: str = ""


def find_python(
    command: Sequence[str],
    cwd: str,
    environ: Mapping[str, str],
    reported: Mapping[str, Any] | None = None,
) -> Python:
    """Find the Python that `command` runs in, started in `cwd` with `environ`.

    `reported` is what the child has said of itself: ``executable``, ``version``, ``prefix``,
    ``path`` (its ``sys.path``).
    """
    if reported:
        return _as_reported(reported, cwd)
    program = program_of(command)
    if program.manager:
        return Python(unknown=f"{program.manager} chooses the environment")
    found = _resolve(program.executable, cwd, environ)
    if not found:
        return Python(unknown=f"{program.executable} was not found")
    executable, reason = _interpreter_of(found, cwd, environ)
    if not executable:
        return Python(unknown=reason)
    return _describe(executable, program, cwd, environ)


def _as_reported(reported: Mapping[str, Any], cwd: str) -> Python:
    version = str(reported.get("version") or "").split(" ")[0]
    path = reported.get("path") or reported.get("sys.path") or []
    directories = [os.path.join(cwd, item) for item in path if isinstance(item, str) and item]
    return Python(
        str(reported.get("executable") or ""),
        version,
        str(reported.get("prefix") or ""),
        tuple(directories),
    )


# --- from the command word to an interpreter ---------------------------------------------------


def _resolve(word: str, cwd: str, environ: Mapping[str, str]) -> str:
    """Return the absolute path of the file that the command word `word` starts; "" for none."""
    if "/" in word:
        candidates = [word]
    else:
        path = environ.get("PATH", os.defpath)
        candidates = [os.path.join(directory, word) for directory in path.split(os.pathsep)]
    for candidate in candidates:
        full = os.path.join(cwd, candidate)
        if word and os.path.isfile(full) and os.access(full, os.X_OK):
            return os.path.abspath(full)
    return ""


def _interpreter_of(path: str, cwd: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the Python that runs the file at `path`, or ("", why it is unknown)."""
    for _ in range(4):  # a script whose interpreter is a script is as deep as it gets
        name = os.path.basename(path)
        head = _head(path)
        if not head.startswith("#!"):
            return (path, "") if is_python(name) else ("", f"{name} is not a Python program")
        if "pyenv" in head and os.path.basename(os.path.dirname(path)) == "shims":
            path = _behind_pyenv(name, cwd, environ)
            if not path:
                return "", "pyenv chooses the version"
            continue
        word = _shebang_word(head)
        path = _resolve(word, cwd, environ)
        if not path:
            return "", f"{name} is run by {word}, which was not found"
        if not is_python(os.path.basename(path)):
            return "", f"{name} is run by {os.path.basename(path)}"
    return "", "the interpreter is a script of a script"


def _head(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.read(_SHEBANG_BYTES))
    except OSError:  # executable, but not readable
        return ""


def _shebang_word(head: str) -> str:
    """Return the program of the first line of a script, behind ``env`` and pip's trick.

    Where the path is too long for the kernel, pip writes a ``/bin/sh`` script whose second line
    is ``'''exec' "/long/path/python" "$0" "$@"``.
    """
    trick = re.search(_EXEC_TRICK, head)
    if trick:
        return trick[1]
    words = head[2:].splitlines()[0].split() or [""]
    if os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word] or [""]
    return words[0]


def _behind_pyenv(name: str, cwd: str, environ: Mapping[str, str]) -> str:
    """Return the program that a pyenv shim would start, for the simple ways of choosing a version."""
    root = environ.get("PYENV_ROOT") or os.path.join(environ.get("HOME", ""), ".pyenv")
    for version in _pyenv_versions(root, cwd, environ):
        path = os.path.join(root, "versions", version, "bin", name)
        if os.access(path, os.X_OK):
            return path
    return ""


def _pyenv_versions(root: str, cwd: str, environ: Mapping[str, str]) -> Sequence[str]:
    chosen = environ.get("PYENV_VERSION", "")
    if chosen:
        return chosen.split(":")
    directory = os.path.abspath(cwd)
    while True:
        words = _words_of(os.path.join(directory, ".python-version"))
        if words or directory == os.path.dirname(directory):
            break
        directory = os.path.dirname(directory)
    return words or _words_of(os.path.join(root, "version"))


def _words_of(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [word for line in file for word in line.partition("#")[0].split()]
    except OSError:
        return []


# --- from the interpreter to its packages ------------------------------------------------------


def _describe(executable: str, program: Program, cwd: str, environ: Mapping[str, str]) -> Python:
    """Read version, prefix and package directories from the layout around `executable`."""
    settings = _venv_settings(executable)
    base = os.path.realpath(executable)
    if settings and (not os.path.exists(base) or _is_copy(base, settings["prefix"])):
        base = os.path.realpath(os.path.join(settings.get("home", ""), os.path.basename(base)))
    base_prefix = os.path.dirname(os.path.dirname(base))
    library = _library(base, base_prefix)
    prefix = settings["prefix"] if settings else base_prefix
    isolated = _options_of(program.options)
    directories: list[str] = []
    before: list[str] = []
    if not isolated & set("EI"):
        added = environ.get("PYTHONPATH", "").split(os.pathsep)
        before = [os.path.join(cwd, item) for item in added if item]
    system = not settings or settings.get("include-system-site-packages", "").lower() == "true"
    if system and not isolated & set("sI") and not environ.get("PYTHONNOUSERSITE"):
        user = environ.get("PYTHONUSERBASE") or os.path.join(environ.get("HOME", ""), ".local")
        directories.append(os.path.join(user, "lib", library, "site-packages"))
    if settings:
        directories += _site_directories(prefix, library)
    if system:
        directories += _site_directories(base_prefix, library)
    if "S" in isolated:
        before = directories = []
    directories = [*before, *directories, *(at for one in directories for at in _added_to(one))]
    version = _full_version(settings, base_prefix, library)
    return Python(executable, version, prefix, tuple(dict.fromkeys(directories)))


def _is_copy(base: str, prefix: str) -> bool:
    """Return whether a virtual environment has a copy of Python (``venv --copies``) and no link."""
    return base.startswith(os.path.join(os.path.realpath(prefix), ""))


def _venv_settings(executable: str) -> dict[str, str]:
    """Return the keys of the ``pyvenv.cfg`` that `executable` obeys, and ``prefix``; {} for none."""
    directory = os.path.dirname(executable)
    for prefix in (directory, os.path.dirname(directory)):
        try:
            with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8") as file:
                pairs = [line.partition("=") for line in file if "=" in line]
        except (OSError, UnicodeDecodeError):
            continue
        return {key.strip().lower(): value.strip() for key, _, value in pairs} | {"prefix": prefix}
    return {}


def _library(base: str, prefix: str) -> str:
    """Return the name of the library folder (``python3.11``) of the interpreter file `base`."""
    versioned = re.match(_VERSIONED, os.path.basename(base))
    if versioned:
        return versioned[0]
    try:
        found = os.listdir(os.path.join(prefix, "lib"))
    except OSError:
        found = []
    names = sorted(name for name in found if re.fullmatch(_LIBRARY, name))
    real = [name for name in names if os.path.exists(os.path.join(prefix, "lib", name, "os.py"))]
    return real[0] if len(real) == 1 else ""


def _site_directories(prefix: str, library: str) -> Iterator[str]:
    for folder in ("lib", "lib64"):
        directory = os.path.join(prefix, folder, library, "site-packages")
        # In a virtual environment lib64 is a link to lib, and so is the order of little matter.
        if folder == "lib" or not os.path.islink(os.path.join(prefix, folder)):
            yield directory
    if prefix == "/usr":  # Debian keeps what it packages apart from what pip installs
        yield f"/usr/local/lib/{library}/dist-packages"
        yield "/usr/lib/python3/dist-packages"


def _added_to(directory: str) -> Iterator[str]:
    """Return the directories that the ``.pth`` files of one add, as ``site`` reads them."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".pth"))
    except OSError:
        return
    for name in names:
        try:
            with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        for line in map(str.rstrip, lines):
            if line and not line.startswith(("#", "import ", "import\t")):
                added = os.path.join(directory, line)
                if os.path.isdir(added):
                    yield added


def _full_version(settings: Mapping[str, str], prefix: str, library: str) -> str:
    """Return the version with its last part where the installation tells it, else ``3.11``."""
    short = library.removeprefix("python").removeprefix("pypy").rstrip("t")
    told = settings.get("version_info") or settings.get("version") or _conda_version(prefix)
    told = told or os.path.basename(prefix)  # pyenv: versions/3.11.7
    parts = told.split(".")
    return ".".join(parts[:3]) if short and parts[:2] == short.split(".") else short


def _conda_version(prefix: str) -> str:
    try:
        names = os.listdir(os.path.join(prefix, "conda-meta"))
    except OSError:
        return ""
    matches = (re.fullmatch(_CONDA_PYTHON, name) for name in names)
    return next((match[1] for match in matches if match), "")


def _options_of(options: Sequence[str]) -> set[str]:
    """Return the letters of the interpreter's options, as far as they stand before a value."""
    letters: set[str] = set()
    for word in options:
        if not word.startswith("-") or word.startswith("--"):
            continue
        for letter in word[1:]:
            if letter in "mcWX":
                break
            letters.add(letter)
    return letters
