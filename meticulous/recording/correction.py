"""The end of a run that was written before the exit code of its program was known."""

from __future__ import annotations

from meticulous.errors import RunFolderError
from meticulous.recording.outcome import Ended, judge
from meticulous.recording.record import RunRecord
from meticulous.runfolder import RunFolder, keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["correct"]


def correct(path: str, exit_code: int, say: Callable[[str], None]) -> None:
    """Let the run at `path` have ended with `exit_code`, if it says another."""
    run = RunFolder(path)
    try:
        metadata = run.read_metadata()
    except RunFolderError:
        return  # it cannot be read any more, so what it says is left
    if not metadata or metadata.get(keys.EXIT_CODE) == exit_code:
        return
    outcome = judge(Ended(exit_code, None), "", None, out_of_memory=False)
    end = {keys.EXIT_CODE: exit_code, keys.REASON: outcome.reason}
    RunRecord(run, metadata, say).finish(outcome.state, outcome.message, end)
