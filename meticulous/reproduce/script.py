"""A POSIX shell script that repeats runs with git and a shell alone.

Each run gets a work tree of its own, at the commit (and with the uncommitted changes) that was
recorded, so that nobody's files are touched. What the record masks must be given as variables.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from importlib import resources
from typing import Any

from meticulous import __version__, runfolder
from meticulous.base.paths import leads_out
from meticulous.base.text import as_bytes, harmless
from meticulous.environment.variables import is_place
from meticulous.errors import RunFolderError
from meticulous.git.command import shown
from meticulous.masking import MASK
from meticulous.reproduce.inputs import inputs
from meticulous.reproduce.patch import read_patch
from meticulous.reproduce.requirements import requirements
from meticulous.reproduce.shell_words import command_lines, export_lines
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.status import status_of

__all__ = ["caveats", "script"]

_NAMED = 5
_NOT_LINKED = "has too many files to see that the run only read them, and is not linked"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def script(
    runs: Sequence[RunFolder], repository: str | None, *, with_environment: bool = False
) -> bytes:
    """Return a shell script that repeats `runs`, one after the other.

    Args:
        runs: the runs, in the order in which to repeat them.
        repository: where they were run, to see what they read beside the code; or None.
        with_environment: whether to make a virtual environment with the packages of each run.

    Bytes, because an uncommitted change need not be text. Raises RunFolderError where a run
    cannot be read, or has no Python to make an environment for.
    """
    secrets: dict[str, str] = {}
    functions = {_function(number, run): run for number, run in enumerate(runs)}
    parts = [
        _part(name, run, secrets, repository, packages=with_environment)
        for name, run in functions.items()
    ]
    frame = resources.files("meticulous.reproduce").joinpath("repeat.sh").read_text("utf-8")
    calls = [f"    again {name} {shlex.quote(run.id)}" for name, run in functions.items()]
    asks = [
        f': "${{{name}:?{place} is a secret and not in the record: give it as this variable}}"'
        for name, place in secrets.items()
    ]
    names = [run.id for run in runs]
    ids = f"runs {', '.join(names)}" if len(names) > 1 else f"run {names[0]}"
    ids = " ".join(ids.split())  # it stands in a comment
    frame = frame.replace("@IDS@", ids).replace("@VERSION@", __version__)
    frame = frame.replace("@SECRETS@\n", "".join(f"{line}\n" for line in asks))
    frame = frame.replace("@CALLS@\n", "".join(f"{line}\n" for line in calls))
    is_coded = any(b"\n    take_code " in part for part in parts)
    frame = frame.replace("@FIND@\n", '    find_repository "${1:-}"\n' if is_coded else "")
    head, _, foot = frame.partition("@RUNS@\n")
    return as_bytes(head) + b"\n".join(parts) + as_bytes(foot)


def _function(number: int, run: RunFolder) -> str:
    """Name the shell function for `run`, the one at place `number`."""
    return f"run_{run.id}" if run.id.isascii() and run.id.isalnum() else f"other_{number}"


def _part(
    name: str, run: RunFolder, secrets: dict[str, str], repository: str | None, *, packages: bool
) -> bytes:
    """Return the shell function for one run."""
    metadata = run.read_metadata()
    environment = run.read_json(runfolder.ENVIRONMENT)
    lines = [f"{name}() {{", *_told(run, metadata, environment)]
    sha = metadata.get(keys.GITHEAD_SHA)
    cwd = os.path.join(metadata.get(keys.PROJECT) or "", str(metadata.get(keys.CWD) or ""))
    cwd = _inside(cwd, run) if sha and not os.path.isabs(cwd) else os.path.normpath(cwd)
    if sha:
        lines.append(f"    take_code {shlex.quote(str(sha))} || return")
    else:
        lines.append("    no_code  # it was recorded outside git")
    text = as_bytes("\n".join(lines)) + b"\n"
    text += _changes(run, metadata) if sha else b""
    lines = []
    if sha and repository is not None:
        top = _inside(metadata.get(keys.PROJECT) or "", run)
        found = inputs(run, os.path.join(repository, top))
        paths, large = (
            [_inside(os.path.join(top, path), run) for path in some]
            for some in (found.read, found.large)
        )
        lines += [f"    take_data {shlex.quote(path)}" for path in paths]
        for path in large:
            says = shlex.quote(f"{path} {_NOT_LINKED}")
            lines.append(f'    [ -e "$tree"/{shlex.quote(path)} ] || say {says}')
    lines.append(f"    go_to {shlex.quote(cwd)} || return")
    if packages:
        lines += _environment_lines(environment, run.id)
    lines += _exports(environment, secrets, repository if sha else None)
    lines += [*command_lines(metadata, environment, secrets, repository), "}", ""]
    return text + as_bytes("\n".join(lines))


def _inside(path: str, run: RunFolder) -> str:
    """Return `path` in its plain form; RunFolderError where it leads out of the work tree.

    No record says so by itself, and the script of a stranger's run must not reach elsewhere.
    """
    plain = os.path.normpath(path)
    if os.path.isabs(plain) or leads_out(plain):
        message = f"the metadata of run {run.id} name {path!r}, which is outside its repository"
        raise RunFolderError(message, "They were altered: look at metadata.json")
    return plain


def _told(run: RunFolder, metadata: dict[str, Any], environment: dict[str, Any]) -> list[str]:
    """Return comments on what was run and what came out."""
    state = status_of(run).state
    python = environment.get("python") or {}
    code, ranks = metadata.get(keys.EXIT_CODE), metadata.get(keys.RANKS)
    told = [
        f"run {run.id}: {state}" + (f", exit code {code}" if code is not None else ""),
        f"started {metadata.get(keys.START_TIME)} on {metadata.get(keys.HOST)}",
        str(metadata.get(keys.DESCRIPTION) or ""),
        f"Python {python['version']}, {python.get('executable')}" if python.get("version") else "",
        f"packages: meticulous environment {run.id}" if python else "",
        f"it had {ranks.get('size')} ranks, and is one process here" if ranks else "",
    ]
    return [_comment(line) for line in told if line]


def _comment(text: str) -> str:
    """Return `text` as a comment of one line, whatever it holds."""
    return f"    # {harmless(' '.join(text.split()))}"


def _changes(run: RunFolder, metadata: dict[str, Any]) -> bytes:
    """Return the lines that bring the uncommitted changes, those of submodules too."""
    text = _applied("", _patch(run, runfolder.UNCOMMITTED_PATCH))
    if not text and metadata.get(keys.DIRTY):
        text = b"    say 'there were uncommitted changes, which were not kept'\n"
    modules = metadata.get(keys.SNAPSHOT_SUBMODULES) or []
    for module in modules:
        _inside(str(module["path"]), run)
    words = [
        f"{shlex.quote(str(module['path']))} {shlex.quote(str(module[keys.GITHEAD_SHA]))}\n"
        for module in modules
    ]
    paths = [str(module["path"]) for module in modules]
    expected = [  # those in other submodules are no entries of this index
        word
        for path, word in zip(paths, words, strict=True)
        if not any(path.startswith(f"{other}/") for other in paths)
    ]
    lines = "".join(f"    expect_module {word}" for word in expected) + "    take_modules\n"
    text += as_bytes(lines)
    for module, word in zip(modules, words, strict=True):
        text += as_bytes(f"    take_module {word}")
        patch = _patch(run, os.path.basename(str(module["patch"])))
        text += _applied(shlex.quote(str(module["path"])), patch)
    return text


def _applied(path: str, patch: bytes) -> bytes:
    """Return the lines that apply `patch` in the quoted `path` of the work tree."""
    if not patch:
        return b""
    where, end = as_bytes(f" {path}".rstrip()), _end_for(patch)
    if b"\0" in patch:  # no shell takes that in: git was told to see a binary file as text
        told = patch.replace(b"\\", rb"\\").replace(b"\0", rb"\0000").replace(b"'", rb"'\''")
        return b"    printf %%b '%s' | apply_changes%s || return\n" % (told, where)
    return b"    apply_changes%s <<'%s' || return\n%s%s\n" % (where, end, patch, end)


def _patch(run: RunFolder, name: str) -> bytes:
    try:
        patch = read_patch(run, name)
    except FileNotFoundError:
        return b""
    return patch if patch.endswith(b"\n") or not patch else patch + b"\n"


def _end_for(patch: bytes) -> bytes:
    """Return a word that ends the here-document and is no line of it."""
    end = b"END_OF_CHANGES"
    while b"\n%s\n" % end in b"\n" + patch:
        end += b"_"
    return end


def _environment_lines(environment: dict[str, Any], run_id: str) -> list[str]:
    lines = list(requirements(environment, run_id))
    version = ".".join(str(environment["python"].get("version")).split(".")[:2])
    end = "END_OF_PACKAGES"
    while end in lines:
        end += "_"
    wanted = shlex.quote(f"python{version}")
    return [f"    make_environment {wanted} <<'{end}' || return", *lines, end]


def _exports(
    environment: dict[str, Any], secrets: dict[str, str], repository: str | None
) -> list[str]:
    """Return the export of each recorded variable that decides what a program computes."""
    lines, places = [], []
    for name, value in (environment.get("variables") or {}).items():
        if is_place(name):
            places.append(name)
        elif not _VARIABLE.fullmatch(name):
            lines.append(_comment(f"no shell can set the variable {name}"))
        elif MASK in str(value):
            secrets.setdefault(name, "this environment variable")
            lines.append(f"    export {name}")
        else:
            lines += export_lines(name, str(value), repository)
    if places:
        lines.insert(0, _comment(f"recorded and not set here: {' '.join(places)}"))
    return lines


def caveats(runs: Sequence[RunFolder]) -> list[str]:
    """Say of which of `runs` the code or the command is not known exactly, one line each."""
    found = []
    for run in runs:
        metadata = run.read_metadata()
        if not metadata.get(keys.GITHEAD_SHA):
            found.append(f"run {run.id} was recorded outside git: its code is not known")
        elif metadata.get(keys.DIRTY) and not os.path.exists(run.file(runfolder.UNCOMMITTED_PATCH)):
            found.append(f"run {run.id} had uncommitted changes that were not kept")
        left_out = metadata.get(keys.SNAPSHOT_LEFT_OUT) or []
        named = [f"{shown(str(one['path']))} ({one['reason']})" for one in left_out[:_NAMED]]
        if len(left_out) > _NAMED:
            named.append(f"and {len(left_out) - _NAMED:,} more, named in {runfolder.METADATA}")
        if named:
            found.append(f"not in the snapshot of run {run.id}: {', '.join(named)}")
        sources = run.read_json(runfolder.ENVIRONMENT).get("package-sources") or {}
        editable = sorted(
            name
            for name, source in sources.items()
            if source.get("editable") and name != "meticulous"
        )
        if editable:
            found.append(
                f"run {run.id} had {', '.join(editable)} installed as editable: that code is not "
                "in the record, and the script takes what is installed where it runs"
            )
        if ranks := metadata.get(keys.RANKS):
            found.append(
                f"run {run.id} had {ranks.get('size')} ranks, and is one process in the script"
            )
        if any(MASK in str(word) for word in metadata.get(keys.COMMAND) or []):
            found.append(f"run {run.id} had a secret in its command: the script asks for it")
    return found
