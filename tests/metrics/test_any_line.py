"""Whatever stands in a line, every reader of it goes through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meticulous.metrics import frames, overview, series
from meticulous.metrics.best import Follower
from meticulous.views import metrics, metrics_export

VALUES = [
    "null",
    "true",
    "0",
    "-1",
    "2.5",
    "1e400",
    "-1e400",
    "NaN",
    str(10**400),
    str(2**53),
    '""',
    '"NaN"',
    '"-Infinity"',
    '"text\\n\\u0000\\u001b[31m"',
    '"\\ud800"',
    '"</script>"',
    "[]",
    "[1, [2]]",
    "{}",
    '{"step": 1, "a": {"b": [null]}}',
]
NAMES = ["step", "time", "attempt", "rank", "x", "", "a/b c", "\x1b[31m", "\ud800", "expid", "name"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_value_under_any_name(tmp_path: Path, name: str) -> None:
    run = tmp_path / "1"
    run.mkdir()
    head = json.dumps(name)
    lines = ['{"step": 3, "time": 1764046331.5, "x": 1}']
    lines += [f"{{{head}: {value}}}" for value in VALUES]
    lines += [f'{{"attempt": 2, "y": 2, {head}: {value}}}' for value in VALUES]
    (run / "metrics.jsonl").write_text("\n".join(lines) + "\n")

    for every in (False, True):
        found = series.read(str(run), every_attempt=every)
        assert 0 == found.broken
        assert "x" in found.names
        frame = frames.wide_frame(found)
        assert len(found) == len(frame)
        assert frame.columns.is_unique
        assert len(frames.long_frame([(1, found)])) == sum(
            len(found.rows(one)) for one in found.names
        )
        drawn = [(1, one) for one in overview.overview(found)]
        for limit in (80, None):
            metrics.overviews(drawn, limit, has_runs=True, draws_curves=True)
            rows = [(1, row) for row in metrics.rows(found, found.names)]
            metrics.values(rows, found.names, limit)
        metrics.of_a_run([one for _, one in drawn])
        for ending in ("csv", "json", "jsonl", "tfevents", "pd"):
            metrics_export.write(str(tmp_path / f"out.{ending}"), [(1, found), (2, found)])
        json.loads((tmp_path / "out.json").read_bytes())
    columns = Follower().columns(str(run))
    assert "x_step" in columns
    assert json.dumps(columns)
