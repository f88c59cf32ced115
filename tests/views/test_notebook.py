"""What a notebook shows of runs: the columns that tell something, everything escaped."""

from __future__ import annotations

from typing import Any

import lxml.html

from meticulous.query.rows import ordered
from meticulous.views import notebook
from meticulous.views.notebook import one_run


def run(expid: int, status: str = "SUCCESS", **more: Any) -> dict[str, Any]:
    start = f"2026-11-{expid:02}T10:00:00+00:00"
    return {"expid": expid, "status": status, "start_time": start, "duration": 1.5, **more}


def runs_table(rows: list[dict[str, Any]]) -> str:
    return notebook.runs_table(rows, ordered(name for row in rows for name in row), ("seed",))


def cells(table: str) -> list[list[str]]:
    """Return the rows of the table, each as its texts."""
    return [
        [cell.text_content().strip("\N{FIGURE SPACE}") for cell in line.xpath("./th|./td")]
        for line in lxml.html.fromstring(table).xpath("//tr")
    ]


def test_what_was_varied_stands_first_and_what_was_not_above_the_table() -> None:
    rows = [
        run(k, args_lr=lr, args_epochs=10, summary_loss=lr / 2, sha="0" * 40)
        for k, lr in enumerate((0.1, 0.01), 1)
    ]

    shown = runs_table(rows)

    groups, names, first, second = cells(shown)
    assert ["expid", "lr", "loss", "start_time", "duration"] == names
    assert ["", "arguments", "summary", ""] == groups
    assert ["1", "0.1", "0.050"] == first[:3]
    assert ["2", "0.01", "0.005"] == second[:3]
    assert "all 2 runs: epochs=10" == lxml.html.fromstring(shown).xpath("string(//caption)")


def test_what_went_wrong_is_shown() -> None:
    rows = [
        run(1, args_lr=0.1),
        run(2, "ERROR", args_lr=9.0, status_message="Traceback …\nValueError: too large"),
    ]

    _, names, good, bad = cells(runs_table(rows))

    assert ["expid", "status", "lr"] == names[:3]
    assert "status_message" == names[3]
    assert ("", "") == (good[1], good[3])
    assert ("ERROR", "ValueError: too large") == (bad[1], bad[3])


def test_nested_arguments_are_opened_and_programs_told_apart() -> None:
    rows = [
        run(1, program="a.py", args_model={"lr": 0.1, "depth": 2}),
        run(2, program="b.py", args_model={"lr": 0.2, "depth": 2}),
        run(3, program="b.py", args_model={"lr": 0.3, "depth": 2}),
    ]

    shown = runs_table(rows)

    assert ["expid", "program", "model.lr"] == cells(shown)[1][:3]
    assert "a.py, 1 run: model.lr=0.1  model.depth=2" in shown


def test_of_many_runs_the_last_are_shown_and_all_counted() -> None:
    shown = runs_table([run(k, args_k=k) for k in range(1, 29)] * 100)

    assert "the last 60 of 2,800 runs" in shown
    assert 62 == len(cells(shown))
    assert "28" == cells(shown)[-1][0]


def test_no_run_is_a_table_too() -> None:
    assert "0 runs" in runs_table([])


def test_one_run_is_shown_with_other_defaults_and_its_results() -> None:
    row = run(
        7,
        "ERROR",
        status_message="OverflowError: math range error",
        args_lr=9.0,
        args_model={"depth": 2},
        default_args_lr=0.1,
        default_args_model={"depth": 2},
        summary_loss=0.123456789,
    )

    shown = cells(one_run("experiments/7", row))

    assert ["lr", "9", "(default 0.1)"] in shown
    assert ["model.depth", "2", ""] in shown
    assert ["loss", "0.123457", ""] in shown
    assert ["status_message", "OverflowError: math range error", ""] in shown
    assert [["arguments"], ["summary"]] == [line for line in shown if len(line) == 1]


def test_everything_is_escaped() -> None:
    evil = '<script>alert("x")</script>'
    row = run(
        1,
        evil,
        tags=evil,
        description=evil,
        program=evil,
        status_message=evil,
        **{
            f"args_{evil}": evil,
            f"summary_{evil}": [evil],
            "args_long": evil * 20,
            "args_c": "\x1b[2J",
        },
    )

    for shown in (runs_table([row]), runs_table([row, run(2)]), one_run(evil, row)):
        assert "<script" not in shown
        assert 'alert("' not in shown
        assert "\x1b" not in shown
        assert "&lt;script&gt;" in shown
