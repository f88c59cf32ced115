"""The uncommitted code of a run: what is kept of it, and what its folder says of that."""

from __future__ import annotations

import os

from meticulous import runfolder
from meticulous.child.helper import replace_file
from meticulous.runfolder import directory as store
from meticulous.runfolder import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from meticulous.git import CodeState
    from meticulous.runfolder import RunFolder
    from meticulous.settings import RunSettings

__all__ = ["forget", "keep", "metadata", "say_left_out", "write"]

_NAMED = 5

_LARGE = 1 << 16
_RECENT = 20
"""Runs that are looked at for the same patch."""


def keep(settings: RunSettings, code: CodeState) -> CodeState:
    """Take a snapshot of what `code` has beyond its commit. Raises CodeStateError."""
    from meticulous.git import snapshot
    from meticulous.git.selection import Limits

    limits = Limits(settings.snapshot_limit, settings.snapshot_file_limit)
    kept = snapshot.take(code, settings.experiments_directory, limits)
    return code._replace(kept=kept)


def forget(code: CodeState | None) -> None:
    """Let go what was kept for a run that does not come about."""
    if code is not None and code.kept is not None:
        from meticulous.git import snapshot

        snapshot.forget(code.repository, code.kept)


def write(run: RunFolder, code: CodeState | None) -> None:
    """Write the patches to the folder of `run`, and let go of them. Raises OSError."""
    if code is None or code.kept is None:
        return
    names = {"": runfolder.UNCOMMITTED_PATCH}
    for number, module in enumerate(code.kept.modules, 1):
        names[module.path] = runfolder.UNCOMMITTED_PATCH_OF_SUBMODULE.format(number=number)
    for path, patch in code.kept.patches.items():
        name = names[path]
        is_large = len(patch) >= _LARGE and not code.kept.is_new
        if not (is_large and _share(run, name, patch)):
            replace_file(run.file(name), patch)
    code.kept.patches.clear()


def _share(run: RunFolder, name: str, patch: bytes) -> bool:
    """Make the file `name` of `run` a second name of the same one of a recent run, if one has it.

    So a hundred runs of one state with 50 MB of new files take 50 MB. Nothing of ours ever changes
    such a file, and each folder can be copied and removed by itself.
    """
    directory = os.path.dirname(os.path.abspath(run.path))
    for run_id in reversed(store.run_ids(directory)[-_RECENT:]):
        path = os.path.join(directory, run_id, name)
        try:
            if os.path.getsize(path) != len(patch):
                continue
            with open(path, "rb") as file:
                is_same = file.read() == patch
            if is_same:
                os.link(path, run.file(name))
                return True
        except OSError:
            continue  # gone, not ours, or a file system without links
    return False


def metadata(code: CodeState | None) -> dict[str, Any]:
    """Return what the metadata say of the snapshot; ``snapshot-sha`` always."""
    said: dict[str, Any] = {keys.SNAPSHOT_SHA: code.snapshot if code else None}
    kept = code.kept if code else None
    if kept and kept.left_out:
        said[keys.SNAPSHOT_LEFT_OUT] = [
            {"path": path, "reason": reason} for path, reason in kept.left_out
        ]
    if kept and kept.modules:
        said[keys.SNAPSHOT_SUBMODULES] = [
            {
                "path": module.path,
                keys.GITHEAD_SHA: module.head_sha,
                keys.SNAPSHOT_SHA: module.snapshot_sha,
                "patch": runfolder.UNCOMMITTED_PATCH_OF_SUBMODULE.format(number=number),
            }
            for number, module in enumerate(kept.modules, 1)
        ]
    return said


def say_left_out(code: CodeState | None, say: Callable[[str], None]) -> None:
    """Name what the snapshot lacks, if anything."""
    left_out = code.kept.left_out if code and code.kept else ()
    if not left_out:
        return
    from meticulous.git.command import shown

    named = [f"{shown(path)} ({reason})" for path, reason in left_out[:_NAMED]]
    if len(left_out) > _NAMED:
        named.append(f"and {len(left_out) - _NAMED:,} more, named in {runfolder.METADATA}")
    say(f"not in the snapshot: {', '.join(named)}")
