"""Makes directories of 1,000 to 100,000 run folders: deterministic, varied, cheap to write.

The folders are what the recorder leaves after a sweep over two models: finished, failed, lost and
a few running runs, some with nested arguments, some of them without a summary.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from meticulous import runfolder
from meticulous.runfolder import RunFolder
from meticulous.runfolder import directory as store

__all__ = ["make_runs"]

_FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)
_TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "train.py", line 88, in step\n    loss.backward()\n'
    "RuntimeError: CUDA out of memory. Tried to allocate 2.50 GiB"
)
_DEFAULTS = {
    "lr": 0.1,
    "batch_size": 64,
    "epochs": 90,
    "model": "resnet50",
    "optimizer": "sgd",
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "seed": 0,
    "data": "/data/imagenet",
    "workers": 8,
    "amp": True,
    "resume": None,
}


def make_runs(directory: str, count: int) -> None:
    """Fill `directory` with `count` runs, unless it was filled before."""
    done = os.path.join(directory, ".made")
    if os.path.exists(done):
        return
    os.makedirs(directory, exist_ok=True)
    store.prepare_store(directory)
    for number, record in enumerate(itertools.islice(_records(), count), 1):
        folder = RunFolder(os.path.join(directory, str(number)))
        os.makedirs(folder.path, exist_ok=True)
        _write(folder, number, record)
    with open(done, "w", encoding="ascii"):
        pass


def _records() -> Iterator[dict[str, Any]]:
    dice = random.Random(20261123)
    while True:
        args = {
            **_DEFAULTS,
            "lr": round(10 ** dice.uniform(-4, 0), 6),
            "batch_size": dice.choice([32, 64, 128, 256]),
            "model": dice.choice(["resnet50", "vit_b16"]),
            "seed": dice.randrange(5),
        }
        if dice.random() < 0.1:
            args["schedule"] = {"name": "cosine", "warmup": dice.randrange(10)}
        fate = dice.random()
        status = "SUCCESS" if fate < 0.9 else "ERROR" if fate < 0.995 else "RUNNING"
        loss = dice.lognormvariate(0, 0.5)
        yield {"args": args, "status": status, "loss": loss, "wall": dice.expovariate(1 / 4000)}


def _write(folder: RunFolder, number: int, record: dict[str, Any]) -> None:
    start = _FIRST + timedelta(minutes=2 * number)
    status = record["status"]
    metadata = {
        "format": runfolder.FORMAT,
        "githead-sha": f"{number // 50:040x}",
        "githead-message": "Train with a longer warm-up\n",
        "branch": "main",
        "dirty": False,
        "untracked": [],
        "description": "",
        "tags": ["sweep"] if number % 10 == 0 else [],
        "command": ["python", "train.py", "--lr", str(record["args"]["lr"])],
        "cwd": ".",
        "timestamp": start.isoformat(),
        "start-time": start.isoformat(),
        "host": "node17",
        "boot-id": "5f1f9d0c-6d50-4b0e-9a51-0c8e6f1f7a11",
        "pid": 40_000 + number % 9_999,
        "pid-start-time": 12345.67,
        "user": "ada",
        "args-source": "argparse",
    }
    if status != "RUNNING":
        wall = record["wall"]
        metadata["end-time"] = (start + timedelta(seconds=wall)).isoformat()
        metadata["exit-code"] = int(status == "ERROR")
        metadata["usage"] = {"wall": wall, "user": wall * 0.9, "system": 3.2, "peak_memory": 2**31}
    folder.write_json(runfolder.METADATA, metadata)
    folder.write_json(runfolder.ARGS, record["args"])
    folder.write_json(runfolder.DEFAULT_ARGS, _DEFAULTS)
    if status == "SUCCESS":
        loss = record["loss"]
        summary = {"loss": loss, "accuracy": 1 / (1 + loss), "epochs_done": 90}
        folder.write_json(runfolder.SUMMARY, summary)
    folder.write_status(status, _TRACEBACK if status == "ERROR" else "")
