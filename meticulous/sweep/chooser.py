"""Which point a worker claims next."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

from meticulous.sweep import claims
from meticulous.sweep.folder import Point
from meticulous.sweep.lines import cannot_read
from meticulous.sweep.state import State

__all__ = ["Chooser"]

_COLLISIONS = 3
_SPREAD = 64


class Chooser:
    """Claims points for one worker: what nobody has claimed first, in order.

    Args:
        state: of the sweep; whoever calls brings it up to date.
        claimant: takes the claims.
        again_only: claim only what may be tried again.

    """

    def __init__(self, state: State, claimant: claims.Claimant, *, again_only: bool) -> None:
        self._state, self._claimant, self._again_only = state, claimant, again_only
        self._folder = state.folder
        self._points: list[Point] = []
        self._by_key: dict[str, Point] = {}
        self._cursor = 0
        self._size = -1

    def _read_points(self) -> None:
        try:
            size = os.stat(self._folder.points_file).st_size
        except OSError as error:
            raise cannot_read(self._folder.points_file, error) from error
        if size != self._size:
            self._points, self._size, self._cursor = self._folder.points(), size, 0
            self._by_key = {point.key: point for point in self._points}

    def new(self) -> tuple[Point, int] | None:
        """Claim the first point that nobody has claimed; where others are as quick, one near it."""
        self._read_points()
        claimed, collisions = self._state.claimed, 0
        while not self._again_only and self._cursor < len(self._points):
            point = self._points[self._cursor]
            if point.key in claimed:
                self._cursor += 1
                continue
            if collisions > _COLLISIONS:
                claimed.update(claims.claimed(self._folder))
                collisions = 0
                near = self._near()
                if near is None:
                    return None
                point = near
            is_ours = self._claimant.take(point.key, 1)
            claimed.setdefault(point.key, 1)
            if is_ours:
                return point, 1
            collisions += 1
        return None

    def _near(self) -> Point | None:
        """Choose one of the first open points by chance, so that not all try for the same."""
        found = []
        for point in self._points[self._cursor :]:
            if point.key not in self._state.claimed:
                found.append(point)
                if len(found) == _SPREAD:
                    break
        return random.choice(found) if found else None  # noqa: S311

    def again(self) -> tuple[Point, int] | None:
        """Claim a point that was given back, or may be tried again."""
        for key, number in self._state.again():
            is_allowed = not self._again_only or self._state.allowed.get(key, 0) >= number
            if is_allowed and key in self._by_key and self._claimant.take(key, number):
                return self._by_key[key], number
        return None

    def of_dead(self, now: Callable[[], float]) -> Iterator[tuple[Point, int]]:
        """Claim the next try at points whose holder is dead: (the point, the try of the dead).

        `now` tells the time on the clock of the file server.
        """
        dead = []
        for key in self._state.held():
            number = self._state.claimed[key]
            if key in self._by_key and claims.is_dead(self._folder, key, number, now()):
                dead.append((key, number))
        if dead:  # before it died, and since we looked, it may have noted how its point has ended
            self._state.look()
        for key, number in dead:
            if self._state.status(key) is None and self._claimant.take(key, number + 1):
                yield self._by_key[key], number
