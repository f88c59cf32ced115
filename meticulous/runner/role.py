"""What a recorder does for being one of several: of one that is alone, nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.recording.outcome import Outcome
    from meticulous.recording.record import RunRecord
    from meticulous.runner.signals import SignalForwarder

__all__ = ["Role"]


class Role:
    """The part of a recorder that is alone; the ranks of a run have roles of their own."""

    is_rank = False
    """Whether a launcher has started us as one of several."""
    describes_program = True
    """Whether arguments and environment are recorded here; those of other ranks are rank 0's."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        """What the command is told beside the usual."""

    def begun(self, record: RunRecord, line: str) -> None:
        """Note that the command of `record` has started; `line` says which run it is."""

    def tick(self) -> None:
        """Do what is done now and then while the command runs."""

    def conclude(
        self, verdict: Outcome, changes: dict[str, Any], supervisor: SignalForwarder
    ) -> Outcome:
        """Return the verdict on the run where that on our command is `verdict`.

        `changes` are the last of the metadata, and may be changed.
        """
        del changes, supervisor
        return verdict
