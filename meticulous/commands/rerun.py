"""Run a recorded command once more, with the code as it was, and say whether it gave the same.

The command runs in a new git work tree at the commit of the run, with the uncommitted changes that
were kept; your own tree is not touched. It is recorded as a new run. Words after -- change the
command: options override those of the same name, others are appended. The exit code is 0 where the
run gave the same, 1 where it did not.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meticulous import runfolder, settings
from meticulous.arguments import library_of
from meticulous.arguments.launchers import is_python
from meticulous.commands import _runs
from meticulous.commands._console import print_lines, say, shown_path
from meticulous.commands._terms import add_terms, judge, terms_of
from meticulous.errors import (
    NOT_RECORDED,
    CodeStateError,
    MeticulousError,
    RunFolderError,
    UsageError,
)
from meticulous.masking import mask_command
from meticulous.query import selectors
from meticulous.query.rows import Row
from meticulous.reproduce import code as recorded
from meticulous.reproduce import command_edit, drift, missed, set_argument, worktree
from meticulous.reproduce.relaunch import launched
from meticulous.runfolder import RunFolder, edits, keys, liveness
from meticulous.settings import RunSettings
from meticulous.settings.options import DIRTY, EXPERIMENTS_DIRECTORY
from meticulous.views import comparison as view

__all__ = ["add_arguments", "main", "split"]

_CANNOT = 2
_NAMED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `rerun`."""
    parser.usage = "%(prog)s [options] RUN [-- ARG ...]"
    parser.add_argument("run", metavar="RUN", help=selectors.HELP)
    _runs.add_directory(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change an argument, in the form that the command line had it; repeatable",
    )
    parser.add_argument("--here", action="store_true", help="run in the present tree instead")
    parser.add_argument(
        "--dirty", choices=DIRTY.choices, help="with --here, what to do with uncommitted changes"
    )
    parser.add_argument(
        "--without-changes",
        action="store_true",
        help="repeat a run whose uncommitted changes were not kept at its bare commit",
    )
    parser.add_argument(
        "--link",
        action="append",
        default=[],
        metavar="PATH",
        help="link this file or folder of the project, which git does not know; repeatable",
    )
    _runs.add_fetch(parser)
    parser.add_argument("--keep", action="store_true", help="keep the work tree")
    parser.add_argument("-m", "--description", metavar="TEXT", help="of the new run")
    parser.add_argument("-t", "--tag", action="append", metavar="TAG", help="of the new run")
    add_terms(parser)


def split(line: list[str]) -> tuple[list[str], list[str]]:
    """Return the words of the command line before ``--``, and those after it."""
    at = line.index("--") if "--" in line else len(line)
    return line[:at], line[at + 1 :]


def main(arguments: argparse.Namespace) -> int:
    """Repeat the run, then print the verdict."""
    try:
        directory, row = _runs.one_run(arguments, arguments.run)
        run = RunFolder(row["curexpdir"])
        if liveness.is_running(run):
            hint = f"Wait for it: meticulous wait {run.id}"
            raise RunFolderError(f"run {run.id} is running", hint)
        if (arguments.dirty and not arguments.here) or (arguments.here and arguments.link):
            raise UsageError("--dirty is for --here, and --link is not", "Leave it out")
        if arguments.here and arguments.fetch:
            raise UsageError("--fetch is not for --here, which takes what is there", "Leave it out")
        command = _command(run, arguments.set, arguments.extra)
        chosen = _settings(arguments, run, directory)
        repeat = _here if arguments.here else _in_tree
        return repeat(arguments, run, row, command, chosen)
    except MeticulousError as error:
        error.exit_code = error.exit_code or _CANNOT  # 1 says that they differ
        raise


