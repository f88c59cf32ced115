"""What each library itself has stored, as (name, step) -> value, by readers that are not ours."""

from __future__ import annotations

import csv
import json
import sqlite3
import struct
import zipfile
from pathlib import Path
from typing import Any

Series = dict[tuple[str, float], Any]


def event_files(folder: Path) -> Series:
    """Read every event file below `folder` with TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    found: Series = {}
    for path in sorted(folder.rglob("*tfevents*")):
        prefix = path.parent.relative_to(folder).as_posix()
        prefix = "" if prefix == "." else prefix + "/"
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    number = tensor_util.make_ndarray(value.tensor).item()
                    found[prefix + value.tag, event.step] = number
    return found


def csv_file(path: Path, step: str, without: tuple[str, ...] = ()) -> Series:
    found: Series = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if name != step and name not in without and text != "":
                    found[name, float(row[step])] = float(text)
    return found


def history(path: Path) -> Series:
    """Read Keras's history: name -> a value an epoch."""
    values = json.loads(path.read_text())
    return {(name, step): v for name, row in values.items() for step, v in enumerate(row)}


def evals(path: Path, joint: str) -> Series:
    values = json.loads(path.read_text())
    return {
        (data + joint + metric, step): score
        for data, metrics in values.items()
        for metric, scores in metrics.items()
        for step, score in enumerate(scores)
    }


def trainer_state(path: Path) -> Series:
    found: Series = {}
    for entry in json.loads(path.read_text())["log_history"]:
        found.update({(n, entry["step"]): v for n, v in entry.items() if n != "step"})
    return found


def wandb_file(folder: Path) -> Series:
    """Read an offline run: records of LevelDB's log format with a protocol buffer in each."""
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    content, at, parts, found = path.read_bytes(), 7, b"", {}
    while at + 7 <= len(content):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in {1, 4}:
            record = wandb_internal_pb2.Record.FromString(parts)  # type: ignore[attr-defined]
            parts = b""
            items = {
                ".".join(item.nested_key) or item.key: json.loads(item.value_json)
                for item in record.history.item
            }
            step = items.get("_step")
            for name, value in items.items():
                if not name.startswith("_"):
                    found.update(_nested(name, value, step))
    return found


def _nested(name: str, value: Any, step: Any) -> Series:
    if isinstance(value, dict):
        found: Series = {}
        for key, item in value.items():
            found.update(_nested(f"{name}.{key}", item, step))
        return found
    return {(name, step): value}


def trackio_database(folder: Path) -> Series:
    (path,) = folder.rglob("example.db")
    rows = sqlite3.connect(path).execute("SELECT step, metrics FROM metrics").fetchall()
    return {(n, step): v for step, text in rows for n, v in json.loads(text).items()}


def mlruns(folder: Path) -> Series:
    found: Series = {}
    for path in folder.glob("mlruns/*/*/metrics/*"):
        for line in path.read_text().splitlines():
            _, value, step = line.split()[:3]
            found[path.name, int(step)] = float(value)
    return found


def dvclive_tables(folder: Path) -> Series:
    found: Series = {}
    base = folder / "plots" / "metrics"
    for path in base.rglob("*.tsv"):
        name = path.relative_to(base).with_suffix("").as_posix()
        with path.open(newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                found[name, int(row["step"])] = float(row[path.stem])
    return found


def sacred_metrics(path: Path) -> Series:
    values = json.loads(path.read_text())
    return {
        (name, step): value
        for name, row in values.items()
        for step, value in zip(row["steps"], row["values"], strict=True)
    }


def comet_archive(folder: Path) -> Series:
    (path,) = folder.glob("*.zip")
    found: Series = {}
    with zipfile.ZipFile(path) as archive:
        for line in archive.read("messages.json").splitlines():
            metric = json.loads(line).get("payload", {}).get("metric")
            if metric and not metric["metricName"].startswith("sys."):
                found[metric["metricName"], metric.get("step")] = float(metric["metricValue"])
    return found


def clearml_session(folder: Path) -> Series:
    found: Series = {}
    for path in folder.rglob("metrics.jsonl"):
        for line in path.read_text().splitlines():
            for event in json.loads(line):
                if event.get("type") == "training_stats_scalar":
                    metric, variant = event["metric"], event["variant"]
                    name = metric if metric == variant else f"{metric}/{variant}"
                    found[name, event["iter"]] = event["value"]
    return found
