"""What is exported is read back by what it is for, whatever the texts of one run are."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from meticulous.views import export

TEXTS = [
    "a\rb", "a\nb", "a\r\nb", "=1+1", "+1", "@x", "\x1b[31mred", "\x00", "tab\there", "caf\udce9",
    '"quoted", too', "[1]", "\\", "#hash & 50% _x_ {y}", "\u202eright", "", "\ufffe",
]  # fmt: skip
ROWS = [{"expid": 1, "args_v": text, "summary_x": 0.5} for text in TEXTS]
NAMES = ["args_v", "summary_x"]


def exported(ending: str, tmp_path: Path, rows: list[dict[str, object]] = ROWS) -> Path:
    path = tmp_path / f"out.{ending}"
    export.write(str(path), rows, NAMES, note="in all rows: prompt=one\ntwo & three")
    return path


def plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def test_csv_is_read_back_by_its_module_and_pandas(tmp_path: Path) -> None:
    path = exported("csv", tmp_path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == [plain(text) for text in TEXTS]
    frame = pd.read_csv(path, keep_default_na=False)
    assert len(frame) == len(TEXTS)
    assert set(frame["summary_x"]) == {0.5}


def test_a_sheet_holds_texts_and_no_formulas(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(exported("xlsx", tmp_path)).active
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}  # and no f
    assert cells[3].value == "=1+1"
    assert cells[6].value == "\\x1b[31mred"
    assert len(cells) == len(TEXTS)


@pytest.mark.parametrize("ending", ["parquet", "pd", "html", "json", "md"])
def test_the_others_take_them_all(ending: str, tmp_path: Path) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    content = exported(ending, tmp_path).read_bytes()
    if ending == "parquet":
        assert list(pd.read_parquet(io.BytesIO(content))["args_v"]) == [plain(t) for t in TEXTS]
    elif ending == "pd":
        assert list(pd.read_pickle(io.BytesIO(content))["args_v"]) == [plain(t) for t in TEXTS]
    else:
        content.decode("utf-8")
        assert b"caf\\udce9" in content.replace(b"\\\\", b"\\")


def test_latex_takes_the_table(tmp_path: Path) -> None:
    printable: list[dict[str, object]] = [row for row in ROWS if str(row["args_v"]).isprintable()]
    table = exported("tex", tmp_path, printable)
    before = table.read_text().split("\\begin{tabular}")[0]
    assert all(line.startswith("%") for line in before.splitlines() if line)
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("LaTeX is not installed")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        "\\input{out.tex}\n\\end{document}\n"
    )
    done = subprocess.run(
        [latex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()[-2000:]
