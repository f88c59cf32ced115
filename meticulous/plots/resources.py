"""What a run has used -> curves: processor, memory, disk and GPUs of its samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from meticulous.plots.curves import Curve, Curves
from meticulous.plots.labels import differing, labels, slots
from meticulous.query.rows import Row
from meticulous.runfolder import RESOURCES, RunFolder
from meticulous.runfolder.files import open_to_read

__all__ = ["resource_curves"]

_NUMBERS = (int, float)


def resource_curves(rows: Sequence[Row]) -> list[tuple[str, Curves]]:
    """Return (what it is, its curves) for processor, memory, disk and GPUs; what none has is left out.

    x is ``relative``: seconds since the start of the attempt. Broken lines are left out.
    """
    texts = labels(rows, differing(rows) if len(rows) > 1 else [])
    colours = slots([row["expid"] for row in rows])
    found: dict[str, list[Curve]] = {}
    for row, text, slot in zip(rows, texts, colours, strict=True):
        columns: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for sample in _samples(RunFolder(row["curexpdir"])):
            for place, value in _values(sample):
                columns.setdefault(place, []).append((float(sample["seconds"]), value))
        for number, ((panel, name), pairs) in enumerate(columns.items()):
            pairs.sort(key=lambda pair: pair[0])
            x, y = (np.array(line) for line in zip(*pairs, strict=True))
            whole = [f"{row['expid']}  {text}".strip() if len(rows) > 1 else "", name]
            label = "  ".join(part for part in whole if part) or panel
            colour = slot if len(rows) > 1 else number
            curve = Curve(row["expid"], name or panel, label, x, y, slot=colour)
            found.setdefault(panel, []).append(curve)
    return [(panel, Curves(curves, [], "relative", "relative")) for panel, curves in found.items()]


def _samples(run: RunFolder) -> Iterator[dict[str, Any]]:
    try:
        descriptor = open_to_read(run.file(RESOURCES))
    except OSError:
        return
    with open(descriptor, "rb") as file:
        for line in file:
            try:
                sample = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(sample, dict) and type(sample.get("seconds")) in _NUMBERS:
                yield sample


def _values(sample: dict[str, Any]) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield ((panel, name of the line), value)."""
    megabytes = {"memory": "memory (MB)", "read": "disk (MB)", "written": "disk (MB)"}
    for name in ("cpu", "memory", "processes", "read", "written"):
        value: Any = sample.get(name)
        if type(value) not in _NUMBERS:
            continue
        if name in megabytes:
            yield (megabytes[name], name if "disk" in megabytes[name] else ""), value / 1e6
        else:
            yield ("processor (% of a core)" if name == "cpu" else name, ""), float(value)
    gpus = sample.get("gpus")
    for gpu in gpus if isinstance(gpus, list) else ():
        if not isinstance(gpu, dict):
            continue
        name = f"GPU {gpu.get('index')}"
        if type(gpu.get("utilisation")) in _NUMBERS:
            yield ("GPU utilisation (%)", name), float(gpu["utilisation"])
        if type(gpu.get("memory")) in _NUMBERS:
            yield ("GPU memory (MB)", name), gpu["memory"] / 1e6