def _command(run: RunFolder, changes: Sequence[str], extra: Sequence[str]) -> list[str]:
    """Return the words to run: those that were recorded, with what is to be changed."""
    metadata = run.read_metadata()
    told = metadata.get(keys.COMMAND) or []
    command = told.split() if isinstance(told, str) else [str(word) for word in told]
    if not command:
        raise RunFolderError(f"run {run.id} has no command recorded", "It cannot be repeated")
    if keys.CHILD_PID not in metadata and not is_python(os.path.basename(command[0])):
        # The words are sys.argv of a script that recorded itself.
        if not command[0].endswith(".py") or "ipykernel" in command[0]:
            message = f"run {run.id} recorded itself in {command[0]!r}, which is no script"
            raise RunFolderError(message, "It cannot be repeated from its record")
        python = (run.read_json(runfolder.ENVIRONMENT).get("python") or {}).get("executable")
        command.insert(0, python if python and os.access(python, os.X_OK) else "python")
    known = _known(run)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {change} is no NAME=VALUE", "Write it so: --set lr=0.2")
        command = set_argument.with_value(command, name, value, known)
    command = command_edit.overridden(command, extra, known.values)
    command_edit.check_unmasked(command)
    return command


def _known(run: RunFolder) -> set_argument.Known:
    """Return what is known of the arguments of `run`."""
    metadata = run.read_metadata()
    defaults = dict(_flat(run.read_json(runfolder.DEFAULT_ARGS)))
    return set_argument.Known(
        {**defaults, **dict(_flat(run.read_json(runfolder.ARGS)))},
        defaults,
        tuple(map(str, metadata.get(keys.ARGS_GIVEN) or ())),
        library_of(str(metadata.get(keys.ARGS_SOURCE) or "")),
        lambda option: recorded.spells(run, option),
        lambda name: recorded.declares(run, name),
    )


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Open nested objects up, ``optimizer.lr``; lists are values."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _settings(arguments: argparse.Namespace, run: RunFolder, directory: str) -> RunSettings:
    """Return the settings of the new run, in the project of the old one."""
    project, top = _runs.project_of(arguments.experiments_directory)
    metadata = run.read_metadata()
    if top is not None:
        project = os.path.join(top, str(metadata.get(keys.PROJECT) or "."))
        project = project if os.path.isdir(project) else top
    given = {
        "project_directory": project,
        EXPERIMENTS_DIRECTORY.key: os.path.abspath(directory),
        "description": arguments.description,
        "tag": arguments.tag,
        "dirty": arguments.dirty,
        "no_git": True if top is None else None,
    }
    chosen = settings.for_run(given)
    return chosen._replace(
        rerun_of=run.id,
        description=chosen.description or metadata.get(keys.DESCRIPTION) or "",
        experiment_id=None,
        norecord=False,
        detach=False,
        resume=False,
        needed=False,
    )


def _here(
    arguments: argparse.Namespace,
    run: RunFolder,
    row: Row,
    command: list[str],
    chosen: RunSettings,
) -> int:
    """Repeat `run` in the present tree."""
    cwd = os.path.join(chosen.project_directory, str(run.read_metadata().get(keys.CWD) or "."))
    if not os.path.isdir(cwd):
        raise CodeStateError(f"the run was in {shown_path(cwd)}, which is gone", "Make it")
    _tell_changes(run, command, cwd, chosen.project_directory)
    new, code = launched(command, chosen, None, cwd, {})
    return _verdict(arguments, row, new, code, ())


