"""Each export, read back, equals the table."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from meticulous.errors import MeticulousError, UsageError
from meticulous.query.rows import Row
from meticulous.views import export

ROWS: list[Row] = [
    {"expid": 1, "args_lr": 0.1 + 0.2, "args_name": 'a,"b"\nü', "summary_loss": 1.5},
    {"expid": 2, "args_lr": 1e-9, "args_name": "x & y_z | 50%", "args_deep": {"a": [1]}},
    {"expid": 3, "args_lr": 3.0, "args_name": "", "summary_loss": math.inf, "args_deep": "t"},
]
NAMES = ["expid", "args_lr", "args_name", "summary_loss", "args_deep"]


@pytest.fixture
def written(tmp_path: Path):
    def write(ending: str) -> Path:
        path = tmp_path / f"with space.{ending}"
        export.write(str(path), ROWS, NAMES)
        return path

    return write


def test_csv(written) -> None:
    path = written("csv")
    frame = pd.read_csv(path, keep_default_na=False, na_values={"summary_loss": [""]})

    assert NAMES == list(frame.columns)
    with path.open(newline="") as file:  # older pandas reads the last digit inexactly
        assert [row["args_lr"] for row in ROWS] == [
            float(r["args_lr"]) for r in csv.DictReader(file)
        ]
    assert [row["args_name"] for row in ROWS] == list(frame["args_name"])
    assert ["", '{"a": [1]}', "t"] == list(frame["args_deep"])
    assert math.isnan(frame["summary_loss"][1])
    assert math.inf == frame["summary_loss"][2]


def test_json(written) -> None:
    expected = [{name: row.get(name) for name in NAMES} for row in ROWS]
    expected[2]["summary_loss"] = "Infinity"  # strict JSON has no word for it

    assert expected == json.loads(written("json").read_bytes())


@pytest.mark.parametrize(("ending", "read"), [("pd", pd.read_pickle), ("parquet", pd.read_parquet)])
def test_frames(written, ending, read) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    frame = read(written(ending))

    assert NAMES == list(frame.columns)
    for name in ("expid", "args_lr", "args_name"):
        assert [row[name] for row in ROWS] == list(frame[name])
    deep = {"a": [1]} if ending == "pd" else '{"a": [1]}'
    assert [deep, "t"] == list(frame["args_deep"])[1:]
    assert [1.5, math.inf] == [frame["summary_loss"][0], frame["summary_loss"][2]]


def test_xlsx(written) -> None:
    pytest.importorskip("openpyxl")
    frame = pd.read_excel(written("xlsx"))

    assert NAMES == list(frame.columns)
    assert [row["args_lr"] for row in ROWS] == pytest.approx(list(frame["args_lr"]), rel=1e-15)


def test_html(written) -> None:
    pytest.importorskip("lxml")
    (frame,) = pd.read_html(io.StringIO(written("html").read_text()), keep_default_na=False)

    assert NAMES == list(frame.columns)
    assert [1, 2, 3] == list(frame["expid"])
    assert "x & y_z | 50%" == frame["args_name"][1]


def test_markdown(written) -> None:
    header, _, *lines = written("md").read_text().splitlines()
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]

    assert NAMES == [cell.strip() for cell in header.split("|")[1:-1]]
    assert ["1", "0.3", 'a,"b"\\\\nü', "1.5", ""] == cells[0]
    assert ["2", "1e-09", "x & y_z \\| 50%", "", '{"a": [1]}'] == cells[1]


def test_latex(written) -> None:
    lines = written("tex").read_text().splitlines()
    cells = [line.removesuffix(r"\\").strip() for line in lines]

    assert [r"\begin{tabular}{rrlrl}", r"\toprule"] == lines[:2]
    assert r"\bottomrule" == lines[-2]
    assert re.search(r"2 & +1e-09 & x \\& y\\_z \| 50\\% ", cells[5])


def test_an_unknown_ending_is_refused_with_those_that_are_known() -> None:
    for path in ("table", "table.txt", ".csv"):
        with pytest.raises(UsageError, match=r"Use one of \.csv"):
            export.check(path)


def test_an_export_that_cannot_be_written_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(MeticulousError, match="cannot write"):
        export.write(str(tmp_path / "missing" / "t.csv"), ROWS, NAMES)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(MeticulousError, match="cannot write"):
        export.write(str(tmp_path / "folder.csv"), ROWS, NAMES)

    assert ["folder.csv"] == os.listdir(tmp_path)


@pytest.mark.parametrize("ending", export.ENDINGS)
def test_an_empty_table_can_be_exported(tmp_path: Path, ending: str) -> None:
    if ending in ("parquet", "xlsx"):
        pytest.importorskip({"parquet": "pyarrow", "xlsx": "openpyxl"}[ending])
    path = tmp_path / f"t.{ending}"

    export.write(str(path), [], ["expid", "args_lr"])

    assert path.stat().st_size
