"""Answers to questions: which columns groups have."""

from __future__ import annotations

from typing import Any

from meticulous.query.cache.index import Index
from meticulous.query.question import Question, answer

ROWS: list[dict[str, Any]] = [
    {"expid": 1, "program": "a.py", "args_lr": 0.1, "args_seed": 0, "summary_x": 1},
    {"expid": 2, "program": "a.py", "args_lr": 0.2, "args_seed": 1, "summary_x": 2},
    {"expid": 3, "program": "b.py", "args_depth": 3, "args_seed": 0, "summary_y": 3},
]


def grouped(filter_: str | None) -> list[str]:
    index = Index.of_rows(ROWS, "experiments")
    return answer(index, Question(groupby=("args",), filter=filter_, seeds=("seed",))).by


def test_groups_of_arguments_have_those_of_the_runs_that_are_asked_for() -> None:
    assert ["args_lr"] == grouped("program == 'a.py'")
    assert ["args_depth"] == grouped("args_depth == 3")
    assert ["program", "args_lr", "args_depth"] == grouped(None)
