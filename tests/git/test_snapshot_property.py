"""Whatever state a work tree is in, its snapshot checks out as the same tree, and nothing of the
user's has changed."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meticulous.git import capture, snapshot, worktree
from tests.conftest import git
from tests.git.test_git_property import Step, git_steps, take

NAMES = ("a", "b b", "d/c", "d/e/f", "d/e", "d", "new\nline", "\udcff", "x.log", "-q", "ü/\t")

names = st.sampled_from(NAMES)
contents = st.sampled_from(
    ["one\n", "two \n\n\t\n", "one\r\n", "", "no end", "\0binary\xff", "one\n" * 50]
)
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("write"), names, contents),
    st.tuples(st.sampled_from(["remove", "execute", "link", "touch"]), names),
    st.tuples(st.just("move"), names, names),
    st.tuples(st.just("write"), st.sampled_from(["sub/a", "sub/new"]), contents),
    st.sampled_from([("remove", "sub/a"), ("execute", "sub/a"), ("remove", "sub")]),
    git_steps("add"),
    git_steps("add", "--intent-to-add"),
    git_steps("rm", "-q", "-r", "--cached"),
    git_steps("rm", "-q", "-r", "-f"),
    git_steps("mv", "a"),
    st.sampled_from(
        [
            ("git", "add", "-A"),
            ("git", "commit", "-q", "--allow-empty", "-m", "step"),
            ("git", "checkout", "-q", "--detach"),
            ("git", "merge", "-q", "ahead"),
            ("git", "stash", "-q", "-u"),
            ("git", "update-index", "--split-index"),
            ("git", "update-index", "--index-version", "4"),
            ("git", "config", "core.splitIndex", "true"),
            ("git", "config", "diff.noprefix", "true"),
            ("git", "config", "apply.whitespace", "fix"),
            ("git", "config", "diff.renames", "false"),
            ("git", "config", "core.untrackedCache", "true"),
            ("git", "pack-refs", "--all"),
            ("git", "-C", "sub", "add", "-A"),
            ("git", "-C", "sub", "commit", "-q", "--allow-empty", "-m", "step"),
            ("git", "add", "sub"),
            ("git", "config", "submodule.sub.ignore", "all"),
            ("git", "submodule", "--quiet", "deinit", "-f", "sub"),
        ]
    ),
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a branch to conflict with, ignored files, a worktree, hooks that tell."""
    top = tmp_path_factory.mktemp("template") / "top"
    with pytest.MonkeyPatch.context() as patch:
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Tester")
            patch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
        git(top.parent, "init", "-q", "-b", "main", str(top))
        git(top, "config", "core.logAllRefUpdates", "always")
        (top / "a").write_text("one\n")
        git(top, "add", "-A")
        git(top, "commit", "-q", "-m", "first")
        git(top, "checkout", "-q", "-b", "ahead")
        (top / "a").write_text("ahead\n")
        git(top, "commit", "-q", "-a", "-m", "ahead")
        git(top, "checkout", "-q", "main")
        (top / "d" / "e").mkdir(parents=True)
        (top / "d" / "e" / "f").write_text("one\n" * 30)
        (top / "d" / "c").symlink_to("../a")
        (top / "b b").write_bytes(bytes(range(256)))
        (top / ".gitignore").write_text("*.log\n")
        (top / "x.log").write_text("ignored\n")
        git(top, "add", "-A")
        git(top, "commit", "-q", "-m", "second")
        add_submodule(top, top.parent / "library")
        git(top, "worktree", "add", "-q", "-b", "tree", "../tree")
        (top / ".git" / "hooks").mkdir(exist_ok=True)
        for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-commit"):
            hook = top / ".git" / "hooks" / name
            hook.write_text('#!/bin/sh\n[ -z "$TELL" ] || echo $0 >> "$TELL"\n')
            hook.chmod(0o755)
    return top.parent


def add_submodule(top: Path, library: Path) -> None:
    git(library.parent, "init", "-q", "-b", "main", str(library))
    (library / "a").write_text("one\n")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "first")
    allowed = ["-c", "protocol.file.allow=always"]
    git(top, *allowed, "submodule", "--quiet", "add", "../library", "sub")
    git(top, "commit", "-q", "-m", "with a submodule")