def _in_tree(
    arguments: argparse.Namespace,
    run: RunFolder,
    row: Row,
    command: list[str],
    chosen: RunSettings,
) -> int:
    """Repeat `run` in a work tree of its own."""
    metadata = run.read_metadata()
    if not metadata.get(keys.GITHEAD_SHA):
        raise CodeStateError(
            f"run {run.id} was recorded outside git, so its code is not known",
            "Repeat it in the present tree with --here",
        )
    if recorded.lacks_changes(run) and not arguments.without_changes:
        raise CodeStateError(
            f"run {run.id} had uncommitted changes that were not kept, so its exact code cannot "
            "be had",
            "Repeat its commit with --without-changes, or the present tree with --here",
        )
    made = worktree.made(run, arguments.link, say, fetch=arguments.fetch)
    try:
        code_state = worktree.known_code(run, made)
        command = worktree.placed(command, made)
        _tell_changes(run, command, made.cwd, made.origin)
        imported = drift.imported_from(command, made.cwd, made.repository, os.environ)
        for what in imported:
            say(f"the code of {what} is that of your own tree, not that of run {run.id}")
        chosen = chosen._replace(project_directory=made.project, repository=made.top)
        # What records itself in the work tree would be lost with it.
        variables = {EXPERIMENTS_DIRECTORY.variable: chosen.experiments_directory}
        new, code = launched(command, chosen, code_state, made.cwd, variables)
        if new is not None and made.linked:
            linked = [os.path.relpath(path, made.project) for path in made.linked]
            edits.edit(new, lambda metadata: metadata.update({keys.LINKED: linked}))
        hint = _missed(made, new, chosen.experiments_directory) if new is not None else ""
        leftovers = made.leftovers()
        if leftovers and not arguments.keep:
            more = f" and {len(leftovers) - 5:,} more" if len(leftovers) > 5 else ""
            say(
                f"left in the work tree and removed with it: {', '.join(leftovers[:5])}{more}. "
                "--keep keeps it"
            )
    finally:
        if arguments.keep:
            say(f"the work tree is kept: {shlex.quote(made.top)}")
        else:
            made.remove()
    verdict = _verdict(arguments, row, new, code, (made.top,))
    if verdict == 1 and hint:
        sys.stdout.flush()
        say(hint)
    return verdict


def _missed(tree: worktree.Tree, new: RunFolder, experiments: str) -> str:
    """Say what the run may have read that its work tree has not; empty where that is nothing."""
    names = missed.missed(tree, new)
    why = "the run asked for {}, which your project has and git does not know"
    if not names:
        names = missed.ignored(tree, experiments)
        why = "git ignores {} in your project, so the run did not have it"
    if not names:
        return ""
    chosen = names[:_NAMED]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    options = " ".join(f"--link {shlex.quote(name)}" for name in chosen)
    listed = ", ".join(shown_path(name) for name in chosen) + more
    return f"{why.format(listed)}. If it read that: {options}"


def _tell_changes(run: RunFolder, command: list[str], cwd: str, project: str) -> None:
    """Warn of what is not as it was."""
    say(f"repeating run {run.id}: {shlex.join(mask_command(command))}")
    ranks = run.read_metadata().get(keys.RANKS)
    if ranks:
        say(f"it had {ranks.get('size')} ranks, and is one process now")
    for line in drift.changed_data(run, project):
        say(line)
    changes = drift.changed_around(run, command, cwd)
    if changes:
        say("not as it was:")
        for line in view.changes(changes):
            print(line, file=sys.stderr)
    sys.stderr.flush()


def _verdict(
    arguments: argparse.Namespace,
    row: Row,
    new: RunFolder | None,
    code: int,
    roots: tuple[str, ...],
) -> int:
    """Print how the new run compares with the old one."""
    if new is None:
        return _CANNOT if code in (0, NOT_RECORDED) else code
    directory = os.path.dirname(os.path.abspath(new.path))
    rows = _runs.ask(
        directory,
        lambda runs: selectors.select_all([f"{new.id}"], runs) + _inner(runs.select(), new),
    )
    chosen = _counterpart(row, rows)
    if chosen is not rows[0]:
        edits.edit(
            RunFolder(chosen["curexpdir"]),
            lambda metadata: metadata.update({keys.RERUN_OF: str(row["expid"])}),
        )
    verdict = judge(row, chosen, terms_of(arguments, roots))
    names = [str(row["expid"]), str(chosen["expid"])]
    print_lines(list(view.lines(verdict, names, sys.stdout)))
    return 0 if verdict.is_same else 1


def _inner(rows: list[Row], new: RunFolder) -> list[Row]:
    return [row for row in rows if str(row.get("metadata_parent")) == new.id]


def _counterpart(row: Row, rows: list[Row]) -> Row:
    """Return the run to compare with: of a script that records itself, its own of the same arguments."""
    if "metadata_child-pid" in row:
        return rows[0]
    own = {name: value for name, value in row.items() if name.startswith("args_")}
    same = [
        inner
        for inner in rows[1:]
        if {name: value for name, value in inner.items() if name.startswith("args_")} == own
    ]
    return same[0] if same else (rows[1] if len(rows) == 2 else rows[0])
