"""Each case is asked in both ways, of the git program and of libgit2, which must say the same."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.errors import CodeStateError, DirtyRepositoryError
from meticulous.git import UNTRACKED_LIMIT, CodeState, capture, refuse_if_dirty
from tests.codestate_support import ask_both, error_of_both, libgit2_alone
from tests.conftest import AWKWARD, git

pytestmark = pytest.mark.usefixtures("libgit2_home")


@pytest.fixture
def libgit2_home() -> None:
    """Let libgit2, which looks once, read the same configuration as git."""
    import pygit2

    pygit2.settings.search_path[pygit2.enums.ConfigLevel.GLOBAL] = os.environ["HOME"]


def commit(directory: Path, message: str = "more") -> str:
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "--allow-empty", "-m", message)
    return git(directory, "rev-parse", "HEAD").strip()


# --- the commit ---


def test_a_clean_repository_gives_its_commit_and_branch(repository: Path) -> None:
    sha = git(repository, "rev-parse", "HEAD").strip()

    expected = CodeState(str(repository), sha, "first\n", "main", (), ())
    assert expected == ask_both(repository)
    assert not expected.dirty


def test_the_whole_message_is_given_in_the_encoding_of_the_commit(repository: Path) -> None:
    words = ("-c", "i18n.commitEncoding=latin1", "commit", "-q", "--allow-empty", "-F", "-")
    subprocess.run(
        ["git", *words, "--cleanup=verbatim"],
        cwd=repository,
        input=b"\ncaf\xe9\n\nbody\n\n\n",
        check=True,
    )

    assert ask_both(repository).message == "\ncafé\n\nbody\n\n\n"


def test_a_message_may_be_empty(repository: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")

    assert ask_both(repository).message == ""


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")

    assert ask_both(repository).branch is None


@pytest.mark.parametrize("branch", ["a/b", "größe", "HEADS", b"\xff"])
def test_a_branch_keeps_its_name(repository: Path, branch: str | bytes) -> None:
    git(repository, "checkout", "-q", "-b", os.fsdecode(branch))

    assert ask_both(repository).branch == os.fsdecode(branch)


# --- what is dirty, and what is untracked ---


def test_changes_count_staged_or_not(repository: Path) -> None:
    for name in ("edited", "staged", "deleted", "removed", "kept"):
        (repository / name).write_text(name)
    commit(repository)
    (repository / "edited").write_text("other")
    (repository / "staged").write_text("other")
    (repository / "added").write_text("new")
    (repository / "intended").write_text("new")
    git(repository, "add", "staged", "added")
    git(repository, "add", "--intent-to-add", "intended")
    git(repository, "rm", "-q", "removed")
    (repository / "deleted").unlink()

    expected = ("added", "deleted", "edited", "intended", "removed", "staged")
    assert ask_both(repository).changes == expected


def test_a_renamed_file_is_two_changes(repository: Path) -> None:
    git(repository, "config", "status.renames", "copies")
    git(repository, "mv", "train.py", "new.py")

    assert ask_both(repository).changes == ("new.py", "train.py")


def test_a_staged_change_that_is_undone_in_the_tree_counts(repository: Path) -> None:
    content = (repository / "train.py").read_text()
    (repository / "train.py").write_text("other")
    git(repository, "add", "-A")
    (repository / "train.py").write_text(content)

    assert ask_both(repository).changes == ("train.py",)


def test_a_file_that_was_only_touched_is_clean(repository: Path) -> None:
    os.utime(repository / "train.py", (1, 1))

    assert ask_both(repository).changes == ()


def test_a_mode_change_counts_unless_the_repository_says_otherwise(repository: Path) -> None:
    (repository / "train.py").chmod(0o755)

    assert ask_both(repository).changes == ("train.py",)
    git(repository, "config", "core.fileMode", "false")
    assert ask_both(repository).changes == ()


def test_links_are_compared_by_where_they_lead(repository: Path) -> None:
    for name in ("same", "led astray", "made a file"):
        (repository / name).symlink_to("train.py")
    commit(repository)
    (repository / "train.py").write_text("other")
    (repository / "led astray").unlink()
    (repository / "led astray").symlink_to("nowhere")
    (repository / "made a file").unlink()
    (repository / "made a file").write_text("train.py")

    assert ask_both(repository).changes == ("led astray", "made a file", "train.py")


def test_a_file_that_became_a_directory_is_one_change(repository: Path) -> None:
    (repository / "train.py").unlink()
    (repository / "train.py").mkdir()
    (repository / "train.py" / "inner").write_text("")

    assert ask_both(repository)[4:6] == (("train.py",), ())


def test_line_ends_that_git_converts_are_no_change(repository: Path) -> None:
    git(repository, "config", "core.autocrlf", "true")
    (repository / "train.py").write_bytes(b"print('hello')\r\n")
    git(repository, "add", "--renormalize", ".")

    assert ask_both(repository).changes == ()


def test_unmerged_files_count(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "other")
    (repository / "train.py").write_text("theirs")
    commit(repository)
    git(repository, "checkout", "-q", "main")
    (repository / "train.py").write_text("ours")
    commit(repository)
    subprocess.run(
        ["git", "merge", "-q", "other"], cwd=repository, capture_output=True, check=False
    )

    assert ask_both(repository).changes == ("train.py",)


@pytest.mark.parametrize("bit", ["--assume-unchanged", "--skip-worktree"])
@pytest.mark.parametrize("is_deleted", [True, False])
def test_files_that_git_was_told_to_leave_alone_are_clean(
    repository: Path, bit: str, is_deleted: bool
) -> None:
    git(repository, "update-index", bit, "train.py")
    if is_deleted:
        (repository / "train.py").unlink()
    else:
        (repository / "train.py").write_text("other")

    assert ask_both(repository).changes == ()


def test_untracked_files_are_listed_and_do_not_make_it_dirty(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.log\n")
    commit(repository)
    (repository / "data" / "deep").mkdir(parents=True)
    (repository / "data" / "deep" / "x").write_text("")
    (repository / "logs").mkdir()
    (repository / "logs" / "a.log").write_text("")
    (repository / "empty").mkdir()
    (repository / "new.py").write_text("")

    state = ask_both(repository)

    assert ((), ("data/", "new.py")) == (state.changes, state.untracked)
    assert not state.dirty


def test_a_file_no_longer_tracked_is_both(repository: Path) -> None:
    git(repository, "rm", "-q", "--cached", "train.py")

    assert ask_both(repository)[4:6] == (("train.py",), ("train.py",))


def test_of_very_many_untracked_files_the_first_are_listed(repository: Path) -> None:
    for number in range(UNTRACKED_LIMIT + 2):
        (repository / f"{number:05}").write_text("")

    state = ask_both(repository)

    assert (UNTRACKED_LIMIT, 2) == (len(state.untracked), state.untracked_left_out)
    assert state.untracked[-1] == f"{UNTRACKED_LIMIT - 1:05}"


def test_names_are_kept_exactly_and_sorted_by_bytes(repository: Path) -> None:
    names = sorted(
        [b" a", b"'q'", b'"', b"\xff", b"new\nline", b"100%", "ü".encode(), "😀".encode()]
    )
    for name in names:
        (repository / os.fsdecode(name)).write_text("")
    assert ask_both(repository).untracked == tuple(map(os.fsdecode, names))

    git(repository, "add", "-A")
    assert ask_both(repository).changes == tuple(map(os.fsdecode, names))


def test_a_repository_inside_is_one_untracked_directory(repository: Path) -> None:
    shutil.copytree(repository, repository / "inner")
    (repository / "inner" / "train.py").write_text("other")

    assert ask_both(repository)[4:6] == ((), ("inner/",))


# --- our own directory ---


def test_the_experiments_directory_never_counts(repository: Path) -> None:
    experiments = repository / "out" / "runs [1]*"
    (experiments / "1").mkdir(parents=True)
    (experiments / "1" / "STATUS").write_text("SUCCESS")
    (experiments / "tracked").write_text("")
    git(repository, "add", "-f", str(experiments / "tracked"))
    commit(repository)
    (experiments / "tracked").write_text("changed")
    (experiments / "2").mkdir()
    (experiments / "2" / "STATUS").write_text("SUCCESS")

    assert ask_both(repository, str(experiments))[4:6] == ((), ())
    (repository / "out" / "mine").write_text("")
    assert ask_both(repository, str(experiments)).untracked == ("out/mine",)


def test_a_directory_that_holds_only_the_experiments_is_not_listed(repository: Path) -> None:
    experiments = repository / "out" / "experiments"
    experiments.mkdir(parents=True)
    (experiments / "file").write_text("")

    assert ask_both(repository, str(experiments)).untracked == ()
    (repository / "out" / "mine").write_text("")
    assert ask_both(repository, str(experiments)).untracked == ("out/",)


def test_a_neighbour_with_the_same_beginning_counts(repository: Path) -> None:
    (repository / "experiments2").write_text("")

    assert ask_both(repository, str(repository / "experiments")).untracked == ("experiments2",)


def test_the_experiments_directory_may_be_a_link(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (repository / "experiments").symlink_to(tmp_path / "scratch")

    assert ask_both(repository, str(repository / "experiments")).untracked == ()


def test_the_repository_may_be_reached_by_a_link(repository: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(repository)
    (repository / "experiments").mkdir()
    (repository / "experiments" / "file").write_text("")

    for exclude in (link / "experiments", repository / "experiments"):
        assert ask_both(link, str(exclude))[:1] + ask_both(link, str(exclude))[4:6] == (
            str(link),
            (),
            (),
        )


@pytest.mark.parametrize("exclude", ["", "..", "../elsewhere"])
def test_an_experiments_directory_that_is_not_inside_excludes_nothing(
    repository: Path, exclude: str
) -> None:
    (repository / "train.py").write_text("other")

    state = ask_both(repository, os.path.normpath(repository / exclude))

    assert state.changes == ("train.py",)


# --- other kinds of repository ---


@pytest.fixture
def with_submodule(repository: Path, tmp_path: Path) -> Path:
    shutil.copytree(repository, tmp_path / "library")
    git(repository, "submodule", "--quiet", "add", str(tmp_path / "library"), "a lib")
    commit(repository)
    return repository


@pytest.mark.parametrize("ignored", [None, "all", "dirty", "untracked"])
def test_a_changed_or_moved_submodule_is_one_change(
    with_submodule: Path, ignored: str | None
) -> None:
    if ignored:
        git(with_submodule, "config", "submodule.a lib.ignore", ignored)
        git(with_submodule, "config", "diff.ignoreSubmodules", ignored)
    assert ask_both(with_submodule)[4:6] == ((), ())

    (with_submodule / "a lib" / "new").write_text("")
    assert ask_both(with_submodule)[4:6] == ((), ("a lib/",))

    (with_submodule / "a lib" / "train.py").write_text("other")
    assert ask_both(with_submodule)[4:6] == (("a lib",), ())

    commit(with_submodule / "a lib")
    assert ask_both(with_submodule)[4:6] == (("a lib",), ())

    git(with_submodule, "add", "a lib")
    assert ask_both(with_submodule)[4:6] == (("a lib",), ())

    commit(with_submodule)
    assert ask_both(with_submodule)[4:6] == ((), ())


def test_a_submodule_of_a_submodule_counts(with_submodule: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    shutil.copytree(tmp_path / "library", top)
    git(top, "submodule", "--quiet", "add", str(with_submodule), "middle")
    git(top, "submodule", "--quiet", "update", "--init", "--recursive")
    commit(top)
    assert ask_both(top)[4:6] == ((), ())

    (top / "middle" / "a lib" / "new").write_text("")
    assert ask_both(top)[4:6] == ((), ("middle/",))

    (top / "middle" / "a lib" / "train.py").write_text("other")
    assert ask_both(top)[4:6] == (("middle",), ())


def test_a_submodule_that_is_not_checked_out_is_clean(with_submodule: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(with_submodule), "clone")

    assert ask_both(tmp_path / "clone")[4:6] == ((), ())


def test_a_submodule_and_a_worktree_are_repositories_too(
    with_submodule: Path, tmp_path: Path
) -> None:
    git(with_submodule, "worktree", "add", "-q", str(tmp_path / "tree"))
    (tmp_path / "tree" / "train.py").write_text("other")
    (with_submodule / "a lib" / "new").write_text("")

    tree = ask_both(tmp_path / "tree")
    assert ("tree", ("train.py",)) == (tree.branch, tree.changes)
    assert ask_both(with_submodule / "a lib").untracked == ("new",)


def test_a_shallow_clone_just_works(repository: Path, tmp_path: Path) -> None:
    sha = commit(repository, "second")
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), "shallow")

    state = ask_both(tmp_path / "shallow")
    assert (sha, "second\n", ()) == (state.sha, state.message, state.changes)


def test_a_partial_clone_is_asked_without_fetching(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "uploadpack.allowFilter", "true")
    (repository / "train.py").write_text("other")
    commit(repository)
    git(tmp_path, "clone", "-q", "--filter=blob:none", repository.as_uri(), "partial")
    git(tmp_path / "partial", "reset", "-q", "--mixed", "HEAD~")
    shutil.rmtree(repository)

    assert ask_both(tmp_path / "partial").changes == ("train.py",)


@pytest.mark.parametrize("pattern", [("--cone", "kept"), ("--no-cone", "/kept")])
def test_files_that_a_sparse_checkout_leaves_out_are_clean(
    repository: Path, pattern: tuple[str, str]
) -> None:
    for name in ("kept", "left"):
        (repository / name).mkdir()
        (repository / name / "file").write_text("")
    commit(repository)
    git(repository, "sparse-checkout", "set", *pattern)
    assert not (repository / "left").exists()

    assert ask_both(repository).changes == ()
    (repository / "kept" / "file").write_text("other")
    assert ask_both(repository).changes == ("kept/file",)


@pytest.mark.parametrize(
    "making",
    [
        ("sparse-checkout", "set", "--cone", "--sparse-index", "x"),
        ("update-index", "--split-index"),
    ],
)
def test_an_index_that_libgit2_cannot_read_is_read_by_git_alone(
    repository: Path, making: tuple[str, ...]
) -> None:
    (repository / "directory").mkdir()
    (repository / "directory" / "file").write_text("")
    commit(repository)
    git(repository, *making)

    assert capture(str(repository)).changes == ()
    with pytest.raises(CodeStateError, match="Install the git program"):
        libgit2_alone(repository)


def test_files_in_lfs_are_clean_for_git_and_changed_for_libgit2(tmp_path: Path) -> None:
    """A known difference: libgit2 runs no filter programs."""
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed")
    repository = tmp_path / "a b"  # git-lfs itself fails in a directory with a newline in its name
    git(tmp_path, "init", "-q", str(repository))
    git(repository, "lfs", "install", "--local")
    git(repository, "lfs", "track", "*.bin")
    (repository / "weights.bin").write_bytes(b"\0" * 1000)
    commit(repository)
    os.utime(repository / "weights.bin", (1, 1))

    assert capture(str(repository)).changes == ()
    assert libgit2_alone(repository).changes == ("weights.bin",)
    (repository / "weights.bin").write_bytes(b"\1" * 1000)
    assert capture(str(repository)).changes == ("weights.bin",)


def test_a_new_repository_inside_is_listed_by_git_alone(repository: Path) -> None:
    """A known difference: for libgit2 a directory with nothing but ``.git`` is empty."""
    git(repository, "init", "-q", "inner")

    assert capture(str(repository)).untracked == ("inner/",)
    assert libgit2_alone(repository).untracked == ()


# --- what git refuses ---


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")

    expected = (
        f"{tmp_path} has no commit yet, so there is no code to record. "
        "Commit the code first, or say --no-git"
    )
    assert expected == error_of_both(tmp_path)


def test_a_bare_repository_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", ".git")

    assert error_of_both(tmp_path).startswith(f"{tmp_path} is a bare repository")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_repository_of_another_user_needs_trust(tmp_path: Path) -> None:
    directory = tmp_path / "theirs"
    directory.mkdir()
    git(directory, "init", "-q")
    commit(directory)
    for path in (directory, directory / ".git"):
        os.chown(path, 12345, 12345)

    expected = (
        f"{directory} belongs to another user, so git does not read it. "
        f"If you trust it: git config --global --add safe.directory {directory}"
    )
    assert expected == error_of_both(directory)
    git(tmp_path, "config", "--global", "--add", "safe.directory", str(directory))
    assert ask_both(directory).changes == ()


@pytest.mark.parametrize("harm", ["HEAD", "index", "objects", "refs", "config"])
def test_a_corrupt_repository_is_one_line(repository: Path, harm: str) -> None:
    path = repository / ".git" / harm
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.write_text("[junk")

    for ask in (lambda: capture(str(repository)), lambda: libgit2_alone(repository)):
        with pytest.raises(CodeStateError) as caught:
            ask()
        assert "\n" not in str(caught.value)
        assert "--no-git" in str(caught.value)


def test_a_broken_repository_is_not_answered_for_by_the_one_around_it(repository: Path) -> None:
    inner = repository / "inner"
    (inner / ".git").mkdir(parents=True)

    for ask in (lambda: capture(str(inner)), lambda: libgit2_alone(inner)):
        with pytest.raises(CodeStateError, match="cannot read the repository"):
            ask()


# --- whatever else is around ---


def test_inherited_variables_lead_to_no_other_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is in a git hook, and in `git rebase --exec`."""
    expected = capture(str(repository))
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_PREFIX", "sub/")
    monkeypatch.setenv("GIT_TRACE", "1")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare=true'")

    assert expected == ask_both(repository)


