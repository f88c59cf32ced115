"""What a link in a run folder leads to is no part of the run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meticulous.reproduce.patch import read_patch
from meticulous.runfolder import RunFolder


def test_a_patch_is_read(tmp_path: Path) -> None:
    (tmp_path / "uncommitted.patch").write_bytes(b"diff")

    assert b"diff" == read_patch(RunFolder(str(tmp_path)), "uncommitted.patch")


@pytest.mark.parametrize("target", ["outside", "missing", "uncommitted.patch"])
def test_a_patch_that_is_a_link_is_missing(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").write_text("precious")
    os.symlink(target, tmp_path / "uncommitted.patch")

    with pytest.raises(FileNotFoundError):
        read_patch(RunFolder(str(tmp_path)), "uncommitted.patch")


def test_a_patch_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "uncommitted.patch")

    with pytest.raises(OSError, match="."):
        read_patch(RunFolder(str(tmp_path)), "uncommitted.patch")
