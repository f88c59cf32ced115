"""The arguments that never vary, in a line above the table; a line for each program."""

from __future__ import annotations

from collections.abc import Sequence

from meticulous.base.text import harmless
from meticulous.query.importance import ARGUMENTS, Program
from meticulous.views import text

__all__ = ["lines_of", "pairs"]

_MOST_PROGRAMS = 8


def lines_of(programs: Sequence[Program], of_what: str, limit: int) -> list[str]:
    """Return the lines for `programs`, cut at `limit` columns; none where all vary."""
    told = [one for one in programs if one.constant]
    lines = [f"{_title(one, programs, of_what)}: {pairs(one)}" for one in told[:_MOST_PROGRAMS]]
    if len(told) > _MOST_PROGRAMS:
        lines.append(f"and {len(told) - _MOST_PROGRAMS} more programs")
    return [text.clip(line, limit) for line in lines]


def _title(program: Program, programs: Sequence[Program], of_what: str) -> str:
    if len(programs) == 1:
        return f"all {program.runs} {of_what}"
    what = of_what if program.runs > 1 else of_what.removesuffix("s")
    return harmless(f"{program.name or 'no program'}, {program.runs} {what}")


def pairs(program: Program) -> str:
    """Write the constant arguments as ``epochs=10  optimizer=sgd``."""
    return "  ".join(
        f"{harmless(name.removeprefix(ARGUMENTS))}={text.short(value) if value is not None else None}"
        for name, value in program.constant.items()
    )
