"""What is half made is gone in the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meticulous.archive.temporary import temporary_folder


def test_an_interrupt_as_soon_as_it_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    mkdir = os.mkdir

    def interrupted(path: str, mode: int) -> None:
        mkdir(path, mode)
        made.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "mkdir", interrupted)

    with pytest.raises(KeyboardInterrupt), temporary_folder(str(tmp_path), ".x-"):
        pass

    assert 1 == len(made)
    assert [] == os.listdir(tmp_path)


def test_a_folder_of_somebody_else_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda size: b"\0" * size)
    (tmp_path / ".x-00000000").mkdir()

    with pytest.raises(FileExistsError), temporary_folder(str(tmp_path), ".x-"):
        pass

    assert [".x-00000000"] == os.listdir(tmp_path)


def test_it_is_removed_with_what_is_in_it(tmp_path: Path) -> None:
    with temporary_folder(str(tmp_path), ".x-") as folder:
        Path(folder, "file").write_text("x")
        assert 0o700 == os.stat(folder).st_mode & 0o777

    assert [] == os.listdir(tmp_path)
