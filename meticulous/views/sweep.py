"""Sweeps as they are shown: the live view, lines for a log, the page of one sweep, the list."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from meticulous.base.text import harmless
from meticulous.base.units import format_duration
from meticulous.sweep.folder import Values
from meticulous.sweep.progress import Progress
from meticulous.sweep.state import ERROR, Outcome
from meticulous.views.text import clip

__all__ = ["Lines", "Live", "bar", "counts", "failures", "history", "plot", "values"]

_BAR = 20
_MOST_FAILURES = 10
_EVERY_S = 10.0


def values(texts: Mapping[str, str]) -> str:
    """Write the values of a point: ``lr=0.1 seed=2``."""
    return " ".join(f"{name}={shlex.quote(text)}" for name, text in texts.items())


def bar(found: Progress, size: int = _BAR) -> str:
    """Draw how much has ended."""
    ended = found.done + found.failed
    full = size * ended // max(found.points, 1)
    return "█" * full + "░" * (size - full)


def counts(found: Progress) -> str:
    """Write the numbers that are not zero."""
    parts = [f"{found.done:,} of {found.points:,} done"]
    for number, word in (
        (found.pruned, "pruned"),
        (found.running, "running"),
        (found.failed, "failed"),
        (found.lost, "lost"),
        (found.waiting, "waiting"),
    ):
        if number:
            parts.append(f"{number:,} {word}")
    return ", ".join(parts)


def _pace(found: Progress) -> str:
    if found.rate is None or found.left_s is None:
        return ""
    rate = f"{found.rate:.1f}/s" if found.rate >= 1 else f"{found.rate * 60:.1f}/min"
    left = f", {format_duration(found.left_s)} left" if found.waiting + found.running else ""
    return f"{rate}{left}"


def lines(found: Progress, known: Values, objective: str) -> Iterator[str]:
    """Write the live view: the numbers, the pace, the best so far, the last failure."""
    yield f"sweep {found.sweep}  {bar(found)}  {counts(found)}"
    if pace := _pace(found):
        yield f"  {pace}"
    if found.best is not None and found.best.value is not None:
        best = found.best
        told = known.of(best)
        yield f"  best {objective} {best.value:.6g}: run {best.run}, {values(told)}"
    if found.failure is not None:
        told = known.of(found.failure)
        yield f"  last failure {_run(found.failure)}{values(told)}: {found.failure.message}"


def _run(outcome: Outcome) -> str:
    return f"run {outcome.run}, " if outcome.run else ""


class Live:
    """The view on a terminal, drawn over itself."""

    def __init__(self, stream: TextIO, known: Values, objective: str) -> None:
        self._stream, self._known, self._objective = stream, known, objective
        self._height = 0

    def __call__(self, found: Progress, _: Sequence[Outcome]) -> None:
        """Draw it anew."""
        import shutil

        width = shutil.get_terminal_size().columns - 1
        drawn = [clip(harmless(line), width) for line in lines(found, self._known, self._objective)]
        self._stream.write(self._up() + "".join(f"{line}\x1b[K\n" for line in drawn) + "\x1b[J")
        self._stream.flush()
        self._height = len(drawn)

    def _up(self) -> str:
        return f"\x1b[{self._height}A\r" if self._height else ""

    def say(self, text: str) -> None:
        """Say something above the view."""
        self._stream.write(f"{self._up()}\x1b[Jmeticulous: {harmless(text)}\n")
        self._stream.flush()
        self._height = 0


class Lines:
    """The view where there is no terminal: a line now and then, and one for each new failure."""

    def __init__(self, stream: TextIO, known: Values, objective: str) -> None:
        self._stream, self._known, self._objective = stream, known, objective
        self._said = time.monotonic()
        self._last = ""
        self._failures: dict[str, int] = {}

    def __call__(self, found: Progress, new: Sequence[Outcome]) -> None:
        """Say what is new."""
        from meticulous.sweep.stopping import alike

        for outcome in new:
            kind = alike(outcome.message)
            if outcome.status == ERROR and kind not in self._failures:
                told = self._known.of(outcome)
                self.say(f"failed: {_run(outcome)}{values(told)}: {outcome.message}")
                self._failures[kind] = 1
        has_ended = found.done + found.failed == found.points
        text = f"sweep {found.sweep}: {counts(found)}"
        is_time = time.monotonic() - self._said > _EVERY_S
        if text != self._last and is_time and not has_ended:
            pace = _pace(found)
            self._last, self._said = text, time.monotonic()
            self.say(f"{text}; {pace}" if pace else text)

    def say(self, text: str) -> None:
        """Say a line."""
        print(f"meticulous: {harmless(text)}", file=self._stream, flush=True)


def plot(numbers: Sequence[float], height: int = 10, width: int = 60) -> Iterator[str]:
    """Draw numbers in their order, as columns of blocks."""
    size = -(-len(numbers) // width)
    shown = [numbers[at] for at in range(0, len(numbers), size)]
    low, high = min(numbers), max(numbers)
    steps = [round((one - low) / ((high - low) or 1) * (height - 1)) for one in shown]
    for row in range(height - 1, -1, -1):
        label = f"{high:.4g}" if row == height - 1 else f"{low:.4g}" if row == 0 else ""
        yield f"{label:>10} │" + "".join("●" if step == row else " " for step in steps)
    yield " " * 10 + " └" + "─" * len(shown)


def failures(groups: Sequence[tuple[str, Sequence[Outcome]]], known: Values) -> Iterator[str]:
    """Write what has failed, grouped by messages that are alike."""
    for message, outcomes in groups[:_MOST_FAILURES]:
        first = outcomes[0]
        told = values(known.of(first))
        runs = [one.run for one in outcomes if one.run]
        which = f"run{'s' if len(runs) > 1 else ''} {', '.join(runs[:5])}{' …' if len(runs) > 5 else ''}"
        yield f"  {len(outcomes):,} × {message}"
        yield f"      {which if runs else 'no run'}; such as {told}"
    if len(groups) > _MOST_FAILURES:
        yield f"  and {len(groups) - _MOST_FAILURES:,} more kinds"


def history(steps: Sequence[tuple[int, float]], importance: Mapping[str, float]) -> Iterator[str]:
    """Write how a search got better, and which parameters matter."""
    if steps:
        yield "best so far, by trial:"
        yield from (f"  {number:>6}  {value:.6g}" for number, value in steps)
    if importance:
        yield "what matters:"
        width = max(map(len, importance))
        for name, part in importance.items():
            yield f"  {name:<{width}}  {'█' * round(part * _BAR):<{_BAR}} {part:.0%}"
