"""Environment variables by which a recorder and the processes of its run know each other."""

from __future__ import annotations

__all__ = ["ATTEMPT_VARIABLE", "COLLECT_VARIABLE", "RANK_VARIABLE", "STEP_VARIABLE"]

ATTEMPT_VARIABLE = "METICULOUS_ATTEMPT"
"""Tells the processes of a run which attempt they are, from 1."""


COLLECT_VARIABLE = "METICULOUS_COLLECT"
"""``0``: what the command logs to trackers is not recorded."""
RANK_VARIABLE = "METICULOUS_RANK"
"""Tells the processes of a rank which one it is, from 0."""


STEP_VARIABLE = "METICULOUS_STEP"
"""Tells them the key of the step that their recorder is part of."""
