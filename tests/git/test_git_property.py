"""The git program and libgit2 say the same of any repository, whatever was done to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codestate_support import ask_both
from tests.conftest import git

NAMES = (
    "a",
    "b b",
    "d/c",
    "d/e/f",
    "d/e",
    "d",
    "new\nline",
    "\udcff",
    "x.log",
    "sub/a",
    "sub/new",
    "sub",
)

Step = tuple[str, ...]


def git_steps(*words: str) -> st.SearchStrategy[Step]:
    """A git command on one of the names."""
    return st.sampled_from([("git", *words, "--", name) for name in NAMES])


names = st.sampled_from(NAMES)
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("write"), names, st.sampled_from(["one\n", "two\n", "one\r\n", ""])),
    st.tuples(st.sampled_from(["remove", "execute", "link", "touch", "nest"]), names),
    st.tuples(st.just("move"), names, names),
    git_steps("add"),
    git_steps("add", "-f"),
    git_steps("add", "--intent-to-add"),
    git_steps("rm", "-q", "-r", "--cached"),
    git_steps("rm", "-q", "-r", "-f"),
    git_steps("checkout", "-q"),
    git_steps("update-index", "--assume-unchanged"),
    git_steps("update-index", "--skip-worktree"),
    git_steps("update-index", "--no-skip-worktree"),
    st.sampled_from(
        [
            ("git", "commit", "-q", "--allow-empty", "-m", "step"),
            ("git", "commit", "-q", "-a", "-m", "step"),
            ("git", "checkout", "-q", "--detach"),
            ("git", "checkout", "-q", "-B", "other"),
            ("git", "checkout", "-q", "main"),
            ("git", "merge", "-q", "ahead"),
            ("git", "stash", "-q", "-u"),
            ("git", "sparse-checkout", "set", "--cone", "d"),
            ("git", "sparse-checkout", "set", "--no-cone", "/a", "/d/e"),
            ("git", "sparse-checkout", "disable"),
            ("git", "config", "core.autocrlf", "true"),
            ("git", "config", "core.fileMode", "false"),
            ("git", "config", "submodule.sub.ignore", "all"),
            ("git", "-C", "sub", "commit", "-q", "-a", "--allow-empty", "-m", "step"),
            ("git", "submodule", "--quiet", "deinit", "-f", "sub"),
            ("git", "submodule", "--quiet", "update", "--init"),
        ]
    ),
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a submodule, a worktree, ignored files, and a branch to conflict with."""
    directory = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Tester")
            patch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
        library, top = directory / "library", directory / "top"
        for repository in (library, top):
            git(directory, "init", "-q", "-b", "main", str(repository))
            (repository / "a").write_text("one\n")
            git(repository, "add", "-A")
            git(repository, "commit", "-q", "-m", "first")
        git(top, "checkout", "-q", "-b", "ahead")
        (top / "a").write_text("ahead\n")
        git(top, "commit", "-q", "-a", "-m", "ahead")
        git(top, "checkout", "-q", "main")
        git(
            top,
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            "../library",
            "sub",
        )
        (top / "d" / "e").mkdir(parents=True)
        (top / "d" / "e" / "f").write_text("one\n")
        (top / "d" / "c").symlink_to("../a")
        (top / "b b").write_text("one\n")
        (top / ".gitignore").write_text("*.log\n")
        git(top, "add", "-A")
        git(top, "commit", "-q", "-m", "second")
        git(top, "worktree", "add", "-q", "-b", "tree", "../tree")
    return directory


@settings(
    max_examples=int(os.environ.get("CODESTATE_EXAMPLES", "50")),
    derandomize="CODESTATE_EXAMPLES" not in os.environ,
)
@given(taken=st.lists(steps, max_size=10), where=st.sampled_from(["top", "tree"]))
def test_both_ways_say_the_same_of_any_repository(
    template: Path, taken: list[Step], where: str
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(template, Path(scratch, "copy"), symlinks=True)
        git(Path(scratch, "copy", "top"), "worktree", "repair", str(Path(scratch, "copy", "tree")))
        directory = Path(scratch, "copy", where)
        for step in taken:
            take(directory, step)

        ask_both(directory)
        ask_both(directory, str(directory / "d"))


def take(directory: Path, step: Step) -> None:
    """Do one step; one that is not possible just now is no step."""
    verb, *words = step
    if verb == "git":
        subprocess.run(["git", *words], cwd=directory, capture_output=True, check=False)
        return
    path = directory / words[0]
    try:
        if verb == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(words[1])
        elif verb == "remove":
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        elif verb == "execute":
            path.chmod(0o755)
        elif verb == "link":
            path.symlink_to("a")
        elif verb == "touch":
            os.utime(path, (1, 1))
        elif verb == "nest":
            shutil.copytree(directory.parent / "library", path)
        elif verb == "move":
            path.rename(directory / words[1])
    except OSError:
        pass
