"""The code of a commit in a directory of its own, and nothing of the user's touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from meticulous.errors import CodeStateError
from meticulous.git import worktree
from tests.conftest import git

needs_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")


def head(repository: Path) -> str:
    return git(repository, "rev-parse", "HEAD").strip()


def with_submodule(repository: Path, library: Path, *, nested: bool = False) -> None:
    """Return `repository` the submodule `lib`, from a new repository `library`."""
    library.mkdir()
    git(library, "init", "-q")
    (library / "code.py").write_text("one\n")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "library")
    if nested:
        with_submodule(library, library.with_name("deeper"))
    git(repository, "submodule", "--quiet", "add", str(library), "lib")
    git(repository, "submodule", "--quiet", "update", "--init", "--recursive")
    git(repository, "commit", "-q", "-m", "with a submodule")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A repository at a path that LFS bears."""
    git(tmp_path, "init", "-q", "plain")
    return tmp_path / "plain"


def with_lfs(repository: Path) -> bytes:
    """Return `repository` a file that is kept in LFS; its content."""
    git(repository, "lfs", "install", "--local", "--skip-repo")
    git(repository, "lfs", "track", "*.bin")
    content = os.urandom(3000)
    (repository / "data.bin").write_bytes(content)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "with LFS")
    return content


def test_the_commit_and_nothing_else_is_there(repository: Path, tmp_path: Path) -> None:
    first = head(repository)
    (repository / "train.py").write_text("changed\n")
    git(repository, "commit", "-q", "-a", "-m", "second")
    (repository / "new").write_text("untracked\n")
    there = tmp_path / "a b" / "there\n"

    assert [] == worktree.add(str(repository), first, str(there))

    assert [".git", "train.py"] == sorted(os.listdir(there))
    assert "print('hello')\n" == (there / "train.py").read_text()
    assert first == head(there)
    assert "" == git(there, "status", "--porcelain")

    worktree.remove(str(repository), str(there))
    assert not there.exists()
    assert not (repository / ".git" / "worktrees").exists()


def test_no_hook_runs_and_no_reflog_or_ref_is_written(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "core.logAllRefUpdates", "always")
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        hook = repository / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\necho {name} >> '{tmp_path}/hooks'\n")
        hook.chmod(0o755)
    own = repository / ".git"
    before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}

    worktree.add(str(repository), head(repository), str(tmp_path / "there"))

    assert not (tmp_path / "hooks").exists()
    assert not list((own / "worktrees").rglob("logs"))
    worktree.remove(str(repository), str(tmp_path / "there"))
    assert before == {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}


def test_submodules_come_along_from_what_is_here(repository: Path, tmp_path: Path) -> None:
    with_submodule(repository, tmp_path / "library", nested=True)
    for origin in ("library", "deeper"):
        shutil.rmtree(tmp_path / origin)  # nothing is fetched
    there = tmp_path / "there"

    assert [] == worktree.add(str(repository), head(repository), str(there))

    assert "one\n" == (there / "lib" / "lib" / "code.py").read_text()
    assert "" == git(there, "status", "--porcelain", "--ignore-submodules=none")
    (there / "lib" / "lib" / "code.py").write_text("changed\n")
    with pytest.raises(CodeStateError, match="holds what is nowhere else: lib"):
        worktree.remove(str(repository), str(there))
    worktree.remove(str(repository), str(there), force=True)
    assert not there.exists()
    assert not list((repository / ".git").rglob("worktrees"))
    assert "" == git(repository, "status", "--porcelain")


def test_a_submodule_that_is_not_checked_out_comes_from_its_folder(
    repository: Path, tmp_path: Path
) -> None:
    with_submodule(repository, tmp_path / "library")
    git(repository, "submodule", "--quiet", "deinit", "-f", "lib")

    assert [] == worktree.add(str(repository), head(repository), str(tmp_path / "one"))
    assert (tmp_path / "one" / "lib" / "code.py").exists()


