"""Did two runs give the same? What came out of each is compared, and what was around them.

Compared are status, exit code, summary, metrics, what was printed, and the files that the program
left in the run folder (:mod:`meticulous.comparison.outputs`). What may explain a difference, such as
the version of a package, is no difference itself (:mod:`meticulous.comparison.context`).
"""

from __future__ import annotations

from collections.abc import Sequence

from meticulous.base.namedtuple import NamedTuple
from meticulous.comparison import outputs, printed
from meticulous.comparison.context import Change, changes
from meticulous.comparison.values import Difference, Tolerance
from meticulous.runfolder import RunFolder

__all__ = ["DIFFERENT", "IDENTICAL", "NEAR", "Terms", "Verdict", "compare"]

IDENTICAL = "identical"
NEAR = "same within tolerance"
DIFFERENT = "different"


class Terms(NamedTuple):
    """On what terms two runs count as the same.

    `ignored` are patterns (``*`` and ``?``) for names of values and files that are not compared;
    with `is_exact` output is compared byte for byte, and values that are times too. `roots` are
    directories in which one of the two ran, beside its project.
    """

    tolerance: Tolerance = Tolerance()
    ignored: tuple[str, ...] = ()
    is_exact: bool = False
    roots: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """What :func:`compare` found. `passed_over` are the names of what was not compared."""

    word: str
    differences: list[Difference]
    circumstances: list[Change]
    passed_over: list[str]

    @property
    def is_same(self) -> bool:
        """Whether the runs gave the same, exactly or within the tolerance."""
        return self.word != DIFFERENT


def compare(
    one: RunFolder, other: RunFolder, statuses: Sequence[str | None], terms: Terms
) -> Verdict:
    """Compare two runs that have ended; `statuses` are theirs, LOST included.

    Raises RunFolderError where a file cannot be read.
    """
    found = outputs.Found()
    outputs.endings(one, other, statuses, terms, found)
    outputs.summaries(one, other, terms, found)
    outputs.metrics(one, other, terms, found)
    printed.streams(one, other, terms, found)
    outputs.files(one, other, terms, found)
    differences = found.differences
    is_near = all(difference.is_near for difference in differences)
    word = (NEAR if is_near else DIFFERENT) if differences else IDENTICAL
    return Verdict(word, differences, changes(one, other), list(dict.fromkeys(found.passed_over)))
