"""Which commit has the code of each run that is exported."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from meticulous import runfolder
from meticulous.codestate import bundles
from meticulous.errors import ArchiveError
from meticulous.runfolder import RunFolder
from meticulous.sharing.manifest import PackedRun

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
        metadata = run.read_metadata()
        commit, is_snapshot = _commit(repository, metadata)
        if choice == "none" or not metadata.get("githead-sha"):
            packed.append(plain)
        elif commit:
            name = run.id if run.id.isascii() and run.id.isalnum() else f"at-{number}"
            packed.append(PackedRun(run.id, status, commit, f"refs/heads/run-{name}", is_snapshot))
        elif choice == "found" or os.path.exists(run.file(runfolder.CODE_BUNDLE)):
            packed.append(plain)
        else:
            where = repository or "there is no repository here: it"
            raise ArchiveError(
                f"the code of run {run.id} cannot be exported: {where} does not have the commit "
                f"{metadata['githead-sha']}",
                "Fetch it, or export what there is (--code found), or no code (--code none)",
            )
    return packed


def _commit(repository: str | None, metadata: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Give the commit that has the code of a run, and whether it is a snapshot."""
    for key in ("snapshot-sha", "githead-sha"):
        sha = metadata.get(key)
        if sha and repository and bundles.has_commit(repository, sha):
            return sha, key == "snapshot-sha"
    return None, False