def tree(directory: Path, without: set[bytes]) -> dict[bytes, object]:
    """Return the files of `directory` with their kind and content, without ``.git``."""
    found: dict[bytes, object] = {}
    top = os.fsencode(directory)
    for folder, folders, files in os.walk(top):
        if b".git" in folders + files:
            (folders if b".git" in folders else files).remove(b".git")
        for name in files + [one for one in folders if os.path.islink(os.path.join(folder, one))]:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, top)
            if relative in without:
                continue
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[relative] = os.readlink(path)
            else:
                with open(path, "rb") as file:
                    found[relative] = bool(mode & stat.S_IXUSR), file.read()
    return found


def of_the_user(directory: Path) -> dict[str, object]:
    """Return all that is the user's: the tree, and git's folder but for objects and our refs."""
    own = Path(git(directory, "rev-parse", "--absolute-git-dir").removesuffix("\n"))
    common = directory.parent / "top" / ".git"
    files = {
        path: path.read_bytes()
        for folder in {own, common}
        for path in folder.rglob("*")
        if path.is_file()
        and not path.is_relative_to(common / "objects")
        and not path.is_relative_to(common / "refs" / "meticulous")
        and not path.is_relative_to(common / "modules" / "sub" / "objects")
        and not path.is_relative_to(common / "modules" / "sub" / "refs" / "meticulous")
    }
    refs = [
        line for line in git(directory, "show-ref").split("\n") if "refs/meticulous" not in line
    ]
    return {"files": files, "refs": refs, "tree": tree(directory, set())}


@settings(
    max_examples=int(os.environ.get("CODESTATE_EXAMPLES", "50")),
    derandomize="CODESTATE_EXAMPLES" not in os.environ,
)
@given(taken=st.lists(steps, max_size=10), where=st.sampled_from(["top", "tree"]))
def test_a_snapshot_checks_out_as_the_same_tree(
    template: Path, taken: list[Step], where: str
) -> None:
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        shutil.copytree(template, Path(scratch, "copy"), symlinks=True)
        directory = Path(scratch, "copy", where)
        git(Path(scratch, "copy", "top"), "worktree", "repair", str(Path(scratch, "copy", "tree")))
        for step in taken:
            take(directory, step)
        patch.setenv("TELL", f"{scratch}/told")
        status = git_bytes(directory, "--no-optional-locks", "status", "--porcelain", "-z")
        before = of_the_user(directory)

        state = capture(str(directory))
        kept = snapshot.take(state)
        again = snapshot.take(state)

        assert before == of_the_user(directory)
        assert status == git_bytes(directory, "--no-optional-locks", "status", "--porcelain", "-z")
        assert not Path(scratch, "told").exists()
        assert (kept and kept.sha) == (again and again.sha)
        assert not (again and again.is_new)
        sha = kept.sha if kept and kept.sha else state.sha
        there = Path(scratch, "there")
        assert [] == worktree.add(str(directory), sha, str(there))
        others = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard")
        ignored = set(git_bytes(directory, *others).split(b"\0"))
        left_out = {path for path, _ in kept.left_out} if kept else set()
        assert left_out <= {"sub/"}
        if left_out or not (directory / "sub" / ".git").exists():
            # No submodule any more; or not checked out, and there it is.
            ignored |= {b"sub/a", b"sub/new"}
        assert tree(directory, ignored) == tree(there, ignored)
        worktree.remove(str(directory), str(there))
        assert before == of_the_user(directory)
        if kept and kept.sha:
            check_patch(directory, state.sha, kept.sha, kept.patches[""], Path(scratch, "clone"))


def check_patch(directory: Path, head: str, sha: str, patch: bytes, clone: Path) -> None:
    """Apply the patch as a user would, and make the snapshot from it in another clone."""
    git(directory.parent, "clone", "-q", "--no-local", str(directory), str(clone))
    git(clone, "fetch", "-q", "origin", head)
    snapshot.restore(str(clone), head, sha, patch)
    git(clone, "checkout", "-q", "--detach", head)
    git_bytes(clone, "apply", "--binary", "--index", "-", told=patch)
    assert "" == git(clone, "diff", "--cached", "--name-only", sha)


def git_bytes(directory: Path, *words: str, told: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", *words], cwd=directory, check=True, capture_output=True, input=told
    )
    return done.stdout