def test_a_submodule_comes_from_its_origin_only_where_that_is_asked_for(
    repository: Path, tmp_path: Path
) -> None:
    with_submodule(repository, tmp_path / "library", nested=True)
    git(repository, "submodule", "--quiet", "deinit", "-f", "lib")
    shutil.rmtree(repository / ".git" / "modules")
    before = (repository / ".git" / "config").read_bytes()

    (warning,) = worktree.add(str(repository), head(repository), str(tmp_path / "one"))
    assert "the submodule lib is left out: its repository is not here" in warning
    assert f"git submodule update --init` there fetches it from {tmp_path}/library" in warning
    assert not list((tmp_path / "one" / "lib").iterdir())
    assert not (repository / ".git" / "modules").exists()
    worktree.remove(str(repository), str(tmp_path / "one"))

    sha = head(repository)
    assert [] == worktree.add(str(repository), sha, str(tmp_path / "two"), fetch=True)
    assert (tmp_path / "two" / "lib" / "lib" / "code.py").exists()
    worktree.remove(str(repository), str(tmp_path / "two"))

    shutil.rmtree(tmp_path / "library")
    (warning,) = worktree.add(str(repository), sha, str(tmp_path / "three"), fetch=True)
    assert "the submodule lib is left out" in warning
    assert before == (repository / ".git" / "config").read_bytes()


def test_a_commit_that_a_submodule_lacks_is_fetched_only_where_that_is_asked_for(
    repository: Path, tmp_path: Path
) -> None:
    with_submodule(repository, tmp_path / "library")
    (tmp_path / "library" / "code.py").write_text("two\n")
    git(tmp_path / "library", "commit", "-q", "-a", "-m", "second")
    newest = head(tmp_path / "library")
    git(repository, "update-index", "--cacheinfo", f"160000,{newest},lib")
    git(repository, "commit", "-q", "-m", "the second")

    (warning,) = worktree.add(str(repository), head(repository), str(tmp_path / "one"))
    assert f"lib is left out: its commit {newest[:7]} is not here" in warning

    words = (str(repository), head(repository), str(tmp_path / "two"))
    assert [] == worktree.add(*words, fetch=True)
    assert "two\n" == (tmp_path / "two" / "lib" / "code.py").read_text()


def test_a_partial_clone_fetches_only_where_that_is_asked_for(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "config", "uploadpack.allowFilter", "true")
    old = head(repository)
    (repository / "train.py").write_text("other")
    git(repository, "commit", "-q", "-a", "-m", "second")
    git(tmp_path, "clone", "-q", "--filter=blob:none", repository.as_uri(), "partial")
    there = tmp_path / "there"

    with pytest.raises(CodeStateError, match=r"partial clone, which lacks .*--fetch"):
        worktree.add(str(tmp_path / "partial"), old, str(there))
    assert not there.exists()

    assert [] == worktree.add(str(tmp_path / "partial"), old, str(there), fetch=True)
    assert "print('hello')\n" == (there / "train.py").read_text()


@pytest.mark.parametrize(
    ("origin", "url", "address"),
    [
        ("https://host.org/group/project.git", "../lib.git", "https://host.org/group/lib.git"),
        ("git@host.org:group/project", "../../other/lib", "git@host.org:other/lib"),
        ("ssh://git@host.org:22/a/b", "./c", "ssh://git@host.org:22/a/b/c"),
        ("/srv/git/project", "../lib", "/srv/git/lib"),
        ("https://host.org/a", "https://else.org/b", "https://else.org/b"),
    ],
)
def test_relative_addresses_of_submodules(
    repository: Path, origin: str, url: str, address: str
) -> None:
    from meticulous.git.submodules import _resolved

    git(repository, "remote", "add", "origin", origin)
    assert address == _resolved(str(repository), url)


@needs_lfs
def test_files_in_lfs_come_along_or_are_named(plain: Path, tmp_path: Path) -> None:
    content = with_lfs(plain)

    assert [] == worktree.add(str(plain), head(plain), str(tmp_path / "there"))
    assert content == (tmp_path / "there" / "data.bin").read_bytes()
    assert "" == git(tmp_path / "there", "status", "--porcelain")

    shutil.rmtree(plain / ".git" / "lfs")
    (warning,) = worktree.add(str(plain), head(plain), str(tmp_path / "other"))
    assert warning.startswith("kept in LFS, and its content is not here: data.bin")
    worktree.remove(str(plain), str(tmp_path / "other"))