def test_configuration_given_by_variables_is_kept(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "excludes").write_text("*.tmp\n")
    (repository / "a.tmp").write_text("")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.excludesFile")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(tmp_path / "excludes"))

    assert capture(str(repository)).untracked == ()


def test_the_users_taste_does_not_change_the_answer(repository: Path, tmp_path: Path) -> None:
    (repository / "b").write_text("b\n" * 20)
    commit(repository)
    git(repository, "mv", "b", "c")
    (repository / "ü new").write_text("")
    expected = ask_both(repository)
    for name, value in {
        "status.showUntrackedFiles": "no",
        "status.renames": "true",
        "status.short": "true",
        "status.branch": "false",
        "status.showStash": "true",
        "status.relativePaths": "false",
        "status.submoduleSummary": "true",
        "status.displayCommentPrefix": "true",
        "core.quotePath": "true",
        "core.pager": "false",
        "core.fsmonitor": str(tmp_path / "missing"),
        "color.ui": "always",
        "column.ui": "always",
        "diff.noprefix": "true",
        "log.showSignature": "true",
        "i18n.logOutputEncoding": "latin1",
        "index.threads": "1",
        "alias.status": "!false",
    }.items():
        git(repository, "config", name, value)

    assert expected == ask_both(repository)
    assert (("b", "c"), ("ü new",)) == (expected.changes, expected.untracked)


