"""How far a sweep is, in numbers, for views and programs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from meticulous.sweep import claims
from meticulous.sweep.state import DONE, ERROR, GIVEN_BACK, Outcome, State

__all__ = ["Progress", "Watch", "dead_holders", "progress"]


class Progress(NamedTuple):
    """Numbers of points by what they are, and what there is to tell of them.

    `lost` are held by a worker that is known to be dead; `rate` is points a second, `left_s` an
    estimate, None where there is none.
    """

    sweep: str
    points: int
    done: int
    pruned: int
    failed: int
    running: int
    lost: int
    waiting: int
    rate: float | None = None
    left_s: float | None = None
    best: Outcome | None = None
    failure: Outcome | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the numbers by name."""
        names = ("sweep", "points", "done", "pruned", "failed", "running", "lost", "waiting")
        return {name: getattr(self, name) for name in names}


def progress(state: State, points: int, dead: Mapping[str, bool] | None = None) -> Progress:
    """Count the points of a sweep, of which there are `points`; `dead` tells of held ones."""
    counts = Counter({status: len(keys) for status, keys in state.groups.items()})
    held = counts.pop(None, 0)
    direction = state.folder.specification.get("direction") or "minimize"
    failed = state.with_status(ERROR) if counts[ERROR] else []
    failure = max(failed, key=lambda one: one.time, default=None)
    best = None
    if state.folder.specification.get("objective"):
        sign = -1.0 if direction == "maximize" else 1.0
        valued = (one for one in state.with_status(*DONE) if one.value is not None)
        best = min(valued, key=lambda one: (sign * (one.value or 0.0), one.time), default=None)
    lost = sum(map(bool, (dead or {}).values()))
    given_back = sum(counts[status] for status in GIVEN_BACK)
    return Progress(
        state.folder.id,
        points,
        sum(counts[status] for status in DONE),
        counts["PRUNED"],
        counts[ERROR],
        held - lost,
        lost,
        max(0, points - len(state.claimed)) + given_back,
        best=best,
        failure=failure,
    )


def dead_holders(state: State) -> dict[str, bool]:
    """Return for each held point whether its holder is known to be dead."""
    return {key: claims.is_dead(state.folder, key, state.claimed[key]) for key in state.held()}


class Watch:
    """Progress with a rate: over the last minute, or since the first look."""

    _OVER_S = 60.0

    def __init__(self) -> None:
        self._seen: list[tuple[float, int]] = []

    def __call__(self, found: Progress) -> Progress:
        """Return `found` with the rate and the time left."""
        moment, ended = time.monotonic(), found.done + found.failed
        self._seen.append((moment, ended))
        while len(self._seen) > 2 and moment - self._seen[1][0] > self._OVER_S:
            self._seen.pop(0)
        first, before = self._seen[0]
        if ended == before or moment - first < 0.5:
            return found
        rate = (ended - before) / (moment - first)
        left = (found.waiting + found.running + found.lost) / rate
        return found._replace(rate=rate, left_s=left)
