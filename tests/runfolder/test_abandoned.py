"""What a killed export, import or rerun leaves behind is found and removed, and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from meticulous.runfolder import abandoned


@pytest.fixture
def gone() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an experiments directory; the directory for temporary files is the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(abandoned, "_last_change", lambda path: os.lstat(path).st_mtime)
    for name in ("tmp", "experiments"):
        (tmp_path / name).mkdir()
    return tmp_path / "experiments"


def make(path: Path, age_s: float = 7200.0) -> Path:
    """Make a folder with a file that is `age_s` old."""
    path.mkdir()
    (path / "file").write_text("x")
    moment = path.stat().st_mtime - age_s
    os.utime(path, (moment, moment))
    return path


def test_folders_of_processes_that_are_gone_are_found_and_removed(store: Path, gone: int) -> None:
    top = store.parent
    left = [
        make(store / ".import-abcd_123", 90_000),
        make(top / f".out.zip.{gone}-abcd_123"),
        make(top / f".a folder.{gone}-abcd_123"),
        make(top / "tmp" / f"meticulous-rerun-{gone}-abcd_123"),
    ]

    found = list(abandoned.folders(str(store)))

    assert sorted(found) == sorted(map(str, left))
    assert [abandoned.remove(path) for path in found] == ["removed it"] * 4
    assert not any(path.exists() for path in left)


def test_what_may_be_in_use_or_is_not_ours_stays(store: Path, gone: int) -> None:
    top = store.parent
    make(store / ".import-abcd_123", 7200)
    make(top / f".out.zip.{os.getpid()}-abcd_123")
    make(top / f".new.zip.{gone}-abcd_123", 5)
    make(top / f"out.zip.{gone}-abcd_123")
    make(top / ".config")
    make(top / "tmp" / f"rerun-{gone}-abcd_123")
    (top / f".link.zip.{gone}-abcd_123").symlink_to(make(top / "photos"))

    assert list(abandoned.folders(str(store))) == []
