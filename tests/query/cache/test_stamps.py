"""A run that is over is seen again when it changes after all."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from meticulous.errors import RunFolderError
from meticulous.query.cache import stamps, sync
from tests.conftest import meticulous, only_run

AFTER = {
    "a summary from the shell": ["summary", "late=1"],
    "a summary that overrides": ["summary", "loss=0.1", "late=1"],
}


@pytest.fixture
def settled(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the store of a run that the index takes to be settled."""
    monkeypatch.setattr(stamps, "MARGIN_S", 0.05)
    done = meticulous("run", "-q", "--", *FAILING, cwd=repository)
    assert done.returncode == 1
    store = repository / "experiments"
    until(lambda: rows(store)[0]["status"] == "ERROR" and rows(store)[0]["expid"] == 1)
    until(lambda: stamps.directory_stamp(str(store)) is not None)
    rows(store)
    return store


FAILING = ["sh", "-c", "exit 1"]


def _fail(error: RunFolderError) -> None:
    pytest.fail(str(error))


def rows(store: Path) -> list[dict[str, object]]:
    return sync.ask(str(store), lambda runs: runs.select(), _fail)


def until(holds: object) -> None:
    deadline = time.monotonic() + 30
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline


@pytest.mark.parametrize("kind", AFTER)
def test_a_result_that_is_added_after_the_end_is_seen(
    kind: str, settled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METICULOUS_RUN_DIR", str(settled / "1"))
    assert meticulous(*AFTER[kind], cwd=settled).returncode == 0

    assert rows(settled)[0]["summary_late"] == 1


def test_a_tag_and_a_note_are_seen(settled: Path) -> None:
    assert meticulous("tag", "1", "+good", cwd=settled.parent).returncode == 0

    assert rows(settled)[0]["tags"] == "good"


def test_another_attempt_of_a_settled_run_is_seen(settled: Path) -> None:
    words = ["run", "-q", "--resume", "--experiment-id", "1", "--", *FAILING]
    assert meticulous(*words, cwd=settled.parent).returncode == 1

    (row,) = rows(settled)
    assert len(row["metadata_attempts"]) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("late", ["stdout", "stderr", "timeline"])
def test_a_copy_that_is_under_way_is_not_settled(late: str, settled: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(settled / "1", copy / "1")
    (copy / "1" / late).unlink()
    until(lambda: stamps.directory_stamp(str(copy)) is not None)
    until(lambda: stamps.folder_stamp(str(copy / "1"))[1])
    rows(copy)
    (copy / "1" / "summary.json").write_text('{"late": 1}')
    shutil.copy(settled / "1" / late, copy / "1" / late)

    assert rows(copy)[0]["summary_late"] == 1
    assert os.path.samefile(only_run(settled.parent).path, settled / "1")
