"""A store that several share: what we make there is theirs too, whatever our umask is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous.errors import RunFolderError
from meticulous.query.cache import sqlite_file
from meticulous.runfolder import HIGHEST_ID, TRASH, RunFolder
from meticulous.runfolder.directory import create
from meticulous.runfolder.trash import remove, removed, restore


@pytest.fixture(params=[0o022, 0o077, 0o027])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("mode", [0o2775, 0o775, 0o1777, 0o700])
def test_what_is_made_for_all_has_the_rights_of_the_store(
    mode: int, umask: int, tmp_path: Path
) -> None:
    store = tmp_path / "experiments"
    store.mkdir()
    store.chmod(mode)

    run = create(str(store))
    remove(str(store), run.id)

    assert stat.S_IMODE((store / TRASH).stat().st_mode) == mode
    for name in (HIGHEST_ID, ".gitignore"):
        assert stat.S_IMODE((store / name).stat().st_mode) == mode & 0o666
    (gone,) = removed(str(store))
    assert restore(str(store), gone) == str(store / run.id)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give a folder to another")
def test_a_trash_that_cannot_be_read_stops_no_run(tmp_path: Path) -> None:
    store = tmp_path / "experiments"
    create(str(store))
    (store / TRASH).mkdir()
    tmp_path.chmod(0o755)
    store.chmod(0o777)
    for path in tmp_path.parents:
        if path.stat().st_uid == 0 and not path.stat().st_mode & 0o001:
            pytest.skip(f"{path} is closed to others")
    child = os.fork()
    if child == 0:
        os.seteuid(12345)
        os._exit(0 if create(str(store)).id == "2" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_defaults_that_the_original_did_not_capture_are_none(tmp_path: Path) -> None:
    (tmp_path / "default_args.json").write_text("null\n")
    (tmp_path / "args.json").write_text("null\n")

    assert RunFolder(str(tmp_path)).read_json("default_args.json") == {}
    with pytest.raises(RunFolderError, match="no JSON object"):
        RunFolder(str(tmp_path)).read_json("args.json")


@pytest.mark.parametrize("given", ["relative/cache", ".", ""])
def test_a_relative_cache_is_no_folder_of_the_project(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("METICULOUS_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    path = sqlite_file.path_for(str(tmp_path))

    assert path.startswith(str(tmp_path / "home" / ".cache"))
    monkeypatch.setenv("HOME", "~")
    assert os.path.isabs(sqlite_file.path_for(str(tmp_path)))


@pytest.mark.parametrize("kind", ["a link", "open to all"])
def test_a_cache_for_all_to_write_in_is_not_trusted(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    place = tmp_path / "meticulous-1"
    if kind == "a link":
        (tmp_path / "other").mkdir()
        place.symlink_to("other")
    else:
        place.mkdir()
        place.chmod(0o777)
    monkeypatch.setenv("METICULOUS_CACHE_DIR", str(place))

    with pytest.raises(OSError, match="another user"):
        sqlite_file.on_disk(str(tmp_path))
