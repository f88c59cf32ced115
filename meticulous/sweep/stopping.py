"""Reasons to start no more points."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.state import Outcome, outcome_of

__all__ = ["ALIKE", "NOW", "alike", "grouped", "since_last_start"]

NOW = "stopped, and the running points ended"
"""What the file ``stop`` says where running points are to be ended too."""
ALIKE = 10
"""When so many of the first points have failed alike, the others are not started."""


def alike(message: str) -> str:
    """Return what two messages have in common that differ in values only."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "…", message)
    return re.sub(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?", "#", text)


def grouped(outcomes: Iterable[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Group outcomes by messages that are alike: (the first message, the outcomes), most first."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(alike(outcome.message), []).append(outcome)
    return sorted(
        ((found[0].message, found) for found in groups.values()), key=lambda g: -len(g[1])
    )


def since_last_start(folder: SweepFolder, lines: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Return the outcomes since the sweep was started or resumed, in the order of their time."""
    started = os.stat(folder.file("sweep.json")).st_mtime
    folder.prepare()
    with os.scandir(folder.file("again")) as entries:
        started = max([started, *(entry.stat().st_mtime for entry in entries)])
    found = []
    for line in lines:
        try:
            moment = datetime.fromisoformat(str(line.get("time"))).timestamp()
        except ValueError:
            continue
        if moment >= started - 1:
            found.append((moment, outcome_of(line)))
    return [outcome for _, outcome in sorted(found, key=lambda one: one[0])]
