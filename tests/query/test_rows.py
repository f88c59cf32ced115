"""Folders to rows: what is in a row, and what happens to folders that are odd."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from meticulous.errors import RunFolderError
from meticulous.query import rows as reading
from meticulous.runfolder import RunFolder
from tests.asking_support import make_run


def test_a_row_has_the_header_and_every_name_of_the_files(tmp_path: Path) -> None:
    folder = make_run(
        tmp_path, 12, {"lr": 0.1}, {"loss": 2}, default_args={"lr": 1}, tags=["a", "b"], host="box"
    )

    row = reading.read_row(folder)

    assert row is not None
    assert {
        "expid": 12,
        "sha": "970d8ad001f5d42a9ecaa5e3791765d65e02292a",
        "start_time": "2026-01-05T09:12:00.000000+00:00",
        "end_time": "2026-01-05T09:12:12.500000+00:00",
        "duration": 12.5,
        "status": "SUCCESS",
        "status_message": "",
        "description": "",
        "tags": "a,b",
        "args_lr": 0.1,
        "default_args_lr": 1,
        "summary_loss": 2,
        "metadata_host": "box",
    }.items() <= row.items()


def test_a_folder_of_the_original_system_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    __import__("time").tzset()
    folder = tmp_path / "1"
    folder.mkdir()
    metadata = {
        "githead-sha": "970d8ad",
        "githead-message": "m\n",
        "description": "",
        "timestamp": "2020-11-02T12:48:36.150350",
        "command": ["training_utils.py"],
    }
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "args.json").write_text('{"lr": NaN}')
    (folder / "STATUS").write_text("ERROR\nTraceback\nValueError: x")

    row = reading.read_row(RunFolder(str(folder)))

    monkeypatch.undo()
    __import__("time").tzset()
    assert row is not None
    assert "2020-11-02T03:48:36.150350+00:00" == row["start_time"]
    assert ("ERROR", "Traceback\nValueError: x") == (row["status"], row["status_message"])
    assert math.isnan(row["args_lr"])
    assert ["training_utils.py"] == row["metadata_command"]


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_has_no_word_for_come_back(tmp_path: Path, name: str) -> None:
    folder = make_run(tmp_path, 1, {"x": float(name)}, {"deep": [{"y": float(name)}]})

    row = reading.read_row(folder)

    assert row is not None
    assert repr(float(name)) == repr(row["args_x"]) == repr(row["summary_deep"][0]["y"])


def test_a_folder_with_neither_status_nor_metadata_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "args.json").write_text("{}")

    assert None is reading.read_row(RunFolder(str(tmp_path / "plots")))


def test_a_run_that_cannot_be_read_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    make_run(tmp_path, 1)
    broken = make_run(tmp_path, 2)
    Path(broken.path, "args.json").write_text("{")
    newer = make_run(tmp_path, 3, format=99)
    reported: list[str] = []

    rows = list(
        reading.iterate_rows(
            str(tmp_path), reading.list_ids(str(tmp_path)), lambda e: reported.append(str(e))
        )
    )

    assert [1] == [row["expid"] for row in rows]
    assert broken.path in reported[0]
    assert newer.path in reported[1]
    assert "format 99" in reported[1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no experiments directory"),
        (lambda path: path.write_text(""), "is a file"),
    ],
)
def test_what_is_no_experiments_directory_is_named(tmp_path, make, message) -> None:
    path = tmp_path / "experiments"
    make(path)

    with pytest.raises(RunFolderError, match=message):
        reading.list_ids(str(path))


def test_flattening_opens_nested_values_up_to_the_level_asked() -> None:
    row = {"args_m": {"a": {"b": 1}, "c": [1]}, "args_n": {}}

    assert row == reading.flatten(row, 0)
    assert {"args_m.a": {"b": 1}, "args_m.c": [1], "args_n": {}} == reading.flatten(row, 1)
    assert {"args_m.a.b": 1, "args_m.c": [1], "args_n": {}} == reading.flatten(row, 9)


@pytest.mark.parametrize(
    ("name", "expid"), [("12", 12), ("0", 0), ("007", "007"), ("-1", "-1"), ("²", "²"), ("a", "a")]
)
def test_an_id_is_a_number_where_it_is_written_as_we_write_them(name, expid) -> None:
    assert expid == reading.identifier(name)


def test_a_time_that_is_none_is_missing_not_an_error(tmp_path: Path) -> None:
    folder = make_run(tmp_path, 1, start_time="yesterday", end_time=5, usage={})

    row = reading.read_row(folder)

    assert row is not None
    assert (None, None, None) == (row["start_time"], row["end_time"], row["duration"])


def test_names_of_folders_need_not_be_text(tmp_path: Path) -> None:
    folder = make_run(tmp_path, os.fsdecode(b"caf\xe9"))

    row = reading.read_row(folder)

    assert row is not None
    assert os.fsdecode(b"caf\xe9") == row["expid"]
