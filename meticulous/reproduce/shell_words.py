"""The command of a run as words of a shell script."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from typing import Any

from meticulous.base.paths import within
from meticulous.masking import MASK
from meticulous.runfolder import keys

__all__ = ["command_lines", "export_lines"]

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
_OPTION = re.compile(r"--?([A-Za-z_][\w.-]*)")
_ASSIGNMENT = re.compile(r"-*([A-Za-z_][\w.-]*)=")


def command_lines(
    metadata: dict[str, Any],
    environment: dict[str, Any],
    secrets: dict[str, str],
    repository: str | None,
) -> list[str]:
    """Return the lines that run the command, its words quoted.

    Secrets are variables, whose names are added to `secrets`; what lies in `repository` and is
    named by its whole path is that of the work tree.
    """
    command = [str(word) for word in metadata.get(keys.COMMAND) or []]
    if not command:
        return ["    say 'its command is not in the record'", "    return 2"]
    python = str((environment.get("python") or {}).get("executable") or "python3")
    lines, words = [], _quoted(command, secrets)
    for place, word in enumerate(command):
        option, path = _split(word)
        inner = _in_repository(path, repository) if metadata.get(keys.GITHEAD_SHA) else None
        if inner:
            lines += _placed(inner, path, f"word_{place}", option)
            words[place] = f'"$word_{place}"'
    if keys.CHILD_PID not in metadata:  # a script that recorded itself: the words of its sys.argv
        return [*lines, *_call(f"${{PYTHON:-{_in_braces(python)}}}", words)]
    if _PYTHON.fullmatch(os.path.basename(command[0])):
        return [*lines, *_call(f"${{PYTHON:-{_in_braces(command[0])}}}", words[1:])]
    return [*lines, *_call(None, words)]


def export_lines(name: str, value: str, repository: str | None) -> list[str]:
    """Return the lines that set a variable; whole paths in it (PYTHONPATH) are placed likewise."""
    lines, parts = [], []
    for number, path in enumerate(value.split(":")):
        inner = _in_repository(path, repository)
        if inner:
            lines += _placed(inner, path, f"part_{number}")
        parts.append(f'"$part_{number}"' if inner else path and shlex.quote(path))
    if not lines:
        return [f"    export {name}={shlex.quote(value)}"]
    return [*lines, f"    export {name}={':'.join(parts)}"]


def _placed(inner: str, path: str, variable: str, option: str = "") -> list[str]:
    """Return the lines that put into `variable` where `path` is for the script."""
    first = shlex.quote(option) if option else ""
    return [
        f"    placed {shlex.quote(inner)} {shlex.quote(path)}",
        f"    {variable}={first}$placed",
    ]


def _split(word: str) -> tuple[str, str]:
    """Split ``--config=/a/path`` into ``--config=`` and the whole path; the first may be empty."""
    option, equals, path = word.partition("=")
    return (option + equals, path) if equals and os.path.isabs(path) else ("", word)


def _in_repository(word: str, repository: str | None) -> str | None:
    """Return where the whole path `word` leads in `repository`; None where it does not."""
    if repository is None or not os.path.isabs(word) or MASK in word:
        return None
    for top in (repository, os.path.realpath(repository)):
        inner = within(word, top)
        if inner is not None:
            return inner
    return None


def _call(python: str | None, words: list[str]) -> list[str]:
    if python is None:
        return [f"    find_program {words[0]}", f'    "$program" {" ".join(words[1:])}'.rstrip()]
    return [f'    find_program "{python}"', f'    "$program" {" ".join(words)}'.rstrip()]


def _quoted(command: Sequence[str], secrets: dict[str, str]) -> list[str]:
    """Quote the words of a command; each mask becomes a variable that must be given."""
    quoted = []
    for place, word in enumerate(command):
        if MASK not in word:
            quoted.append(shlex.quote(word))
            continue
        before = _OPTION.fullmatch(command[place - 1]) if place else None
        named = _ASSIGNMENT.match(word) or (before if word == MASK else None)
        name = _variable(named[1] if named else str(place), secrets)
        quoted.append(
            f'"${{{name}}}"'.join(shlex.quote(part) if part else "" for part in word.split(MASK))
        )
    return quoted


def _variable(wanted: str, secrets: dict[str, str]) -> str:
    """Return the shell variable for a masked argument.

    Its name starts as no shell's own does: a `PWD` or `USER` is always set, and would be taken in
    silence for the ``--pwd`` or ``--user`` that is missing.
    """
    name = f"SECRET_{re.sub(r'[^A-Za-z0-9_]', '_', wanted).upper().strip('_')}"
    secrets.setdefault(name, f"the argument {wanted}")
    return name


def _in_braces(text: str) -> str:
    """Quote `text` to stand within ``"${NAME:-…}"``."""
    return re.sub(r'([\\"$`}])', r"\\\1", text)
