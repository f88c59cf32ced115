"""Every way to name a run, and what is said of those that name none."""

from __future__ import annotations

from typing import Any

import pytest

from meticulous.errors import RunFolderError, SettingsError, UnknownColumnError, UsageError
from meticulous.query.cache.index import Index
from meticulous.query.selectors import select, select_all, select_one

ROWS: list[dict[str, Any]] = [
    {"expid": 1, "start_time": "1", "tags": "a", "summary_loss": 3, "summary_iou": 1},
    {"expid": 3, "start_time": "2", "tags": "", "summary_loss": 1, "summary_iou": 2},
    {"expid": "last", "start_time": "3", "tags": "a,b", "summary_loss": "none"},
    {"expid": 2, "start_time": "4", "tags": "b", "summary_loss": float("nan")},
    {"expid": "1-3", "start_time": "5", "tags": "ab"},
    {"expid": 10, "start_time": "6", "summary_loss": 1, "summary_val": {"acc": 0.4}},
    {"expid": 11, "start_time": "6", "summary_val": {"acc": 0.5}},
]


@pytest.fixture
def index() -> Index:
    return Index.of_rows(ROWS, "experiments")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("1", [1]),
        ("last~0", [11]),
        ("last~2", ["1-3"]),
        ("last~6", [1]),
        ("2-10", [2, 3, 10]),
        ("3,1,last~0", [3, 1, 11]),
        ("@a", [1, "last"]),
        ("@ab", ["1-3"]),
        ("best:summary_loss", [3]),
        ("best:-summary_loss", [1]),
        ("best:+summary_loss", [3]),
        ("worst:summary_loss", [1]),
        ("worst:-summary_loss", [3]),
        ("best:summary_val.acc", [11]),
        ("worst:summary_val.acc", [10]),
        ("best:-summary_iou", [3]),
        ("worst:-summary_iou", [1]),
        # A folder's own name wins over what else it could mean.
        ("1-3", ["1-3"]),
        ("last", ["last"]),
    ],
)
def test_a_selector_names_runs(index: Index, selector: str, expected: list[object]) -> None:
    assert expected == [row["expid"] for row in select(selector, index)]


@pytest.mark.parametrize(
    ("selector", "error"),
    [
        ("99", RunFolderError),
        ("20-30", RunFolderError),
        ("last~7", RunFolderError),
        ("@c", RunFolderError),
        ("best:summary_los", UnknownColumnError),
        ("best:tags", RunFolderError),
        ("best:summary_val.f1", UnknownColumnError),
        ("best:summary_iou", UsageError),
        ("worst:summary_iou", UsageError),
        ("", UsageError),
        ("1,", UsageError),
        ("../1", RunFolderError),
    ],
)
def test_a_selector_that_names_no_run_says_so(index: Index, selector: str, error: type) -> None:
    with pytest.raises(error):
        select(selector, index)


def test_several_selectors_name_each_run_once(index: Index) -> None:
    assert [3, 1, 2] == [row["expid"] for row in select_all(["3", "1,3", "2"], index)]


def test_one_run_is_one(index: Index) -> None:
    with pytest.raises(UsageError, match="2-10 names 3 runs: 2, 3, 10"):
        select_one("2-10", index)


def test_the_last_of_no_runs_is_a_message() -> None:
    with pytest.raises(RunFolderError, match="there are no runs yet"):
        select("last", Index.of_rows([], "experiments"))


def test_where_nobody_knows_what_is_better_both_spellings_are_told(index: Index) -> None:
    with pytest.raises(UsageError) as told:
        select("best:summary_iou", index)

    for part in ("best:-summary_iou", "best:+summary_iou", "`better: {summary_iou: higher}`"):
        assert part in str(told.value)


@pytest.mark.parametrize(("said", "expected"), [("higher", 3), ("lower", 1)])
def test_the_settings_say_what_is_better(
    index: Index, tmp_path, monkeypatch, said: str, expected: int
) -> None:
    (tmp_path / "meticulous.yaml").write_text(f"better: {{summary_iou: {said}}}\n")
    monkeypatch.chdir(tmp_path)

    assert expected == select_one("best:summary_iou", index)["expid"]


@pytest.mark.parametrize("text", ["better: [a]", "better: {a: up}", "better: higher"])
def test_a_direction_that_is_none_is_refused(index: Index, tmp_path, monkeypatch, text) -> None:
    (tmp_path / "meticulous.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match="better must be names with `higher` or `lower`"):
        select("best:summary_iou", index)
