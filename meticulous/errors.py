"""What a user can cause, as one family of exceptions.

Anything that is not a :class:`MeticulousError` is a bug of ours and shows a traceback. Nothing
of the product is imported here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "NOT_RECORDED",
    "ArchiveError",
    "CodeStateError",
    "CommandNotFoundError",
    "CommandNotRunnableError",
    "DirtyRepositoryError",
    "FilterError",
    "MeticulousError",
    "MismatchedArgsError",
    "MismatchedCommitError",
    "NewerFormatError",
    "RunFolderError",
    "SettingsError",
    "UnknownColumnError",
    "UsageError",
    "with_prefix",
]


NOT_RECORDED = 125
"""Exit code of what records a command where it could not, as that of ``env`` and ``timeout``."""


class MeticulousError(Exception):
    """Something the user can put right.

    Args:
        message: what happened and to which file or value, without a full stop.
        hint: what to do about it; one or more lines.

    ``exit_code`` is the status the command line ends with; None leaves it to the command
    (:data:`NOT_RECORDED` for ``run``, 1 for the others).
    """

    exit_code: int | None = None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message and the hint as ``meticulous: …`` prints them."""
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(MeticulousError):
    """The command line of meticulous itself is wrong."""

    exit_code = 2


class FilterError(UsageError):
    """A filter cannot be understood, names no column, or could run code."""


class UnknownColumnError(UsageError):
    """A column is asked for that no run has; the message names the one that was meant, if any.

    Args:
        column: the name.
        columns: the names that there are.
    """

    def __init__(self, column: str, columns: Iterable[str]) -> None:
        known = list(columns)
        near = with_prefix(column, known)
        if f"{column}_mean" in known:  # in groups a result has a mean, and is not there itself
            near = [f"{column}_mean"]
        if not near:
            import difflib

            near = difflib.get_close_matches(column, known, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else "See `meticulous ls --list-columns`"
        super().__init__(f"no column `{column}`", hint)
        self.column = column


def with_prefix(name: str, columns: Iterable[str]) -> list[str]:
    """List those of `columns` that are `name` behind ``args_`` and its like: ``lr`` -> ``args_lr``.

    Those in which it is only the last part stand behind the others: ``args_fit.lr``.
    """
    found = [column for column in columns if column.endswith(name) and column != name]
    whole = [column for column in found if column[: -len(name)] in _PREFIXES]
    inner = [column for column in found if column[: -len(name)].endswith((".", "/"))]
    return [*sorted(whole, key=lambda column: _PREFIXES.index(column[: -len(name)])), *inner]


_PREFIXES = ("args_", "summary_", "metrics_", "metadata_", "default_args_")


class SettingsError(MeticulousError):
    """``meticulous.yaml``, a ``METICULOUS_…`` variable or a directory setting is wrong."""


class RunFolderError(MeticulousError):
    """A run folder cannot be made, found or read."""


class NewerFormatError(RunFolderError):
    """A run folder was written by a later version, in a format that this one cannot read."""


class CodeStateError(MeticulousError):
    """The state of the code cannot be determined: no repository, no commit, git refuses."""


class DirtyRepositoryError(CodeStateError):
    """The work tree has uncommitted changes and the user has not said what to do with them."""


class ArchiveError(MeticulousError):
    """An archive of runs cannot be written, or is not what was exported."""


class MismatchedArgsError(MeticulousError):
    """The run to resume has other arguments."""


class MismatchedCommitError(MeticulousError):
    """The run to resume was recorded at another commit."""


class CommandNotFoundError(MeticulousError):
    """The command to record does not exist."""

    exit_code = 127


class CommandNotRunnableError(MeticulousError):
    """The command to record exists and cannot be executed."""

    exit_code = 126
