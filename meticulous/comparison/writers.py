"""Lines of several processes that print to one stream, in an order in which none is the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

__all__ = ["by_writers"]

_NAMED = re.compile(
    r"""(?ix)
    (?:\b|_) (?:(?:local|global)_)? (?:rank|(?:ForkPool|SpawnPool)?worker|process|proc|replica|node|gpu|job)
        [\ _-]?(?:id)?(?:\ *[=:#]?\ *|[\[(]\ ?)(?P<name>\d+)\b
    | ^\s*\[(?P<pair>\d+,\d+)\]<std\w+>:
    | ^\s*\[?(?P<label>\d+)(?:\]|>|\ ?:|\ ?\|)\s
    """
)
"""Who printed a line: ``rank 1``, ``[rank0]:``, ``ForkPoolWorker-3``, ``gpu:0``; ``[1,0]<stdout>:``
as mpirun has it, ``1:`` as srun has."""
_MOST_LINES = 1_000_000

_Line = tuple[int, "str | None"]


def by_writers(sides: Sequence[Callable[[], Iterator[_Line]]]) -> list[Iterator[_Line]] | None:
    """Return the lines of each side, those that follow each other sorted by who printed them.

    Those of one writer stay in their own order, and a line that does not say whose it is stays
    where it is: what was printed before it and after it is not mixed. None where no side has two
    writers, and where there is too much to sort.
    """
    found = []
    names: set[str] = set()
    for side in sides:
        lines: list[tuple[int, str, _Line]] = []
        part = 0
        for line in side():
            if len(lines) == _MOST_LINES:
                return None
            name = writer(line[1] or "")
            part += not name
            lines.append((part, name, line))
            part += not name
        names.update(name for _, name, _ in lines)
        found.append(iter([line for _, _, line in sorted(lines, key=lambda one: one[:2])]))
    return found if len(names - {""}) > 1 else None


def writer(line: str) -> str:
    """Return the number of the process that a line says it is of; empty where it says none."""
    match = _NAMED.search(line)
    return (match["name"] or match["pair"] or match["label"]) if match else ""
