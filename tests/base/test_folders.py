"""Folders that are deeper than Python's own functions can go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous.base.folders import make_folder, remove_folder, walk
from tests.conftest import meticulous

DEPTH = 1200


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory that is removed again: pytest could not."""
    place = tmp_path / "place"
    place.mkdir()
    yield place
    remove_folder(str(place))


@pytest.fixture
def deep(place: Path) -> Path:
    """A folder of many levels, with a file at the top, in the middle and at the bottom."""
    top = place / "top"
    make_folder(os.path.join(top, *["d"] * DEPTH))
    for depth in (0, 600, DEPTH):
        Path(top, *["d"] * depth, "file").write_text("x")
    yield Path(top)
    if os.path.exists(top):
        remove_folder(str(top))  # pytest cannot


def test_a_deep_folder_is_walked_through(deep: Path) -> None:
    found = list(walk(str(deep)))

    assert DEPTH + 1 == len(found)
    assert 3 == sum(len(names) for _, _, names in found)


def test_walking_is_that_of_the_library(tmp_path: Path) -> None:
    for name in ("a/b/c", "a/d", "e"):
        make_folder(str(tmp_path / name))
    (tmp_path / "a" / "file").write_text("x")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "nowhere").symlink_to("nothing")

    def sorted_(walked: object) -> list[tuple[str, list[str], list[str]]]:
        return sorted((top, sorted(folders), sorted(names)) for top, folders, names in walked)  # type: ignore[attr-defined]

    assert sorted_(os.walk(tmp_path)) == sorted_(walk(str(tmp_path)))


def test_a_deep_folder_is_removed_and_no_link_in_it_followed(deep: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("kept")
    Path(deep, *["d"] * 700, "link").symlink_to(other)

    remove_folder(str(deep))

    assert not deep.exists()
    assert "kept" == (other / "file").read_text()


def test_what_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        remove_folder(str(tmp_path / "nothing"))
    remove_folder(str(tmp_path / "nothing"), ignore_errors=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        remove_folder(str(tmp_path / "file"))
    with pytest.raises(FileExistsError):
        make_folder(str(tmp_path / "file"))


def test_every_command_takes_a_deep_run(place: Path) -> None:
    assert 0 == meticulous("run", "-q", "--no-git", "--", "true", cwd=place).returncode
    folder = place / "experiments" / "1"
    make_folder(os.path.join(folder, *["d"] * DEPTH))
    Path(folder, *["d"] * DEPTH, "file").write_text("x")

    for words in (
        ("show", "1"),
        ("verify", "1", "1"),
        ("export", "1", "a/"),
        ("rm", "-y", "last"),
        ("import", "a"),
        ("rm", "-y", "last"),
        ("purge", "-y"),
    ):
        done = meticulous(*words, cwd=place)
        assert (words, 0, 0) == (words, done.returncode, done.stderr.count(b"Traceback"))
    assert not list((place / "experiments").glob("[0-9]*"))
    remove_folder(str(place / "a"))  # pytest cannot
