"""Filters: what they mean, what is refused, and that none of them runs code."""

from __future__ import annotations

from typing import Any

import pytest

from meticulous.errors import FilterError, MeticulousError, UnknownColumnError
from meticulous.query import filters
from meticulous.query import question as asking
from meticulous.query.cache.index import Index
from meticulous.query.filters import All, Compare, Either, In, Leaf, Not, parse
from meticulous.query.rows import Row

COLUMNS = ["status", "start_time", "args_lr", "args_k", "args_name", "metadata_exit-code", "a b"]


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("args_k == 3", Compare("args_k", "==", 3)),
        ("3 < args_k", Compare("args_k", ">", 3)),
        ("args_k >= -1.5", Compare("args_k", ">=", -1.5)),
        ("args_k < args_lr", Compare("args_k", "<", other="args_lr")),
        (
            "0 < args_k <= 2",
            All((Compare("args_k", ">", 0), Compare("args_k", "<=", 2))),
        ),
        ("args_k in [1, 2]", In("args_k", (1, 2))),
        ("args_k == [1, 2]", In("args_k", (1, 2))),
        ("args_k not in (1, 'a')", Not(In("args_k", (1, "a")))),
        (
            "args_k == 1 & ~(status == 'x') | args_k == 2",
            Either(
                (
                    All((Compare("args_k", "==", 1), Not(Compare("status", "==", "x")))),
                    Compare("args_k", "==", 2),
                )
            ),
        ),
        ("`metadata_exit-code` != 0", Compare("metadata_exit-code", "!=", 0)),
        ("`a b` == '`x` & @y'", Compare("a b", "==", "`x` & @y")),
        ("not args_name.str.contains('x')", Not(Leaf("c0.str.contains('x')", ("args_name",)))),
        ("args_k * 2 > `a b`", Leaf("c0 * 2 > c1", ("args_k", "a b"))),
    ],
)
def test_a_filter_is_read(text: str, condition: object) -> None:
    assert condition == parse(text, COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "@x == 1",
        "@__import__('os').system('true')",
        "__import__('os').system('true')",
        "args_k.__class__",
        "args_k.__class__ == 1",
        "args_name.str.__class__()",
        "args_name.str.contains(args_name)",
        "args_name.str.contains(*['a'])",
        "args_name.str.contains(**{'pat': 'a'})",
        "args_name.str.cat(args_name)",
        "args_name.apply(print)",
        "args_name.map(len) > 1",
        "args_k.eval('1')",
        "args_k.pipe(print)",
        "args_k[0] == 1",
        "args_k.values == 1",
        "(lambda: 1)()",
        "[x for x in args_k]",
        "{args_k}",
        "f'{args_k}' == 'a'",
        "args_k == (yield)",
        "(args_k := 1) == 1",
        "args_k if args_k else args_k",
        "open('x') == 1",
        "args_k ** 9 ** 9 ** 9 > 1",
        "args_k > 9 ** 9 ** 9",
        "((9 ** 64) ** 64) ** 64 > args_k",
        "(args_k ** 64 * 2) ** 64 > 1",
        "(-(args_k ** 2)) ** 0.5 > 1",
        "args_name == 'a' * 10 ** 9",
        "'%999999999d' % args_k == 'a'",
        "args_k == b'a'",
        "args_k == 1j",
        "args_k == ...",
        "args_k @ args_k == 1",
    ],
)
def test_a_filter_runs_no_code(text: str) -> None:
    with pytest.raises((FilterError, UnknownColumnError)):
        parse(text, COLUMNS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot understand the filter"),
        ("args_k ==", "cannot understand the filter"),
        ("args_k = 1", "Write == to compare"),
        ("args_k == 1\0", "cannot understand the filter"),
        ("args_k == None", "isnull"),
        ("args_k is 3", "isnull"),
        ("'a' in args_name", "str.contains"),
        ("start_time > 'soon'", "is no time"),
        ("1", "1 names no column"),
        ("''", "names no column"),
        ("1 < 2", "1 < 2 names no column"),
        ("args_k == 1 and 'x'", "'x' names no column"),
        ("1e999", "names no column"),
        ("(1,)", "names no column"),
        (f"{'9' * 5000} > 1", "a part of the filter names no column|cannot understand"),
        ("(" * 3000 + "args_k" + ")" * 3000, "cannot understand|too deeply"),
        ("not " * 3000 + "args_k", "cannot understand|too deeply"),
    ],
)
def test_a_filter_that_is_none_gets_a_message(text: str, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        parse(text, COLUMNS)


def test_an_unknown_column_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(UnknownColumnError, match="no column `args_name2`"):
        parse("args_name2 == 'x'", COLUMNS)


def chosen(rows: list[Row], text: str) -> list[int]:
    full = [{"expid": n, "start_time": None, **row} for n, row in enumerate(rows)]
    index = Index.of_rows(full, "experiments")
    return [row["expid"] for row in asking.answer(index, asking.Question(filter=text)).rows]


MIXED: list[Row] = [
    {"args_x": 1},
    {"args_x": 2.5},
    {"args_x": "2"},
    {"args_x": True},
    {"args_x": None},
    {"args_x": float("nan")},
    {"args_x": float("inf")},
    {"args_x": [1]},
    {},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("args_x == 1", [0, 3]),
        ("args_x != 1", [1, 2, 4, 5, 6, 7, 8]),
        ("args_x < 2", [0, 3]),
        ("args_x > 2", [1, 6]),
        ("not args_x > 2", [0, 2, 3, 4, 5, 7, 8]),
        ("args_x >= '2'", [2]),
        ("args_x < 'zzz'", [2]),
        ("args_x == args_x", [0, 1, 2, 3, 6]),
        ("args_x in [1, '2']", [0, 2, 3]),
        ("args_x not in [1, '2']", [1, 4, 5, 6, 7, 8]),
        ("args_x.isnull()", [4, 5, 8]),
        ("args_x.notnull() and args_x != 1", [1, 2, 6, 7]),
        ("curexpdir == 'experiments/3' or expid == 4", [3, 4]),
    ],
)
def test_missing_and_mixed_values_have_one_meaning(text: str, expected: list[int]) -> None:
    assert expected == chosen(MIXED, text)


