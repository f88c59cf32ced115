"""Data at a fixed path that git does not know: what a repeated run could not find, or did not have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from meticulous import runfolder
from meticulous.base.paths import within
from meticulous.errors import RunFolderError
from meticulous.git.command import ask_git
from meticulous.reproduce.worktree import Tree
from meticulous.runfolder import RunFolder
from meticulous.runfolder.files import read_end

__all__ = ["ignored", "missed"]

_TAIL_BYTES = 1 << 16
_PATH = re.compile(r"'([^'\n]+)'|\"([^\"\n]+)\"|([\w./~+-]*/[\w./+-]*\w)|([\w+-]+\.\w{1,8})\b")
_NO_DATA = re.compile(
    r"\..*|__pycache__|.*\.(?:pyc|egg-info|log|so|o)|build|dist|node_modules|s?v?env|outputs|multirun"
    r"|wandb|mlruns|runs|lightning_logs|tb_logs"
)
"""Names of what programs leave, or are installed in, and do not read."""


def missed(tree: Tree, run: RunFolder) -> list[str]:
    """Return the paths that `run` speaks of, which the project has and the work tree `tree` has not.

    They are relative to the project; of a folder that is missing as a whole, the folder.
    """
    found = []
    for path in _named(run):
        place = os.path.normpath(os.path.join(tree.cwd, path))
        inner = within(place, tree.project)
        if inner is None:
            continue
        if not os.path.lexists(place) and os.path.lexists(os.path.join(tree.origin, inner)):
            found.append(_highest(tree, inner))
    return list(dict.fromkeys(found))


def _named(run: RunFolder) -> Iterator[str]:
    """Return what looks like a path in the reason and at the end of what was printed to stderr."""
    texts = []
    try:
        texts.append(run.read_status()[1])
        end = read_end(run.file(runfolder.STDERR), _TAIL_BYTES)
        texts.append(end.decode("utf-8", "replace"))
    except (RunFolderError, OSError):
        pass  # what there is says enough
    for text in texts:
        for groups in _PATH.findall(text):
            path = next(filter(None, groups), "")
            if path and "\0" not in path:
                yield path


def _highest(tree: Tree, inner: str) -> str:
    """Return the topmost part of a path that the work tree has not."""
    parts = inner.split(os.sep)
    for length in range(1, len(parts)):
        part = os.path.join(*parts[:length])
        if not os.path.lexists(os.path.join(tree.project, part)):
            return part
    return inner


def ignored(tree: Tree, experiments: str) -> list[str]:
    """Return what git ignores in the project and the work tree did not have, but for usual litter."""
    words = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"]
    asked = ask_git(tree.origin, words) if os.path.isdir(tree.origin) else None
    answer = asked.answer() if asked is not None else None
    if answer is None or answer.code:
        return []
    names = answer.stdout.split(b"\0")
    return list(_data(tree, experiments, (os.fsdecode(name).rstrip("/") for name in names if name)))


def _data(tree: Tree, experiments: str, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        place = os.path.join(tree.origin, name)
        is_litter = any(_NO_DATA.fullmatch(part) for part in name.split(os.sep))
        is_ours = f"{os.path.realpath(place)}/".startswith(f"{os.path.realpath(experiments)}/")
        if not (is_litter or is_ours or os.path.lexists(os.path.join(tree.project, name))):
            yield name
