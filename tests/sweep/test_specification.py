"""From what is asked for to the points: products, tables, filters, samples, files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from meticulous.errors import FilterError, UnknownColumnError, UsageError
from meticulous.sweep import document
from meticulous.sweep.specification import Specification, points, read_axes


def made(*parameters: str, **options) -> list[dict[str, str]]:
    asked = Specification(("true",), parameters, **options)
    return points(asked, read_axes(parameters))


def test_the_last_name_changes_fastest() -> None:
    assert [
        {"lr": "0.1", "seed": "0"},
        {"lr": "0.1", "seed": "1"},
        {"lr": "0.2", "seed": "0"},
        {"lr": "0.2", "seed": "1"},
    ] == made("lr=0.1,0.2", "seed=0,1")


def test_zips_and_products_join() -> None:
    assert [("0.1", "32", "0"), ("0.1", "32", "1"), ("0.2", "64", "0"), ("0.2", "64", "1")] == [
        tuple(one.values()) for one in made("lr,bs=0.1:32,0.2:64", "seed=0,1")
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"exclude": ("lr > 0.1 and bs == 512",)}, 4),
        ({"only": ("lr == 0.1",)}, 2),
        ({"only": ("lr * bs < 100",), "exclude": ("bs == 1",)}, 1),
        ({"only": ("act == 'relu'",)}, 6),
        ({"exclude": ("lr in [0.1, 0.2]",)}, 2),
        ({"only": ("lr.isnull()",), "exclude": ()}, 0),
    ],
)
def test_filters_mean_what_those_of_ls_mean(options, expected: int) -> None:
    parameters = ("lr=0.1,0.2,0.3", "bs=1,512", "act=relu")
    if expected:
        assert expected == len(made(*parameters, **options))
    else:
        with pytest.raises(UsageError, match="no point is left"):
            made(*parameters, **options)


def test_a_filter_is_no_code() -> None:
    with pytest.raises(FilterError):
        made("lr=1", only=("__import__('os').system('true') == 0",))
    with pytest.raises(UnknownColumnError, match="lr"):
        made("lr=1", only=("lrr == 1",))


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    one = made("a=0..99", "b=0..99", sample=50, seed=1)

    assert one == made("a=0..99", "b=0..99", sample=50, seed=1)
    assert one != made("a=0..99", "b=0..99", sample=50, seed=2)
    assert 50 == len({tuple(point.values()) for point in one})


def test_a_sample_of_what_is_left_by_filters() -> None:
    found = made("a=0..99", sample=5, only=("a < 7",))

    assert 5 == len(found)
    assert all(int(one["a"]) < 7 for one in found)


def test_a_product_of_a_billion_is_refused_at_once() -> None:
    began = time.process_time()
    with pytest.raises(UsageError, match=r"1,000,000,000 points, more than 10,000,000"):
        made("a=1..1000", "b=1..1000", "c=1..1000")
    assert time.process_time() - began < 1


def test_a_billion_can_be_sampled() -> None:
    found = made("a=1..1000", "b=1..1000", "c=1..1000000000000000000000", sample=3)

    assert 3 == len(found)


def test_a_table_is_a_row_a_point(tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text('lr,name\n0.10,"a,b"\n0.2,c\n')

    assert [
        {"lr": "0.10", "name": "a,b", "seed": "0"},
        {"lr": "0.2", "name": "c", "seed": "0"},
    ] == made(f"@{table}", "seed=0")


def test_tables_of_json_and_sheets(tmp_path: Path) -> None:
    import openpyxl

    lines = tmp_path / "points.jsonl"
    lines.write_text('{"lr": 0.1, "fast": true}\n\n{"lr": 1e-5, "fast": false}\n')
    book = openpyxl.Workbook()
    for row in (("lr", "epochs"), (0.1, 3), (0.2, 4)):
        book.worksheets[0].append(row)
    book.save(tmp_path / "points.xlsx")

    assert [{"lr": "0.1", "fast": "true"}, {"lr": "1e-05", "fast": "false"}] == made(f"@{lines}")
    assert [{"lr": "0.1", "epochs": "3"}, {"lr": "0.2", "epochs": "4"}] == made(
        f"@{tmp_path}/points.xlsx"
    )


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("p.csv", "lr,seed\n0.1,1\n0.2\n", "line 3: no value for seed"),
        ("p.csv", "lr,seed\n0.1,\n", "line 2: no value for seed"),
        ("p.csv", "lr,seed\n0.1,1,2\n", "3 values for 2 columns"),
        ("p.csv", "lr,lr\n0.1,1\n", "its columns are"),
        ("p.csv", "lr\n", "has no rows"),
        ("p.csv", "", "its columns|has no rows"),
        ("p.csv", "l r\n1\n", "cannot be a name"),
        ("p.jsonl", '{"lr": 1}\n{"seed": 1}\n', "line 1: no value for seed"),
        ("p.jsonl", '{"lr": 1}\n{"lr": \n', "line 2 is no JSON"),
        ("p.jsonl", "[1]\n", "no JSON object"),
        ("p.jsonl", '{"lr": [1]}\n', r"lr is \[1\]"),
        ("p.txt", "lr\n1\n", "cannot read the table"),
        ("p.xlsx", "no book", "cannot read the table"),
    ],
)
def test_what_a_table_lacks_is_named(tmp_path: Path, name: str, content: str, what: str) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(UsageError, match=what):
        made(f"@{tmp_path / name}")


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="No such file"):
        made("@nowhere.csv")


def test_a_name_can_be_given_once() -> None:
    with pytest.raises(UsageError, match="given twice"):
        made("lr=1", "lr=2")


def test_a_file_says_the_same_as_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(
        "# why this sweep\n"
        "command: python train.py --lr {lr}\n"
        "parameters:\n"
        "  lr: [0.10, 1e-3]\n"
        "  seed: 0..4\n"
        "  name: ['a,b', \"it's\", c d]\n"
        "  a,b: [[1, x], [2, y]]\n"
        "exclude: lr > 0.1\n"
        "fail-fast: true\n"
        "tag: [one, two]\n"
    )
    told = document.read(str(path))

    assert ["python", "train.py", "--lr", "{lr}"] == told.command
    assert {"exclude": "lr > 0.1", "fail-fast": "true", "tag": ["one", "two"]} == told.options
    axes = read_axes(told.parameters)
    assert [("0.10",), ("1e-3",)] == list(axes[0].values)
    assert 5 == len(axes[1].values)
    assert [("a,b",), ("it's",), ("c d",)] == list(axes[2].values)
    assert [("1", "x"), ("2", "y")] == list(axes[3].values)


@pytest.mark.parametrize(
    "content",
    ["- a list\n", "lr: [1\n", "parameters: [1]\n", "parameters: {lr: {a: 1}}\n", "sample: {a: 1}\n",
     "command: 'a \"b'\n", "command: [[1]]\n"],
)  # fmt: skip
def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(content)

    with pytest.raises(UsageError, match=r"sweep\.yaml"):
        document.read(str(path))
