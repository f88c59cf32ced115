"""What doctor says of records that are not whole."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from meticulous.query.rows import read_row
from meticulous.runfolder import RunFolder, health


@pytest.mark.parametrize("state", ["SUCCESS", "ERROR"])
@pytest.mark.parametrize(
    ("stdout", "stderr", "named"),
    [
        ("said\n", "", []),
        ("", "", ["stdout has 0 bytes, and had 5"]),
        (None, "", ["stdout has 0 bytes, and had 5"]),
        ("sa", "x", ["stdout has 2 bytes, and had 5", "stderr has 1 bytes, and had 0"]),
    ],
)
def test_a_stream_that_is_not_as_long_as_it_was_is_named(
    state: str, stdout: str | None, stderr: str, named: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "1"
    run.mkdir()
    (run / "STATUS").write_text(f"{state}\n")
    sizes = {"format": 1, "bytes": {"stdout": 5, "stderr": 0}}
    (run / "metadata.json").write_text(json.dumps(sizes))
    (run / "stderr").write_text(stderr)
    if stdout is not None:
        (run / "stdout").write_text(stdout)

    found = [one.what for one in health.examine(str(tmp_path)) if one.kind == "shortened"]

    assert [what.partition(" when")[0] for what in found] == named
    row = read_row(RunFolder(str(run)))
    assert row is not None
    expected = "; ".join(found) if state == "SUCCESS" else ""
    assert expected == row["status_message"]


def _older(path: Path) -> None:
    os.utime(path, (time.time() - 100,) * 2)


@pytest.mark.parametrize(
    "names",
    [[], ["uncommitted.patch"], ["uncommitted.patch", "uncommitted.1.patch"], ["STATUS.7-9.tmp"]],
)
def test_a_run_that_was_killed_before_its_metadata_is_half_made(
    names: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "1"
    run.mkdir()
    for name in names:
        (run / name).write_text("x")
    _older(run)

    (found,) = [one for one in health.examine(str(tmp_path)) if one.run]

    assert "half-made" == found.kind
    assert "its recorder was killed while it was made" in found.what
    assert found.mend and "removed the folder" == found.mend()
    assert not run.exists()


def test_a_folder_with_something_else_is_foreign_and_stays(tmp_path: Path) -> None:
    run = tmp_path / "1"
    run.mkdir()
    for name in ("uncommitted.patch", "letter.txt"):
        (run / name).write_text("x")
    _older(run)

    (found,) = [one for one in health.examine(str(tmp_path)) if one.run]

    assert ("foreign", None) == (found.kind, found.mend)


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    run = tmp_path / "1"
    run.mkdir()
    (run / "STATUS").write_text("SUCCESS\n")
    (run / "metadata.json").write_text('{"format": 1}')
    names = {"STATUS.7.tmp", "metadata.json.7-8.tmp"}
    for name in names:
        (run / name).write_text("x")
        _older(run / name)

    found = [one for one in health.examine(str(tmp_path)) if one.kind == "leftover"]

    assert names == {one.what.partition(" ")[0] for one in found}
    assert {"removed it"} == {one.mend() for one in found if one.mend}
    assert {"STATUS", "metadata.json"} == {path.name for path in run.iterdir()}
