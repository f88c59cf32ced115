"""Nothing is read but files, and nothing is written or deleted through a link."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from meticulous.errors import RunFolderError
from meticulous.runfolder import RunFolder, files, trash
from meticulous.runfolder.directory import check_id, create, run_ids
from tests.conftest import meticulous

FAILING = ["sh", "-c", "echo said; echo said >&2; exit 1"]


def put(kind: str, path: Path, outside: Path) -> None:
    """Put something that is no file of its own at `path`."""
    path.unlink(missing_ok=True)
    if kind == "link to a file":
        path.symlink_to(outside)
    elif kind == "hard link":
        path.hardlink_to(outside)
    elif kind == "dangling link":
        path.symlink_to(outside.parent / "new")
    elif kind == "named pipe":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(path.parent)  # the name of a socket is short
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(path.name)
        finally:
            os.chdir(here)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


KINDS = ["link to a file", "hard link", "dangling link", "named pipe", "socket", "device", "folder"]


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_file_of_its_own_is_opened_for_writing(kind: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("settings")
    path = tmp_path / "stdout"
    put(kind, path, outside)

    with pytest.raises(OSError, match=".") as caught:
        files.open_to_write(str(path), os.O_TRUNC)

    assert caught.value.strerror
    assert outside.read_text() == "settings"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["named pipe", "socket", "device", "folder", "dangling link"])
def test_only_files_are_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "metadata.json"
    put(kind, path, tmp_path / "outside")

    if kind == "dangling link":
        assert RunFolder(str(tmp_path)).read_json("metadata.json") == {}
        return
    with pytest.raises(RunFolderError, match=r"metadata\.json"):
        RunFolder(str(tmp_path)).read_json("metadata.json")


def test_a_file_larger_than_any_of_ours_is_not_parsed(tmp_path: Path) -> None:
    with (tmp_path / "args.json").open("wb") as file:
        file.truncate(files.LARGEST_RECORD + 1)

    with pytest.raises(RunFolderError, match="larger than 64 MiB"):
        RunFolder(str(tmp_path)).read_json("args.json")


@pytest.mark.parametrize("kind", ["link to a file", "hard link", "named pipe", "device", "folder"])
@pytest.mark.parametrize("name", ["stdout", "timeline", "summary.json", "resources.jsonl"])
def test_a_run_is_not_resumed_into_what_is_not_its_own(
    kind: str, name: str, repository: Path, tmp_path: Path
) -> None:
    assert meticulous("run", "-q", "--", *FAILING, cwd=repository).returncode == 1
    outside = tmp_path / "outside"
    outside.write_text("settings")
    put(kind, repository / "experiments" / "1" / name, outside)

    done = meticulous(
        "run", "-q", "--resume", "--experiment-id", "1", "--", *FAILING, cwd=repository
    )

    assert done.returncode == 125
    assert name.encode() in done.stderr
    assert b"Traceback" not in done.stderr
    assert outside.read_text() == "settings"


@pytest.mark.parametrize("name", ["reports", "config", "ranks"])
def test_nothing_is_emptied_or_filled_behind_a_linked_folder(
    name: str, repository: Path, tmp_path: Path
) -> None:
    assert meticulous("run", "-q", "--", *FAILING, cwd=repository).returncode == 1
    outside = tmp_path / "thesis"
    outside.mkdir()
    (outside / "chapter.tex").write_text("chapter")
    place = repository / "experiments" / "1" / name
    if place.is_dir():
        place.rmdir()
    place.symlink_to(outside)

    meticulous("run", "-q", "--resume", "--", *FAILING, cwd=repository)

    assert [path.name for path in outside.iterdir()] == ["chapter.tex"]


def test_a_linked_trash_is_nobodys(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    (precious / "photos").mkdir(parents=True)
    store = tmp_path / "experiments"
    run = create(str(store))
    (store / ".trash").symlink_to(precious)

    assert trash.removed(str(store)) == []
    with pytest.raises(RunFolderError, match="link"):
        trash.remove(str(store), run.id)
    assert run_ids(str(store)) == [run.id]
    assert [path.name for path in precious.iterdir()] == ["photos"]


@pytest.mark.parametrize("digits", [19, 33, 64, 255])
def test_ids_of_many_digits_hold_nobody_up(digits: int, tmp_path: Path) -> None:
    name = "9" * digits
    check_id(name)
    assert create(str(tmp_path), name).id == name

    assert create(str(tmp_path)).id == "1"
    assert run_ids(str(tmp_path)) == ["1", name]


def test_after_the_highest_number_there_is_none(tmp_path: Path) -> None:
    create(str(tmp_path), "9" * 18)

    with pytest.raises(RunFolderError, match="no number after"):
        create(str(tmp_path))
    assert create(str(tmp_path), "named").id == "named"


def test_other_names_of_a_run_are_no_runs(tmp_path: Path) -> None:
    store, other = tmp_path / "experiments", tmp_path / "elsewhere"
    for _ in range(2):
        create(str(store))
    other.mkdir()
    for name, target in {
        "latest": "2", "self": "self", "a": "b", "b": "a", "gone": "9", "moved": str(other),
        "up": "../experiments/1",
    }.items():  # fmt: skip
        (store / name).symlink_to(target)

    assert run_ids(str(store)) == ["1", "2", "moved"]
