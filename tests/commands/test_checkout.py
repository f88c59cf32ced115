"""The code of a run, found again: `checkout`, `show --code`, `diff --code`."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

import pexpect
import pytest

from tests.conftest import git, meticulous, runs_of
from tests.git.test_worktree import with_submodule


@pytest.fixture
def project(repository: Path) -> Path:
    """Run 1 is of a clean tree; run 2 of one with a change and a new file; run 3 ignored them."""
    (repository / "src").mkdir()
    (repository / "src" / "main.py").write_text("print('one')\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "a main")
    run(repository, "refuse")
    (repository / "src" / "main.py").write_text("print('two')\n")
    (repository / "new.py").write_text("print('new')\n")
    run(repository, "snapshot")
    run(repository, "ignore")
    return repository


def run(repository: Path, dirty: str) -> None:
    words = ["run", "-q", "--dirty", dirty, "--", "true"]
    assert 0 == meticulous(*words, cwd=repository / "src").returncode


def test_checkout_makes_the_code_beside_the_project(project: Path) -> None:
    before = git(project, "status", "--porcelain")

    done = meticulous("checkout", "2", cwd=project)

    there = project.with_name(project.name + "-2")
    assert (0, os.fsencode(there) + b"\n") == (done.returncode, done.stdout)
    assert b"a main, with the changes of snapshot " in done.stderr
    assert b"checkout 2 --remove" in done.stderr
    assert "print('two')\n" == (there / "src" / "main.py").read_text()
    assert "print('new')\n" == (there / "new.py").read_text()
    assert before == git(project, "status", "--porcelain")

    again = meticulous("checkout", "2", cwd=project)
    assert (1, b"", 1) == (again.returncode, again.stdout, again.stderr.count(b"exists already"))
    (there / "new.py").write_text("changed\n")
    kept = meticulous("checkout", "2", "--remove", cwd=project)
    assert (1, 1) == (kept.returncode, kept.stderr.count(b"nowhere else: new.py"))
    assert 0 == meticulous("checkout", "2", "--remove", "--force", cwd=project).returncode
    assert not there.exists()


def test_checkout_of_a_directory_that_is_named(project: Path, tmp_path: Path) -> None:
    where = tmp_path / "a b"
    done = meticulous("checkout", "@none", where, cwd=project)
    assert 1 == done.returncode

    done = meticulous("checkout", "last", where, cwd=project / "src")

    assert os.fsencode(where) + b"\n" == done.stdout
    assert b"there were uncommitted changes, which were not kept" in done.stderr
    assert f"cd '{os.path.relpath(where, project / 'src')}/src'".encode() in done.stderr
    assert "print('one')\n" == (where / "src" / "main.py").read_text()

    done = meticulous("checkout", "last", "--remove", where, cwd=project)  # in any order

    assert (0, False) == (done.returncode, where.exists()), done.stderr


def test_runs_that_were_recorded_there_are_not_removed(project: Path, tmp_path: Path) -> None:
    meticulous("checkout", "1", tmp_path / "there", cwd=project)
    assert 0 == meticulous("run", "-q", "--", "true", cwd=tmp_path / "there").returncode

    done = meticulous("checkout", "1", tmp_path / "there", "--remove", cwd=project)

    assert (1, 1) == (done.returncode, done.stderr.count(b"1 run was recorded there"))
    assert 1 == len(runs_of(tmp_path / "there"))


def test_what_is_not_ours_is_not_removed(project: Path) -> None:
    for words in (["--remove"], ["--remove", "--force"]):
        done = meticulous("checkout", "1", project, *words, cwd=project)
        assert (1, 1) == (done.returncode, done.stderr.count(b"was not made by meticulous"))
    assert 3 == len(runs_of(project))
    assert 2 == meticulous("checkout", "1", "--force", cwd=project).returncode


def test_a_clone_that_has_the_folders_has_the_code(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(project), "clone")
    clone = tmp_path / "clone"
    shutil.copytree(project / "experiments", clone / "experiments")

    assert b"+print('two')" in meticulous("show", "2", "--code", cwd=clone).stdout
    done = meticulous("checkout", "2", tmp_path / "there", cwd=clone)

    assert 0 == done.returncode, done.stderr
    assert "print('two')\n" == (tmp_path / "there" / "src" / "main.py").read_text()


def test_submodules_come_from_their_patches_too(repository: Path, tmp_path: Path) -> None:
    with_submodule(repository, tmp_path / "library")
    (repository / "lib" / "code.py").write_text("changed\n")
    meticulous("run", "-q", "--dirty", "snapshot", "--", "true", cwd=repository)
    git(tmp_path, "clone", "-q", "--recurse-submodules", str(repository), "clone")
    shutil.copytree(repository / "experiments", tmp_path / "clone" / "experiments")

    done = meticulous("checkout", "1", tmp_path / "there", cwd=tmp_path / "clone")

    assert 0 == done.returncode, done.stderr
    assert "changed\n" == (tmp_path / "there" / "lib" / "code.py").read_text()
    shown = meticulous("show", "1", "--code", cwd=tmp_path / "clone").stdout
    assert b"+changed" in shown
    assert b"Submodule lib" in shown


def test_code_that_is_gone_is_a_message(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "other")
    other = tmp_path / "other"
    git(other, "commit", "-q", "--allow-empty", "-m", "other")
    shutil.copytree(project / "experiments", other / "experiments")

    for number, says in (("1", b"or this is another clone"), ("2", b"to which the uncommitted")):
        done = meticulous("checkout", number, tmp_path / "there", cwd=other)
        assert (1, 1) == (done.returncode, len(done.stderr.splitlines())), done.stderr
        assert says in done.stderr
        assert b"git fetch REMOTE" in done.stderr
    compared = meticulous("diff", "1", "2", "--code", cwd=other)
    assert (1, 1) == (compared.returncode, compared.stderr.count(b"git fetch REMOTE"))
    shown = meticulous("show", "2", "--code", cwd=other)
    assert b"+print('two')" in shown.stdout
    assert b"This is the patch in the folder of run 2" in shown.stderr
    assert not (tmp_path / "there").exists()


def test_show_and_diff_of_the_code(project: Path) -> None:
    shown = meticulous("show", "1", "2", "3", "--code", cwd=project).stdout.decode()
    diff = meticulous("diff", "1", "2", "--code", cwd=project).stdout.decode()
    stat = meticulous("diff", "1", "2", "--stat", cwd=project).stdout.decode()
    ignored = meticulous("diff", "1", "3", "--code", cwd=project)

    assert 1 == shown.count("There were no uncommitted changes.")
    assert 1 == shown.count("There were uncommitted changes, which were not kept.")
    assert diff in shown
    assert "-print('one')\n+print('two')\n" in diff
    assert "new.py      | 1 +" in stat
    assert (b"", 1) == (ignored.stdout, ignored.stderr.count(b"run 3 had uncommitted changes"))
    assert b"run 1 and run 3 have the same code" in ignored.stderr


@pytest.mark.parametrize(("pager", "seen"), [("sed s/^/paged:/", "paged:"), ("/no/pager", "print")])
def test_on_a_terminal_it_is_coloured_and_paged(project: Path, pager: str, seen: str) -> None:
    environ = {**os.environ, "PAGER": pager, "TERM": "xterm"}
    words = ["-m", "meticulous", "diff", "1", "2", "--code"]
    child = pexpect.spawn(sys.executable, words, cwd=project, env=environ, timeout=60)  # type: ignore[arg-type]
    printed = child.read().decode()
    child.close()

    assert 0 == child.exitstatus
    assert seen in printed
    assert "\x1b[32m+" in printed


def test_nothing_is_fetched_unless_that_is_asked_for(repository: Path, tmp_path: Path) -> None:
    with_submodule(repository, tmp_path / "library")
    assert 0 == meticulous("run", "-q", "--", "true", cwd=repository).returncode
    git(repository, "submodule", "--quiet", "deinit", "-f", "lib")
    shutil.rmtree(repository / ".git" / "modules")

    for command in ("checkout", "rerun"):
        done = meticulous(command, "1", cwd=repository)
        assert b"the submodule lib is left out: its repository is not here" in done.stderr
        assert b"nothing was fetched: --fetch gets what is not here" in done.stderr
        assert not (repository / ".git" / "modules").exists()
    assert 0 == meticulous("checkout", "1", "--remove", cwd=repository).returncode

    for command in ("rerun", "checkout"):
        done = meticulous(command, "1", "--fetch", cwd=repository)
        assert (0, 0) == (done.returncode, done.stderr.count(b"left out"))
    there = repository.with_name(repository.name + "-1")
    assert "one\n" == (there / "lib" / "code.py").read_text()


def test_a_server_of_a_submodule_hears_nothing_of_a_checkout(
    repository: Path, tmp_path: Path
) -> None:
    with_submodule(repository, tmp_path / "library")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://name:pa55word-of-mine@127.0.0.1:{server.getsockname()[1]}/lib"
        git(repository, "config", "--file", ".gitmodules", "submodule.lib.url", url)
        git(repository, "commit", "-q", "-a", "-m", "another address")
        assert 0 == meticulous("run", "-q", "--", "true", cwd=repository).returncode
        git(repository, "submodule", "--quiet", "deinit", "-f", "lib")
        shutil.rmtree(repository / ".git" / "modules")

        done = meticulous("checkout", "1", cwd=repository)

        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert b"there fetches it from http://name:***@127.0.0.1:" in done.stderr
