"""Uncommitted code, kept: in a commit beside the user's, and as a patch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous import Experiment
from meticulous.errors import CodeStateError
from meticulous.git import Snapshot, capture, snapshot, worktree
from meticulous.git.selection import NAMED_LIMIT, Limits, grouped, is_secret
from meticulous.runfolder import RunFolder
from tests.conftest import git, meticulous, only_run, runs_of
from tests.git.test_worktree import head, needs_lfs, plain, with_lfs, with_submodule

__all__ = ["plain"]

PREFIX = "refs/meticulous/"


def taken(repository: Path, exclude: Path | None = None, **limits: int) -> Snapshot:
    """Take a snapshot that there must be."""
    outside = str(exclude) if exclude else None
    kept = snapshot.take(capture(str(repository), outside), outside, Limits(**limits))
    assert kept is not None
    return kept


def checked_out(repository: Path, kept: Snapshot, where: Path) -> Path:
    assert kept.sha is not None
    assert [] == worktree.add(str(repository), kept.sha, str(where))
    return where


def names_in(repository: Path, kept: Snapshot) -> list[str]:
    listed = git(repository, "ls-tree", "-r", "-z", "--name-only", str(kept.sha))
    return listed.split("\0")[:-1]


def test_run_keeps_changes_and_new_files(repository: Path, tmp_path: Path) -> None:
    (repository / "train.py").write_text("import new\n")
    (repository / "new.py").write_text("print('new')\n")

    done = meticulous("run", "--dirty", "snapshot", "--", "python3", "train.py", cwd=repository)

    run = only_run(repository)
    metadata = run.read_metadata()
    sha = metadata["snapshot-sha"]
    assert (0, b"new\n") == (done.returncode, done.stdout)
    assert f"kept in snapshot {sha[:7]}".encode() in done.stderr
    assert b"not part of" not in done.stderr
    assert sha == git(repository, "rev-parse", f"{PREFIX}{sha}").strip()
    assert metadata["githead-sha"] == git(repository, "rev-parse", f"{sha}^").strip()
    assert (True, ["new.py"]) == (metadata["dirty"], metadata["untracked"])
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repository), "clone")
    patch = os.path.abspath(run.file("uncommitted.patch"))
    git(clone, "apply", "--binary", "--index", patch)
    assert ["new.py", "train.py"] == git(clone, "ls-files").split()
    assert "import new\n" == (clone / "train.py").read_text()


def test_the_settings_file_and_an_experiment_can_ask_for_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "meticulous.yaml").write_text("dirty: snapshot\nsnapshot-file-limit: 100B\n")
    (repository / "big").write_bytes(b"x" * 101)
    monkeypatch.chdir(repository)

    assert 0 == meticulous("run", "-q", "--", "true", cwd=repository).returncode
    with Experiment({}, dirty="snapshot") as experiment:
        pass

    one, other = (run.read_metadata() for run in runs_of(repository))
    assert one["snapshot-sha"] == other["snapshot-sha"] == experiment.metadata["snapshot-sha"]
    reason = "101 B, over 100 B a file (snapshot-file-limit)"
    assert [{"path": "big", "reason": reason}] == other["snapshot-left-out"]
    assert not one["dirty"]  # new files alone do not make it so


def test_a_clean_tree_needs_none(repository: Path) -> None:
    done = meticulous("run", "--dirty", "snapshot", "--", "true", cwd=repository)

    run = only_run(repository)
    assert b"snapshot" not in done.stderr
    assert run.read_metadata()["snapshot-sha"] is None
    assert not os.path.exists(run.file("uncommitted.patch"))
    assert PREFIX not in git(repository, "show-ref")


def test_the_same_state_is_kept_once_and_gc_keeps_it(repository: Path, tmp_path: Path) -> None:
    (repository / "train.py").write_text("changed\n")
    first = taken(repository)
    git(repository, "-c", "user.name=Other", "stash", "-q")
    git(repository, "stash", "apply", "-q")
    second = taken(repository)

    assert (first.sha, True, False) == (second.sha, first.is_new, second.is_new)
    git(repository, "checkout", "-q", "-f", "HEAD")
    git(repository, "gc", "-q", "--prune=now")
    there = checked_out(repository, first, tmp_path / "there")
    assert "changed\n" == (there / "train.py").read_text()


def test_a_change_just_after_the_index_was_written(repository: Path) -> None:
    """Git knows such files by the age of its index: they may have changed since."""
    git(repository, "config", "core.trustCtime", "false")
    path = repository / "train.py"
    os.utime(path, ns=(10**18, 10**18))
    git(repository, "update-index", "--refresh")
    path.write_text(path.read_text().replace("hello", "world"))
    os.utime(path, ns=(10**18, 10**18))
    os.utime(repository / ".git" / "index", ns=(10**18, 10**18))

    kept = taken(repository)

    assert "world" in git(repository, "show", f"{kept.sha}:train.py")


def test_many_runs_of_one_state_at_once(repository: Path) -> None:
    (repository / "train.py").write_text("changed\n")
    words = [sys.executable, "-m", "meticulous", "run", "-q", "--dirty", "snapshot", "--", "true"]
    children = [subprocess.Popen(words, cwd=repository) for _ in range(8)]

    assert [0] * 8 == [child.wait() for child in children]
    shas = {run.read_metadata()["snapshot-sha"] for run in runs_of(repository)}
    assert (8, 1) == (len(runs_of(repository)), len(shas))


def test_repositories_of_other_kinds(plain: Path, tmp_path: Path) -> None:
    (plain / "train.py").write_text("one\n")
    git(plain, "add", "-A")
    git(plain, "commit", "-q", "-m", "first")
    git(tmp_path, "init", "-q", "--object-format=sha256", "long")
    git(tmp_path, "clone", "-q", "--shared", str(plain), "borrowing")
    git(plain, "config", "uploadpack.allowFilter", "true")
    url = f"file://{plain}"
    git(tmp_path, "clone", "-q", "--filter=blob:none", url, "partial")
    git(tmp_path, "clone", "-q", "--depth=1", url, "shallow")
    git(tmp_path, "init", "-q", "--separate-git-dir", "apart.git", "apart")
    git(tmp_path, "clone", "-q", "--bare", url, "bare.git")
    git(tmp_path / "bare.git", "worktree", "add", "-q", "-b", "new", "../of-bare")
    git(tmp_path, "clone", "-q", url, "sparse")
    git(tmp_path / "sparse", "sparse-checkout", "set", "--cone", "--sparse-index", "src")
    for name in ("long", "borrowing", "partial", "shallow", "apart", "of-bare", "sparse"):
        top = tmp_path / name
        if not (top / "train.py").exists():
            (top / "train.py").write_text("one\n")
            git(top, "add", "-A")
            git(top, "commit", "-q", "-m", "first")
        (top / "train.py").write_text(f"{name}\n")
        (top / "src").mkdir()
        (top / "src" / "new.py").write_text("new\n")

        there = checked_out(top, taken(top), tmp_path / f"{name}-there")

        assert f"{name}\n" == (there / "train.py").read_text()
        assert "new\n" == (there / "src" / "new.py").read_text()


def test_runs_of_one_state_share_a_large_patch(repository: Path) -> None:
    (repository / "new.bin").write_bytes(os.urandom(100_000))
    for _ in range(3):
        assert (
            0 == meticulous("run", "-q", "--dirty", "snapshot", "true", cwd=repository).returncode
        )
    (repository / "new.bin").write_bytes(os.urandom(100_000))
    assert 0 == meticulous("run", "-q", "--dirty", "snapshot", "true", cwd=repository).returncode

    files = [os.stat(run.file("uncommitted.patch")) for run in runs_of(repository)]
    assert [3, 3, 3, 1] == [one.st_nlink for one in files]
    shutil.rmtree(runs_of(repository)[0].path)
    git(repository, "stash", "-q", "-u")
    patch = os.path.abspath(runs_of(repository)[0].file("uncommitted.patch"))
    git(repository, "apply", "--check", "--index", patch)


def test_what_is_ignored_or_ours_is_not_in_it(repository: Path) -> None:
    store = repository / "experiments"
    for name in ("data.log", "experiments/1/stdout", "experiments/tracked", "src/a.py"):
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (repository / ".gitignore").write_text("*.log\n")
    git(repository, "add", "-f", "experiments/tracked")

    kept = taken(repository, store)

    assert [".gitignore", "src/a.py", "train.py"] == names_in(repository, kept)


def test_large_files_are_left_out_the_largest_first(repository: Path) -> None:
    git(repository, "lfs", "uninstall", "--local") if shutil.which("git-lfs") else None
    (repository / "tracked").write_bytes(b"1")
    git(repository, "add", "tracked")
    git(repository, "commit", "-q", "-m", "tracked")
    (repository / "tracked").write_bytes(b"2" * 25000)
    git(repository, "add", "tracked")
    for name, size in (("a", 9000), ("b", 8000), ("c", 10), ("d", 20000)):
        (repository / name).write_bytes(b"x" * size)

    kept = taken(repository, total=14000, file=15000)

    assert ["a", "d", "tracked"] == [path for path, _ in kept.left_out]
    assert "snapshot-limit" in kept.left_out[0][1]
    assert ["b", "c", "tracked", "train.py"] == names_in(repository, kept)
    assert "1" == git(repository, "show", f"{kept.sha}:tracked")  # as it is in the commit


def test_where_very_much_is_left_out_folders_are_named(repository: Path) -> None:
    for number in range(1100):
        folder = repository / "data" / str(number % 2)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text("some\n")
    (repository / "large").write_text("long enough\n")

    options = ("--snapshot-limit", "0", "--dirty", "snapshot")
    done = meticulous("run", *options, "--", "true", cwd=repository)

    left_out = only_run(repository).read_metadata()["snapshot-left-out"]
    assert ["data/0/", "data/1/", "large"] == [one["path"] for one in left_out]
    assert left_out[0]["reason"].startswith("550 files, as data/0/0.txt: 5 B, over 0 B altogether")
    assert b"not in the snapshot: data/0/ (550 files, " in done.stderr


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_any_number_of_names_becomes_few(depth: int) -> None:
    names = [(f"{'d/' * depth}{number}", "large") for number in range(5000)]
    names += [(f"top/{number}/a/b", "large") for number in range(999)]

    entries = grouped(names)

    assert len(entries) <= NAMED_LIMIT
    assert 5999 == sum(
        int(reason.split()[0].replace(",", "")) if "files" in reason else 1 for _, reason in entries
    )


def test_what_may_hold_a_secret_is_left_out_unless_it_is_staged(repository: Path) -> None:
    for name in (".env", "keys/id_rsa", "code.py", "added.key"):
        path = repository / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("text")
    git(repository, "add", "added.key")

    kept = taken(repository)

    assert [".env", "keys/id_rsa"] == [path for path, _ in kept.left_out]
    assert ["added.key", "code.py", "train.py"] == names_in(repository, kept)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        (".env", True),
        (".env.local", True),
        (".env.example", False),
        ("server.PEM", True),
        ("environment.yml", False),
        ("keyboard.py", False),
        ("credentials.json", True),
        ("config.json", False),
    ],
)
def test_names_of_secrets(name: str, is_one: bool) -> None:
    assert is_one == is_secret(name)


def test_other_repositories_inside_are_named(repository: Path) -> None:
    git(repository, "init", "-q", "other")
    (repository / "other" / "file").write_text("x")
    git(repository, "clone", "-q", ".", "deep/clone")
    (repository / "deep" / "mine").write_text("x")

    kept = taken(repository)

    assert [
        ("deep/clone/", "a repository of its own"),
        ("other/", "a repository of its own"),
    ] == list(kept.left_out)
    assert ["deep/mine", "train.py"] == names_in(repository, kept)


def test_only_things_that_are_left_out(repository: Path) -> None:
    (repository / ".env").write_text("A=1")

    kept = taken(repository)

    assert (None, {}, False) == (kept.sha, kept.patches, kept.is_new)
    done = meticulous("run", "--dirty", "snapshot", "--", "true", cwd=repository)
    assert b"not in the snapshot: .env (may hold a secret" in done.stderr
    assert only_run(repository).read_metadata()["snapshot-sha"] is None


def test_a_pipe_in_the_place_of_a_file(repository: Path) -> None:
    (repository / "train.py").unlink()
    os.mkfifo(repository / "train.py")
    (repository / "new").write_text("x")

    kept = taken(repository)

    assert (("train.py", "neither a file nor a link"),) == kept.left_out
    assert ["new", "train.py"] == names_in(repository, kept)


def test_a_file_behind_a_link_is_gone(repository: Path, tmp_path: Path) -> None:
    (repository / "src").mkdir()
    (repository / "src" / "a.py").write_text("one\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "src")
    (repository / "src").rename(tmp_path / "moved")
    (repository / "src").symlink_to(tmp_path / "moved")

    kept = taken(repository)

    assert ["src", "train.py"] == names_in(repository, kept)


def test_directories_in_the_place_of_files(repository: Path) -> None:
    for name in ("empty", "full"):
        (repository / name).write_text(name)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "files")
    for name in ("empty", "full"):
        (repository / name).unlink()
        (repository / name).mkdir()
    (repository / "full" / "new").write_text("new")

    assert ["full/new", "train.py"] == names_in(repository, taken(repository))


def test_settings_of_taste_change_nothing(repository: Path) -> None:
    git(repository, "update-index", "--split-index")
    for name, value in (
        ("core.splitIndex", "true"),
        ("apply.whitespace", "fix"),
        ("apply.ignoreWhitespace", "change"),
        ("diff.noprefix", "true"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.context", "0"),
        ("diff.external", "false"),
        ("diff.orderFile", "/dev/null"),
        ("core.quotePath", "false"),
        ("core.safecrlf", "true"),
        ("core.autocrlf", "input"),
        ("i18n.commitEncoding", "ISO-8859-1"),
        ("commit.gpgSign", "true"),
        ("color.ui", "always"),
    ):
        git(repository, "config", name, value)
    (repository / "train.py").write_bytes(b"print('hello')\n \n\ttrailing  \n")
    (repository / "crlf\u00e9").write_bytes(b"one\r\ntwo\n")
    before = objects(repository)

    kept = taken(repository)

    new = {path.relative_to(repository / ".git").parts[0] for path in objects(repository) - before}
    assert {"objects", "refs"} == new
    assert "trailing  \n" in git(repository, "show", f"{kept.sha}:train.py")


def test_a_thousand_untracked_files_and_more(repository: Path) -> None:
    for number in range(1100):
        (repository / f"file {number}").write_text(str(number))

    kept = taken(repository)

    assert 1101 == len(names_in(repository, kept))


def test_conflicts_are_kept_as_they_stand(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-q", "-b", "other")
    (repository / "train.py").write_text("theirs\n")
    git(repository, "commit", "-q", "-a", "-m", "theirs")
    git(repository, "checkout", "-q", "main")
    (repository / "train.py").write_text("ours\n")
    git(repository, "commit", "-q", "-a", "-m", "ours")
    subprocess.run(
        ["git", "merge", "-q", "other"], cwd=repository, capture_output=True, check=False
    )

    there = checked_out(repository, taken(repository), tmp_path / "there")

    assert "<<<<<<<" in (there / "train.py").read_text()
    assert "UU train.py\n" == git(repository, "status", "--porcelain")


def test_line_ends_and_filters_are_as_git_converts_them(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "filter.shout.clean", "tr A-Z a-z")
    git(repository, "config", "filter.shout.smudge", "tr a-z A-Z")
    (repository / ".gitattributes").write_text("*.txt text eol=crlf\n*.loud filter=shout\n")
    (repository / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    (repository / "a.loud").write_bytes(b"LOUD\n")

    kept = taken(repository)

    assert "loud\n" == git(repository, "show", f"{kept.sha}:a.loud")
    there = checked_out(repository, kept, tmp_path / "there")
    assert b"one\r\ntwo\r\n" == (there / "a.txt").read_bytes()
    assert b"LOUD\n" == (there / "a.loud").read_bytes()


def test_modes_are_left_alone_where_git_was_told_so(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "core.fileMode", "false")
    (repository / "train.py").write_text("changed\n")
    (repository / "train.py").chmod(0o755)

    kept = taken(repository)

    assert "100644" == git(repository, "ls-tree", str(kept.sha)).split()[0]


def test_files_that_git_leaves_alone_stay_as_they_are_in_the_commit(repository: Path) -> None:
    (repository / "d").mkdir()
    for name in ("d/sparse", "assumed", "skipped"):
        (repository / name).write_text("one\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "files")
    git(repository, "sparse-checkout", "set", "--no-cone", "/*", "!/d")
    git(repository, "update-index", "--assume-unchanged", "assumed")
    git(repository, "update-index", "--skip-worktree", "skipped")
    (repository / "assumed").write_text("two\n")
    (repository / "new").write_text("new\n")

    kept = taken(repository)

    assert ["assumed", "d/sparse", "new", "skipped", "train.py"] == names_in(repository, kept)
    assert "one\n" == git(repository, "show", f"{kept.sha}:assumed")


@needs_lfs
def test_files_in_lfs_are_kept_there(plain: Path, tmp_path: Path) -> None:
    with_lfs(plain)
    changed, new = os.urandom(4000), os.urandom(5000)
    (plain / "data.bin").write_bytes(changed)
    (plain / "new.bin").write_bytes(new)

    kept = taken(plain)

    assert b"https://git-lfs.github.com/spec/" in kept.patches[""]
    assert len(kept.patches[""]) < 2000
    there = checked_out(plain, kept, tmp_path / "there")
    assert changed == (there / "data.bin").read_bytes()
    assert new == (there / "new.bin").read_bytes()


def test_submodules_keep_their_own(repository: Path, tmp_path: Path) -> None:
    with_submodule(repository, tmp_path / "library", nested=True)
    (repository / "lib" / "lib" / "code.py").write_text("deep\n")
    (repository / "lib" / "new.py").write_text("new\n")
    (repository / "lib" / "lib" / ".env").write_text("A=1\n")
    before = git(repository, "status", "--porcelain", "--ignore-submodules=none")

    done = meticulous("run", "--dirty", "snapshot", "--", "true", cwd=repository)

    assert 0 == done.returncode, done.stderr
    assert before == git(repository, "status", "--porcelain", "--ignore-submodules=none")
    run = only_run(repository)
    metadata = run.read_metadata()
    modules = metadata["snapshot-submodules"]
    assert ["lib/lib/.env"] == [one["path"] for one in metadata["snapshot-left-out"]]
    assert ["lib", "lib/lib"] == [one["path"] for one in modules]
    for one in modules:
        inner = repository / one["path"]
        assert one["snapshot-sha"] == git(inner, "rev-parse", PREFIX + one["snapshot-sha"]).strip()
        git(inner, "stash", "-q", "-u")
        git(inner, "apply", "--check", "--index", os.path.abspath(run.file(one["patch"])))
    there = tmp_path / "there"
    assert [] == worktree.add(str(repository), metadata["snapshot-sha"], str(there))
    assert "deep\n" == (there / "lib" / "lib" / "code.py").read_text()
    assert "new\n" == (there / "lib" / "new.py").read_text()
    assert "" == git(there, "status", "--porcelain", "--ignore-submodules=none")


def test_a_submodule_that_git_was_told_to_ignore(repository: Path, tmp_path: Path) -> None:
    with_submodule(repository, tmp_path / "library")
    git(repository, "config", "submodule.lib.ignore", "all")
    clean = meticulous("run", "--", "true", cwd=repository)
    (repository / "lib" / "code.py").write_text("changed\n")

    done = meticulous("run", "--dirty", "snapshot", "--", "true", cwd=repository)

    assert (0, 0) == (clean.returncode, done.returncode), done.stderr
    assert b"+changed" in meticulous("diff", "1", "2", "--code", cwd=repository).stdout


def test_a_submodule_at_another_commit(repository: Path, tmp_path: Path) -> None:
    with_submodule(repository, tmp_path / "library")
    inner = repository / "lib"
    git(inner, "checkout", "-q", "--detach")
    git(inner, "commit", "-q", "--allow-empty", "-m", "on no branch")
    moved = head(inner)

    kept = taken(repository)

    assert moved == git(repository, "rev-parse", f"{kept.sha}:lib").strip()
    assert moved == git(inner, "rev-parse", f"{PREFIX}{moved}").strip()
    assert () == kept.modules


def test_a_commit_that_the_clone_lacks_is_made_from_the_patch(
    repository: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", str(repository), "clone")
    (repository / "train.py").write_text("changed\n")
    kept, commit = taken(repository), head(repository)
    clone = str(tmp_path / "clone")
    assert kept.sha is not None

    with pytest.raises(CodeStateError, match="does not apply"):
        snapshot.restore(clone, commit, kept.sha, kept.patches[""].replace(b"-print", b"-other"))
    with pytest.raises(CodeStateError, match="gives the commit [0-9a-f]{40} and not"):
        snapshot.restore(
            clone, commit, kept.sha, kept.patches[""].replace(b"+changed", b"+altered")
        )
    with pytest.raises(CodeStateError, match=r"the commit 1{40}, to which"):
        snapshot.restore(clone, "1" * 40, kept.sha, kept.patches[""])
    assert PREFIX not in git(tmp_path / "clone", "show-ref")

    snapshot.restore(clone, commit, kept.sha, kept.patches[""])
    assert f"{kept.sha} {PREFIX}{kept.sha}" in git(tmp_path / "clone", "show-ref")


def objects(repository: Path) -> set[Path]:
    return {path for path in (repository / ".git").rglob("*") if path.is_file()}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("a small file system can be mounted by root only")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_full_disk_refuses_the_run_and_leaves_nothing(
    small_disk: Path, tmp_path: Path, size: int
) -> None:
    """`size` is what is free, in blocks; the experiments are on the same disk."""
    git(small_disk, "init", "-q", "project")
    project = small_disk / "project"
    (project / "a.py").write_text("one\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "first")
    (project / "new.bin").write_bytes(os.urandom(200_000))
    with open(small_disk / "fill", "wb", buffering=0) as fill:
        while True:
            try:
                fill.write(bytes(4096))
            except OSError:
                break
        fill.truncate(fill.tell() - size * 4096)
    before = objects(project)

    done = meticulous("run", "--dirty", "snapshot", "--", "touch", tmp_path / "x", cwd=project)

    assert 125 == done.returncode
    assert b"cannot be kept: " in done.stderr
    assert b"No space left on device" in done.stderr
    assert 1 == done.stderr.count(b"\n")
    assert not (tmp_path / "x").exists()
    assert before == objects(project)
    assert [] == runs_of(project)


def test_a_full_disk_of_experiments_refuses_the_run_too(
    repository: Path, small_disk: Path, tmp_path: Path
) -> None:
    (repository / "new.bin").write_bytes(os.urandom(4_000_000))
    words = ["--experiments-directory", str(small_disk), "--dirty", "snapshot"]

    done = meticulous("run", *words, "--", "touch", tmp_path / "x", cwd=repository)

    assert 125 == done.returncode
    assert b"No space left on device" in done.stderr
    assert not (tmp_path / "x").exists()
    assert [] == [name for name in os.listdir(small_disk) if name.isdigit()]
    assert PREFIX not in git(repository, "show-ref")


def test_purge_lets_go_of_snapshots_that_no_run_has(repository: Path, tmp_path: Path) -> None:
    with_submodule(repository, tmp_path / "library")
    for text in ("two", "three", "three"):
        (repository / "lib" / "code.py").write_text(f"{text}\n")
        meticulous("run", "-q", "--dirty", "snapshot", "--", "true", cwd=repository)
    assert 2 == git(repository, "show-ref").count(PREFIX)
    assert 3 == git(repository / "lib", "show-ref").count(PREFIX)  # and the commit it is at

    meticulous("rm", "-y", "1", "2", cwd=repository)
    assert 2 == git(repository, "show-ref").count(PREFIX)
    assert 0 == meticulous("purge", "-y", cwd=repository).returncode

    last = RunFolder(str(repository / "experiments" / "3")).read_metadata()["snapshot-sha"]
    assert [last] == [
        line.split()[0] for line in git(repository, "show-ref").splitlines() if PREFIX in line
    ]
    assert 2 == git(repository / "lib", "show-ref").count(PREFIX)  # and the commit it is at


def test_a_repository_that_cannot_be_written_to(repository: Path) -> None:
    (repository / "train.py").write_text("changed\n")
    own = str(repository / ".git")
    bind = ["mount", "--bind", own, own]
    if (
        not shutil.which("mount")
        or subprocess.run(bind, capture_output=True, check=False).returncode
    ):
        pytest.skip("a read-only file system can be mounted by root only")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", own], check=True)
        done = meticulous("run", "--dirty", "snapshot", "--", "true", cwd=repository)
    finally:
        subprocess.run(["umount", "-l", own], check=True)

    assert 125 == done.returncode
    assert b"cannot be kept: cannot write to " in done.stderr
    assert b"Read-only file system" in done.stderr


def test_a_filter_that_fails_refuses_the_run(repository: Path) -> None:
    git(repository, "config", "filter.broken.clean", "echo no key >&2; false")
    git(repository, "config", "filter.broken.required", "true")
    (repository / ".gitattributes").write_text("*.enc filter=broken\n")
    (repository / "a.enc").write_text("x")
    before = objects(repository)

    done = meticulous("run", "--dirty", "snapshot", "--", "true", cwd=repository)

    assert 125 == done.returncode
    assert b"cannot be kept: " in done.stderr
    assert b"a.enc: clean filter 'broken' failed" in done.stderr
    assert before == objects(repository)


def test_a_filter_may_complain_at_length(repository: Path) -> None:
    git(repository, "config", "filter.loud.clean", "yes | head -c 300000 >&2; cat")
    (repository / ".gitattributes").write_text("*.loud filter=loud\n")
    for number in range(3):
        (repository / f"{number}.loud").write_text("x")

    assert 5 == len(names_in(repository, taken(repository)))


def test_a_repository_without_git_program(repository: Path) -> None:
    (repository / "train.py").write_text("changed\n")

    done = meticulous(
        "run",
        "--dirty",
        "snapshot",
        "--",
        "/bin/true",
        cwd=repository,
        env={**os.environ, "PATH": "/nonexistent"},
    )

    assert 125 == done.returncode
    assert b"there is no git program" in done.stderr


def test_metadata_is_plain_json(repository: Path) -> None:
    (repository / os.fsdecode(b"\xff.pem")).write_text("x")
    meticulous("run", "--dirty", "snapshot", "--", "true", cwd=repository)

    with open(only_run(repository).file("metadata.json"), encoding="utf-8") as file:
        assert "\udcff.pem" == json.load(file)["snapshot-left-out"][0]["path"]
