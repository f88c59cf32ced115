"""What belongs to a store has its mode, whatever the umask of who makes it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous.runfolder import HIGHEST_ID, TRASH, directory, trash


@pytest.fixture(params=[0o022, 0o077, 0o000])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set this umask while the test runs."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("mode", [0o2775, 0o3777, 0o770, 0o700])
def test_trash_and_highest_id_are_as_accessible_as_the_store(
    mode: int, umask: int, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    store.chmod(mode)

    directory.create(str(store), "1")
    trash.remove(str(store), "1")

    assert stat.S_IMODE((store / TRASH).stat().st_mode) == mode
    assert stat.S_IMODE((store / HIGHEST_ID).stat().st_mode) == mode & 0o666
    assert stat.S_IMODE((store / ".gitignore").stat().st_mode) == mode & 0o666
    assert os.listdir(store / TRASH) == ["1"]


def test_what_was_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / TRASH).mkdir(mode=0o700)
    tmp_path.chmod(0o777)

    trash.remove(str(tmp_path), "1")

    assert stat.S_IMODE((tmp_path / TRASH).stat().st_mode) == 0o700


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a directory that other users can enter; those of pytest are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be other users")
def test_in_a_store_with_the_sticky_bit_the_highest_id_is_written_by_everyone(
    public: Path,
) -> None:
    store = public / "store"
    store.mkdir()
    store.chmod(0o1777)
    for user, number in ((2001, 1), (2002, 2)):
        child = os.fork()
        if child == 0:
            os.setgid(2000)
            os.setuid(user)
            os.umask(0o077)
            try:
                directory.create(str(store))
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert directory.noted_highest(str(store)) == number
