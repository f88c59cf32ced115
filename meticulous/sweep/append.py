"""In which form the program parses an argument: ``--lr 0.1``, ``--lr=0.1``, ``lr=0.1``, a flag.

What stands on the command line already keeps its form. Else a recorded run of the same program
tells, else the text of its script.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meticulous import runfolder
from meticulous.arguments import library_of
from meticulous.arguments.launchers import program_of
from meticulous.errors import RunFolderError, UsageError
from meticulous.reproduce.set_argument import Known, with_value
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.directory import run_ids
from meticulous.sweep.template import Part
from meticulous.sweep.values import ENVIRONMENT

__all__ = ["with_places"]

_LOOKED_AT = 30
_LARGEST_SCRIPT = 1 << 20
_LIBRARIES = {
    "hydra": "hydra", "omegaconf": "omegaconf", "sacred": "sacred", "jsonargparse": "jsonargparse",
    "tyro": "tyro", "typer": "typer", "click": "click", "fire": "fire", "absl": "absl",
}  # fmt: skip
_SILENT = ("", "experiment", "argv")
_TRUTHS = ({"true", "false"}, {"true"}, {"false"})


def with_places(
    command: Sequence[str],
    names: Mapping[str, set[str] | None],
    experiments_directory: str,
) -> list[Part]:
    """Return the template of `command` with a place for each of `names` that has none.

    Args:
        command: its words, with places for some names perhaps.
        names: those to append, with their values in small letters (None: many).
        experiments_directory: where runs of the same program may be.

    """
    script = _script(command)
    recorded = _recorded(command, experiments_directory)
    flags: list[Part] = []
    for name, values in names.items():
        if name.startswith(ENVIRONMENT):
            continue
        known = _known(name, recorded, script)
        if values in _TRUTHS and isinstance(known.values[name], bool):
            flags.append(_flag(command, name, known))
            continue
        try:
            command = with_value(command, name, f"{{{name}}}", known)
        except UsageError:
            command = [*command, f"--{name}", f"{{{name}}}"]
    return [*command, *flags]


def _known(name: str, recorded: Mapping[str, Any], script: str) -> Known:
    """Return what is known of the argument `name`, for the form in which it is written."""
    library = recorded.get("library") or ""
    if library in _SILENT:  # the script recorded itself, or nobody parsed
        library = _library(script)
    values = dict(recorded.get("values") or {})
    if name not in values:
        values[name] = False if _is_flag(name, script) else None
    return Known(
        values, recorded.get("defaults") or {}, (), library, lambda option: _spells(script, option)
    )


def _flag(command: Sequence[str], name: str, known: Known) -> Part:
    """Return the part of a template for a flag, as the program says yes and no to it."""

    def words(value: str, *, other: bool) -> list[str]:
        told = known._replace(values={**known.values, name: other}, defaults={})
        before = list(command)
        return with_value(before, name, value, told)[len(before) :]

    default = known.defaults.get(name, known.values[name])
    return {
        "flag": name,
        "true": [] if default is True else words("true", other=False),
        "false": words("false", other=True) if default is True else [],
    }


def _recorded(command: Sequence[str], directory: str) -> dict[str, Any]:
    """Return what the newest run of the same program has recorded of its arguments."""
    for run in _newest(directory):
        try:
            metadata = run.read_metadata()
            words = metadata.get(keys.COMMAND)
            if not isinstance(words, list) or _program(words) != _program(command):
                continue
            source = str(metadata.get(keys.ARGS_SOURCE) or "")
            if source in ("", "argv"):
                continue
            defaults = run.read_json(runfolder.DEFAULT_ARGS)
            values = {**defaults, **run.read_json(runfolder.ARGS)}
        except RunFolderError:
            continue
        return {"values": values, "defaults": defaults, "library": library_of(source)}
    return {}


def _newest(directory: str) -> Iterator[RunFolder]:
    try:
        names = run_ids(directory)
    except OSError:
        return
    for name in names[: -_LOOKED_AT - 1 : -1]:
        yield RunFolder(os.path.join(directory, name))


def _program(command: Sequence[str]) -> list[str]:
    words = [str(word) for word in command]
    return words[: len(words) - len(program_of(words).arguments)][-1:]


def _script(command: Sequence[str]) -> str:
    """Return the text of the script that `command` runs, empty where there is none to read."""
    for word in _program(command):
        path = word
        if not os.path.isfile(path) and re.fullmatch(r"[\w.]+", word):
            base = word.replace(".", os.sep)
            path = next(
                (p for p in (f"{base}.py", os.path.join(base, "__main__.py")) if os.path.isfile(p)),
                "",
            )
        try:
            with open(path, "rb") as file:
                content = file.read(_LARGEST_SCRIPT)
        except OSError:
            continue
        if b"\0" not in content:
            return content.decode("utf-8", "replace")
    return ""


def _library(script: str) -> str:
    found = re.findall(r"^\s*(?:import|from)\s+(\w+)", script, re.MULTILINE)
    return next((_LIBRARIES[name] for name in found if name in _LIBRARIES), "")


def _spells(script: str, option: str) -> bool:
    return bool(re.search(rf"(?<![\w.-]){re.escape(option)}(?![\w.-])", script))


def _is_flag(name: str, script: str) -> bool:
    """Return whether the script declares ``--name`` as a flag without a value."""
    spelled = re.escape(name).replace("_", "[-_]").replace(r"\-", "[-_]")
    declared = re.search(rf"""["']--{spelled}["'](?:[^()]|\([^()]*\))*\)""", script)
    words = ("store_true", "BooleanOptionalAction", "is_flag=True")
    return bool(declared) and any(word in declared[0] for word in words)  # type: ignore[index]
