"""A verdict on two runs, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from meticulous.base.text import harmless
from meticulous.comparison import Verdict
from meticulous.comparison.context import Change
from meticulous.comparison.values import Difference
from meticulous.views import colour, text

__all__ = ["as_json", "changes", "lines"]

_MOST = 20
"""Lines of one kind; the rest is counted."""
_WIDEST = 60
_FEW_PACKAGES = 6
"""More that only one side has are listed in a line: another environment has its own dozens."""
_ABSENT = "none"
_LARGEST = 1e308
"""Beyond which a number, or an integer as one, may be no float."""


def lines(verdict: Verdict, names: Sequence[str], stream: TextIO) -> Iterator[str]:
    """Return the lines that tell `verdict` on the runs called `names`, for `stream`."""
    paint = colour.painter(stream) or (lambda _name, plain: plain)
    yield f"{paint('', verdict.word)}: run {names[1]} compared with run {names[0]}"
    yield from _aligned([_difference(one) for one in verdict.differences], "differences")
    if verdict.circumstances and verdict.differences:
        yield "not the same around them:"
        yield from changes(verdict.circumstances)
    elif verdict.circumstances:
        yield "and that although there differs:"
        yield from changes(verdict.circumstances)
    if verdict.passed_over:
        shown = ", ".join(map(harmless, verdict.passed_over[:5]))
        more = len(verdict.passed_over) - 5
        yield f"not compared: {shown}" + (f" and {more} more" if more > 0 else "")


def changes(found: Sequence[Change]) -> Iterator[str]:
    """Return a line for each change, at most twenty; many packages of one side in a line."""
    packages = [one for one in found if one.kind == "package"]
    few = sum(one.one is None or one.other is None for one in packages) <= _FEW_PACKAGES
    single = [
        one
        for one in found
        if few or one.kind != "package" or not (one.one is None or one.other is None)
    ]
    yield from _aligned([_change(one) for one in single], "changes")
    if not few:
        for side, what in (("other", "packages that are gone"), ("one", "packages that are new")):
            names = [one.name for one in packages if getattr(one, side) is None]
            if names:
                more = f" and {len(names) - _FEW_PACKAGES:,} more"
                shown = ", ".join(map(harmless, names[:_FEW_PACKAGES]))
                yield f"  {what}: {shown}{more if len(names) > _FEW_PACKAGES else ''}"


def as_json(verdict: Verdict, names: Sequence[str]) -> dict[str, Any]:
    """Return `verdict` as a JSON object."""
    return {
        "verdict": verdict.word,
        "runs": list(names),
        "differences": [
            {
                "section": one.section,
                "name": one.name,
                "values": [one.one, one.other],
                "within_tolerance": one.is_near,
            }
            for one in verdict.differences
        ],
        "circumstances": [
            {"kind": one.kind, "name": one.name, "values": [one.one, one.other]}
            for one in verdict.circumstances
        ],
        "not_compared": verdict.passed_over,
    }


def _aligned(pairs: Sequence[tuple[str, str]], what: str) -> Iterator[str]:
    shown = pairs[:_MOST]
    broad = max((text.width(name) for name, _ in shown), default=0)
    for name, value in shown:
        yield f"  {name}{' ' * (broad - text.width(name))}  {value}"
    if len(pairs) > _MOST:
        yield f"  and {len(pairs) - _MOST:,} more {what}: see --json, or meticulous diff"


def _difference(one: Difference) -> tuple[str, str]:
    name = harmless(f"{one.section} {one.name}".rstrip())
    told = [
        part for part in (_moved(one), "within tolerance" if one.is_near else "", one.note) if part
    ]
    arrow = _arrow(*(one.excerpt or (one.one, one.other)))
    return name, arrow + (f"   ({', '.join(told)})" if told else "")


def _moved(one: Difference) -> str:
    """Say by how much a number moved, where the digits do not show it at a glance."""
    old, new = one.one, one.other
    are_numbers = isinstance(old, float) and isinstance(new, (int, float))
    if are_numbers and old and max(abs(old), abs(new)) < _LARGEST:
        share = (new - old) / abs(old)
        if abs(share) < float("inf"):
            return f"{share:+.2g} of it" if abs(share) < 1e-4 else f"{100 * share:+.3g} %"
    return ""


def _change(one: Change) -> tuple[str, str]:
    prefix = "" if one.kind in ("package", "machine", "code") else f"{one.kind} "
    return harmless(f"{prefix}{one.name}"), _arrow(one.one, one.other)


def _arrow(old: Any, new: Any) -> str:
    cells = [_cell(old), _cell(new)]
    if cells[0] == cells[1]:  # only the end differs
        cells = [_whole(old), _whole(new)]
    return " → ".join(cells)


def _cell(value: Any) -> str:
    return text.clip(_whole(value), _WIDEST)


def _whole(value: Any) -> str:
    if value is None:
        return _ABSENT
    return harmless(value.strip()) if isinstance(value, str) else text.full(value)