def test_nothing_is_written_and_a_locked_index_is_no_obstacle(repository: Path) -> None:
    (repository / ".git" / "index.lock").write_text("")
    os.utime(repository / "train.py", (1, 1))
    (repository / "new").write_text("")

    def stats() -> dict[str, tuple[int, int]]:
        found = {}
        for directory, _, names in os.walk(repository):
            for path in (directory, *(os.path.join(directory, name) for name in names)):
                info = os.lstat(path)
                found[path] = (info.st_mtime_ns, info.st_size)
        return found

    before = stats()

    assert ask_both(repository)[4:6] == ((), ("new",))
    assert before == stats()


@pytest.mark.parametrize("language", ["de_DE.UTF-8", "C"])
def test_messages_are_understood_in_any_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    git(tmp_path, "init", "-q", "--bare", ".git")
    monkeypatch.setenv("LC_ALL", language)
    monkeypatch.setenv("LANGUAGE", language)

    assert "is a bare repository" in error_of_both(tmp_path)


@pytest.mark.parametrize(
    "script", ["#!/bin/sh\nexit 129\n", "#!/bin/sh\nexit 127\n", "not a program"]
)
def test_a_git_too_old_or_broken_is_as_none(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    expected = capture(str(repository))
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))

    assert expected == capture(str(repository))


