"""Lines -> columns: every kind of line and value, with json and with orjson."""

from __future__ import annotations

import json
import math
import random
import sys
from typing import Any

import pytest

from meticulous.metrics.table import Table, parse


@pytest.fixture(params=["json", "orjson"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "json":
        monkeypatch.setitem(sys.modules, "orjson", None)
    else:
        pytest.importorskip("orjson")


def content(*lines: Any) -> bytes:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return "".join(f"{text}\n" for text in texts).encode()


def points(table: Table, name: str) -> list[tuple[int, Any]]:
    """List (line, value) of a name."""
    column = table.columns[name]
    values = [column.texts.get(place, number) for place, number in enumerate(column.numbers)]
    return list(zip(column.places(), values, strict=True))


def test_lines_of_one_kind_are_dense() -> None:
    table = parse(content(*({"step": i, "time": i / 2, "loss": 1 / (i + 1)} for i in range(9))))

    assert [*range(9)] == table.steps.tolist()
    assert [i / 2 for i in range(9)] == table.times.tolist()
    assert table.columns["loss"].rows is None
    assert [1 / (i + 1) for i in range(9)] == table.columns["loss"].numbers.tolist()
    assert table.attempts is None
    assert table.ranks is None


def test_lines_of_several_kinds() -> None:
    table = parse(
        content(
            {"step": 0, "a": 1},
            {"step": 1, "b": 2},
            {"step": 2, "b": 3, "a": 4},
            {},
            {"step": 5, "rank": 1, "attempt": 2, "time": 8.5},
        )
    )

    assert [0, 1, 2, 3, 5] == table.steps.tolist()
    assert [(0, 1.0), (2, 4.0)] == points(table, "a")
    assert [(1, 2.0), (2, 3.0)] == points(table, "b")
    assert [0, 0, 0, 0, 1] == [table.rank_of(row) for row in range(5)]
    assert [1, 1, 1, 1, 2] == [table.attempt_of(row) for row in range(5)]
    assert 8.5 == table.times[4]
    assert math.isnan(table.times[0])


def test_values_of_any_kind() -> None:
    values = [1, "NaN", "Infinity", "-Infinity", None, True, "text", [1, 2], 10**400, -(10**400), 2]
    table = parse(content(*({"x": value} for value in values)))

    found = points(table, "x")
    assert math.isnan(found.pop(1)[1])
    assert [
        (0, 1.0),
        (2, math.inf),
        (3, -math.inf),
        (5, 1.0),
        (6, "text"),
        (7, [1, 2]),
        (8, math.inf),
        (9, -math.inf),
        (10, 2.0),
    ] == found


def test_numbers_as_python_writes_them() -> None:
    table = parse(content('{"x": NaN}', '{"x": -Infinity}', '{"x": 1e999}'))

    assert math.isnan(points(table, "x")[0][1])
    assert [-math.inf, math.inf] == table.columns["x"].numbers.tolist()[1:]


def test_nested_objects_are_opened() -> None:
    table = parse(content({"a": {"b": 1, "c": {"d": "x"}}}, {"a": 3}, {"a": {"b": "NaN"}}))

    assert ["a.b", "a.c.d", "a"] == list(table.columns)
    assert (0, 1.0) == points(table, "a.b")[0]
    assert [(0, "x")] == points(table, "a.c.d")
    assert [(1, 3.0)] == points(table, "a")


@pytest.mark.parametrize(
    "broken",
    ["{", '{"step": 1, "x', "null", "[1]", "1, 2", '"x"', "nonsense", "[" * 100_000, "\0\0", "{}}"],
)
def test_broken_lines_are_counted_and_the_others_read(broken: str) -> None:
    table = parse(content({"x": 1}, broken, "", {"x": 2}))

    assert [1.0, 2.0] == table.columns["x"].numbers.tolist()
    assert 1 == table.broken


def test_halves_of_lines_do_not_make_one() -> None:
    table = parse(b'{"x": 1\n"y": 2}\n{"x": 3}\n')

    assert [3.0] == table.columns["x"].numbers.tolist()
    assert ["x"] == list(table.columns)
    assert 2 == table.broken


def test_bytes_that_are_not_text_are_replaced() -> None:
    table = parse(b'{"step": 1, "n\xff": 1.5, "x": "\xff"}\n')

    assert 1.5 == table.columns["n\N{REPLACEMENT CHARACTER}"].numbers[0]


@pytest.mark.parametrize(
    "name", ["train/loss", "a b", "", "ünï", "step_", "\n", "</script>", "x" * 5000]
)
def test_names_of_any_kind(name: str) -> None:
    assert [(0, 1.0)] == points(parse(content({name: 1})), name)


def test_lines_without_a_step_have_their_number() -> None:
    table = parse(content({"x": 1}, {"x": 2, "step": 9}, {"x": 3, "step": None}), first=100)

    assert [100, 9, 102] == table.steps.tolist()


def test_odd_steps_attempts_and_ranks() -> None:
    table = parse(
        content(
            {"step": 2.5, "attempt": -3, "rank": 10**9},
            {"step": "NaN", "attempt": "x", "rank": "NaN"},
            {"step": [1], "time": "yesterday"},
        )
    )

    assert [2.5, 1, 2] == table.steps.tolist()
    assert [0, 1, 1] == [table.attempt_of(row) for row in range(3)]
    assert [65535, 0, 0] == [table.rank_of(row) for row in range(3)]


def test_ten_thousand_names_take_room_for_their_values_only() -> None:
    lines = [{"step": i, f"n{i}": i} for i in range(10_000)]
    table = parse(content(*lines))

    assert 10_000 == len(table.columns)
    assert 10_000 == sum(map(len, table.columns.values()))


def test_parts_make_the_whole() -> None:
    generator = random.Random(1)
    names = ["a", "b", "c", "step", "rank", "attempt"]
    for _ in range(50):
        lines = [
            {name: generator.choice([1, 2.5, "NaN", "t", None]) for name in names[:count]}
            | {name: generator.randrange(3) for name in generator.sample(names, 2)}
            for count in [generator.randrange(4) for _ in range(generator.randrange(1, 12))]
        ]
        whole = parse(content(*lines))
        parts = Table()
        cut = generator.randrange(len(lines) + 1)
        for some in (lines[:cut], lines[cut:]):
            if some:
                parts.extend(parse(content(*some), parts.count))

        assert whole.count == parts.count
        assert whole.steps == parts.steps
        for row in range(whole.count):
            assert whole.attempt_of(row) == parts.attempt_of(row)
            assert whole.rank_of(row) == parts.rank_of(row)
        assert whole.columns.keys() == {
            name for name, column in parts.columns.items() if len(column) or name in whole.columns
        }
        for name in whole.columns:
            assert repr(points(whole, name)) == repr(points(parts, name))