@needs_lfs
def test_lfs_is_fetched_from_the_remote_only_where_that_is_asked_for(
    plain: Path, tmp_path: Path
) -> None:
    content = with_lfs(plain)
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(plain, "remote", "add", "origin", f"file://{tmp_path}/remote.git")
    git(plain, "push", "-q", "origin", "HEAD")
    git(plain, "lfs", "push", "--all", "origin")
    shutil.rmtree(plain / ".git" / "lfs")

    (warning,) = worktree.add(str(plain), head(plain), str(tmp_path / "not"))
    assert "its content is not here: data.bin. `git lfs pull` there fetches it" in warning
    assert not [path for path in (plain / ".git" / "lfs").rglob("*") if path.is_file()]

    assert [] == worktree.add(str(plain), head(plain), str(tmp_path / "there"), fetch=True)
    assert content == (tmp_path / "there" / "data.bin").read_bytes()


def test_a_worktree_deleted_by_hand_can_be_made_again(repository: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    worktree.add(str(repository), head(repository), str(there))
    shutil.rmtree(there)

    assert [] == worktree.add(str(repository), head(repository), str(there))
    worktree.remove(str(repository), str(there))

    git(repository, "worktree", "add", "-q", "--detach", str(there))
    shutil.rmtree(there)
    with pytest.raises(CodeStateError, match="missing but already registered"):
        worktree.add(str(repository), head(repository), str(there))


def test_what_cannot_be_is_said_and_nothing_is_left(repository: Path, tmp_path: Path) -> None:
    there = tmp_path / "new" / "there"
    with pytest.raises(CodeStateError, match=r"the commit 1{40} is not in .*git fetch REMOTE"):
        worktree.add(str(repository), "1" * 40, str(there))
    with pytest.raises(CodeStateError, match="is no git repository"):
        worktree.add(str(tmp_path / "moved"), head(repository), str(there))
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    with pytest.raises(CodeStateError, match="shallow clone.*--unshallow"):
        worktree.add(str(tmp_path / "shallow"), "1" * 40, str(there))
    assert not there.parent.exists()

    with pytest.raises(CodeStateError, match="exists already"):
        worktree.add(str(repository), head(repository), str(tmp_path))
    (repository / ".gitattributes").write_text("* filter=broken\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "attributes")
    git(repository, "config", "filter.broken.smudge", "false")
    git(repository, "config", "filter.broken.required", "true")
    with pytest.raises(CodeStateError, match="smudge filter broken failed"):
        worktree.add(str(repository), head(repository), str(there))
    assert not there.parent.exists()
    assert not (repository / ".git" / "worktrees").exists()


def test_only_what_is_ours_and_unchanged_is_removed(repository: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    git(repository, "worktree", "add", "-q", "--detach", str(there))
    for directory in (there, repository, tmp_path):
        with pytest.raises(CodeStateError, match="was not made by meticulous"):
            worktree.remove(str(repository), str(directory))
    with pytest.raises(CodeStateError, match="does not exist"):
        worktree.remove(str(repository), str(tmp_path / "nothing"))

    ours = tmp_path / "ours"
    worktree.add(str(repository), head(repository), str(ours))
    (ours / "result").write_text("new")
    with pytest.raises(CodeStateError, match="nowhere else: result.*--force"):
        worktree.remove(str(repository), str(ours))
    (ours / "result").unlink()
    git(ours, "commit", "-q", "--allow-empty", "-m", "work")
    with pytest.raises(CodeStateError, match="commits that are on no branch"):
        worktree.remove(str(repository), str(ours))
    worktree.remove(str(repository), str(ours), force=True)
    assert not ours.exists()


def test_a_worktree_of_a_worktree(repository: Path, tmp_path: Path) -> None:
    with_submodule(repository, tmp_path / "library")
    git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))

    assert [] == worktree.add(str(tmp_path / "tree"), head(repository), str(tmp_path / "there"))
    assert (tmp_path / "there" / "lib" / "code.py").exists()
    worktree.remove(str(tmp_path / "tree"), str(tmp_path / "there"))
    done = subprocess.run(["git", "status"], cwd=tmp_path / "tree", check=False)
    assert 0 == done.returncode
