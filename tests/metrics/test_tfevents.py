"""Event files that are written are read by TensorBoard, and by ourselves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from meticulous.metrics import series
from meticulous.metrics.event_files import EventFile
from meticulous.metrics.tfevents import event_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    lines: list[dict[str, Any]] = [
        {"step": step, "time": 1.7e9 + step, "train/löss": step / 4} for step in range(300)
    ]
    odd: list[Any] = ["NaN", "Infinity", 1e300, -5]
    lines += [
        {"step": step, "odd": x, "t": "x"} for step, x in zip((-1, 2.7, 2**70, 5), odd, strict=True)
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = tmp_path / "events.out.tfevents.1.test"
    made.write_bytes(b"".join(event_file(series.read(str(tmp_path)))))
    return made


def test_our_own_reader(path: Path) -> None:
    found = list(EventFile(str(path)).read())

    assert [(step, 1.7e9 + step, "train/löss", step / 4) for step in range(300)] == found[:300]
    steps, _, _, values = zip(*found[300:], strict=True)
    assert (-1, 2, 2**63 - 1, 5) == steps
    assert math.isnan(values[0])
    assert (math.inf, math.inf, -5) == values[1:]


def test_tensorboard_reads_it(path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    events = list(EventFileLoader(str(path)).Load())

    scalars = [event for event in events if event.HasField("summary")]
    assert 304 == len(scalars)
    last = scalars[299]
    assert (299, 1.7e9 + 299) == (last.step, last.wall_time)
    assert "train/löss" == last.summary.value[0].tag
    assert [299 / 4] == list(last.summary.value[0].tensor.float_val)