def test_pandas_answers_what_is_no_comparison() -> None:
    rows: list[dict[str, Any]] = [
        {"args_name": name, "args_k": k} for k, name in enumerate(["ab", None, "Abc", "b"])
    ]

    assert [0] == chosen(rows, "args_name.str.contains('a')")
    assert [1, 2, 3] == chosen(rows, "not args_name.str.contains('a')")
    assert [0, 2] == chosen(rows, "args_name.str.lower() == 'abc' or args_k == 0")
    assert [3] == chosen(rows, "args_k * 2 > 4")
    assert [1] == chosen(rows, "args_name.isna()")


@pytest.mark.parametrize(
    "text", ["args_text * 2 > 1", "args_k + 1", "args_k", "args_name.str.len()"]
)
def test_pandas_refusing_is_a_message(text: str) -> None:
    rows: list[dict[str, Any]] = [
        {"args_name": "a", "args_text": "a", "args_k": 1},
        {"args_name": 1, "args_text": "b", "args_k": 2},
    ]

    with pytest.raises(MeticulousError):
        chosen(rows, text)


def test_a_text_among_numbers_does_not_stop_arithmetic() -> None:
    rows: list[dict[str, Any]] = [{"args_lr": 0.1}, {"args_lr": "0.1.2"}, {"args_lr": 2}, {}]

    assert [2] == chosen(rows, "args_lr * 2 > 1")
    assert [0, 2] == chosen(rows, "args_lr + args_lr > 0")


def test_truth_values_are_conditions_by_themselves() -> None:
    rows: list[dict[str, Any]] = [{"args_amp": True}, {"args_amp": False}, {}]

    assert [0] == chosen(rows, "args_amp")
    assert [1, 2] == chosen(rows, "not args_amp")


@pytest.mark.parametrize(
    "name", ["a b", "a.b", "a'b", 'a"b', "__class__", "näme", "a-b", "c0", "%s"]
)
def test_any_name_can_be_a_column(name: str) -> None:
    rows: list[dict[str, Any]] = [{f"args_{name}": 1}, {f"args_{name}": 2}]

    assert [1] == chosen(rows, f"`args_{name}` > 1")
    assert [1] == chosen(rows, f"`args_{name}` * 1 > 1")


def test_nested_values_can_be_asked_for_by_their_path() -> None:
    rows: list[dict[str, Any]] = [
        {"args_model": {"lr": 1}},
        {"args_model": {"lr": 2}},
        {"args_model": 3},
    ]

    assert [1] == chosen(rows, "args_model.lr > 1")


def test_a_long_filter_is_answered() -> None:
    rows: list[dict[str, Any]] = [{"args_k": k} for k in range(3)]

    assert [2] == chosen(rows, " or ".join(f"args_k == {n}" for n in range(2, 3000)))
    assert [2] == chosen(rows, f"args_k in {list(range(2, 3000))}")


def test_a_deep_filter_is_answered_or_refused() -> None:
    rows = [{"args_k": k} for k in range(3)]

    for word in ("and", "or"):
        deep = f"args_k > 1 {word} (" * 95 + "args_k > 1" + ")" * 95
        assert [2] == chosen(rows, deep)
    turning = "not (args_k > 0 and not (args_k > 1 or " * 40 + "args_k > 1" + "))" * 40
    with pytest.raises(FilterError, match=r"nested too deeply|too long, or nested"):
        chosen(rows, turning)
    assert [2] == chosen(rows, "not " * 90 + "args_k > 1")


def test_true_and_false_are_conditions() -> None:
    rows = [{"args_k": 1}, {}]

    assert [0, 1] == chosen(rows, "True")
    assert [] == chosen(rows, "False")
    assert [0] == chosen(rows, "args_k == 1 and not False")
    assert [0, 1] == chosen(rows, "args_k == 1 or True")


def test_times_are_compared_as_times(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[dict[str, Any]] = [
        {"start_time": f"2026-01-0{day}T12:00:00.000000+00:00"} for day in (1, 2, 3)
    ]

    assert [1, 2] == chosen(rows, "start_time >= '2026-01-02 12:00+00:00'")
    assert [2] == chosen(rows, "start_time > '2026-01-02T14:00:00+02:00'")


def test_the_parts_for_pandas_are_found_once() -> None:
    condition = parse("args_k * 2 > 1 or (args_k * 2 > 1 and args_k == 1)", COLUMNS)

    assert [Leaf("c0 * 2 > 1", ("args_k",))] == filters.leaves(condition)