def test_pygit2_is_not_imported_where_git_answers(repository: Path) -> None:
    code = (
        "import sys; from meticulous.git import capture; "
        "capture(sys.argv[1]); print('pygit2' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(repository)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_the_url_of_origin_is_given_as_configured(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert capture(str(repository)).remote is None
    git(repository, "remote", "add", "origin", "ours:project.git")
    git(repository, "remote", "set-url", "--add", "origin", "second:project.git")
    git(repository, "config", "url.https://token@example.org/.insteadOf", "ours:")

    assert capture(str(repository)).remote == "ours:project.git"
    monkeypatch.setenv("PATH", "/nonexistent")
    assert capture(str(repository)).remote == "ours:project.git"


# --- the refusal ---


def state_with(*changes: str) -> CodeState:
    return CodeState("/project", "0" * 40, "message\n", "main", changes, ("new",))


def test_a_clean_state_is_not_refused() -> None:
    refuse_if_dirty(state_with())


def test_the_refusal_names_the_files_and_the_ways_on() -> None:
    with pytest.raises(DirtyRepositoryError) as caught:
        refuse_if_dirty(state_with("a.py", "b.py", "c.py"))

    assert str(caught.value) == (
        "3 files have uncommitted changes, so this run could not be repeated: a.py, b.py, c.py. "
        "Commit them, or keep the changes with the record (--dirty snapshot), "
        "or record only that there were some (--dirty ignore), "
        "or run without a record (--norecord)"
    )


def test_the_refusal_of_one_file_speaks_of_one() -> None:
    with pytest.raises(DirtyRepositoryError, match=r"^1 file has .*: a\.py\. Commit it, or"):
        refuse_if_dirty(state_with("a.py"))


def test_the_refusal_names_ten_files_at_most() -> None:
    with pytest.raises(DirtyRepositoryError, match=r"^1,234 files .* 8, 9, and 1,224 more\. "):
        refuse_if_dirty(state_with(*map(str, range(1234))))


def test_the_refusal_is_one_line_whatever_the_names() -> None:
    with pytest.raises(DirtyRepositoryError) as caught:
        refuse_if_dirty(state_with("a b", "new\nline", "\x1b[31m", "\udcff", AWKWARD))

    assert r": 'a b', 'new\nline', '\x1b[31m', '\udcff', " in str(caught.value)
    assert str(caught.value).isprintable()
