"""Which commit has the code of each run that is exported."""

from __future__ import annotations

import os
from collections.abc import Sequence

from meticulous import runfolder
from meticulous.archive.manifest import PackedRun
from meticulous.errors import ArchiveError
from meticulous.git import bundles, snapshot
from meticulous.reproduce.patch import read_patch
from meticulous.runfolder import RunFolder, keys

__all__ = ["CODE", "with_code"]

CODE = ("all", "found", "none")
"""Which code to export: that of all runs, or it is an error; what is found; none."""


def with_code(
    runs: Sequence[RunFolder], statuses: Sequence[str], repository: str | None, choice: str
) -> list[PackedRun]:
    """Say of each run which commit to pack; `choice` is one of :data:`CODE`.

    Raises ArchiveError where one is missing that should be there.
    """
    packed = []
    for number, (run, status) in enumerate(zip(runs, statuses, strict=True)):
        plain = PackedRun(run.id, status)
        head = run.read_metadata().get(keys.GITHEAD_SHA)
        if choice == "none" or not head:
            packed.append(plain)
            continue
        commit, is_snapshot = _commit(run, repository)
        if commit:
            name = run.id if run.id.isascii() and run.id.isalnum() else f"at-{number}"
            packed.append(PackedRun(run.id, status, commit, f"refs/heads/run-{name}", is_snapshot))
        elif choice == "found" or os.path.exists(run.file(runfolder.CODE_BUNDLE)):
            packed.append(plain)
        else:
            where = repository or "there is no repository here: it"
            raise ArchiveError(
                f"the code of run {run.id} cannot be exported: {where} does not have the commit "
                f"{head}",
                "Fetch it, or export what there is (--code found), or no code (--code none)",
            )
    return packed


def _commit(run: RunFolder, repository: str | None) -> tuple[str | None, bool]:
    """Return the commit that has the code of a run, and whether it is a snapshot.

    A snapshot that this clone lacks is made again from the patch in the folder.
    """
    metadata = run.read_metadata()
    head, kept = metadata.get(keys.GITHEAD_SHA), metadata.get(keys.SNAPSHOT_SHA)
    if repository is None or not head:
        return None, False
    bundles.check_program()
    if kept and not bundles.has_commit(repository, kept) and bundles.has_commit(repository, head):
        try:
            patch = read_patch(run, runfolder.UNCOMMITTED_PATCH)
            snapshot.restore(repository, head, kept, patch)
        except FileNotFoundError:
            pass  # its folder has lost it; the commit without it is better than nothing
    for sha in (kept, head):
        if sha and bundles.has_commit(repository, sha):
            return sha, sha == kept
    return None, False
