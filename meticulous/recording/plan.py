"""What one run is to be, decided before anything is made or started."""

from __future__ import annotations

from meticulous.base.namedtuple import NamedTuple
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from meticulous.git import CodeState

    Earlier = Callable[[str, str | None, bool], Iterable[str]]
    """(experiments directory, commit, whether it has succeeded) -> ids of runs, the newest first."""

__all__ = ["RunPlan"]


class RunPlan(NamedTuple):
    """What one run is to be.

    `program` is the file to execute and `command` its argv. `code` is the state of the code, None
    without a repository; its snapshot has been taken. `earlier` finds the runs that ``--resume``
    and ``--needed`` ask for.
    """

    program: str
    command: list[str]
    settings: RunSettings
    code: CodeState | None
    earlier: Earlier

    @property
    def sha(self) -> str | None:
        """The commit of the code, None without a repository."""
        return self.code.sha if self.code else None
