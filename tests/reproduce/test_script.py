"""`meticulous script`: runs repeated with git and a shell, where meticulous is not installed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import git, meticulous, only_run, runs_of, wait_until
from tests.launch_support import running
from tests.sharing_support import bare, commit, shell

TRAIN = """\
import os, sys
print(open("version.txt").read().strip(), sys.argv[1:], os.environ.get("OMP_NUM_THREADS"))
print("to stderr", file=sys.stderr)
sys.exit(3 if "--fail" in sys.argv else 0)
"""


@pytest.fixture
def project(repository: Path) -> Path:
    commit(repository, train_py=TRAIN, version_txt="first\n", _gitignore="experiments/\n")
    return repository


def record(project: Path, *words: str, options: tuple[str, ...] = (), **settings: object) -> None:
    done = meticulous("run", "-q", *options, "--", *words, cwd=project, **settings)
    assert b"meticulous:" not in done.stderr, done.stderr


def script_of(project: Path, *words: str) -> Path:
    done = meticulous("script", *words, cwd=project)
    assert done.returncode == 0, done.stderr
    path = project.parent / "again.sh"
    path.write_bytes(done.stdout)
    return path


def worktrees(project: Path) -> int:
    return git(project, "worktree", "list", "--porcelain").count("worktree ")


def test_runs_are_repeated_at_their_commits(project: Path, tmp_path: Path) -> None:
    awkward = 'it\'s "quoted" $HOME `x` *\nnew line ü'
    record(project, "python3", "train.py", "--text", awkward, "")
    commit(project, version_txt="second\n")
    record(project, "python3", "train.py", "--fail")
    (project / "version.txt").write_text("not committed\n")

    done = shell(script_of(project, "1-2"), project, tmp_path)

    first, second = (Path(run.file("stdout")).read_text() for run in runs_of(project))
    assert first + second == done.stdout
    assert "first ['--text'" in done.stdout and "second ['--fail']" in done.stdout
    assert 3 == done.returncode
    assert "run 1 ended with 0" in done.stderr and "run 2 ended with 3" in done.stderr
    assert 1 == worktrees(project)
    assert [] == list(tmp_path.glob("again-*"))
    assert "not committed\n" == (project / "version.txt").read_text()


def test_it_runs_from_elsewhere_for_another_clone(project: Path, tmp_path: Path) -> None:
    (project / "sub dir").mkdir()
    (project / "sub dir" / "here.py").write_text("print(open('../version.txt').read())\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "sub")
    done = meticulous("run", "-q", "--", "python3", "here.py", cwd=project / "sub dir")
    assert 0 == done.returncode
    git(tmp_path, "clone", "-q", str(project), "clone")
    script = script_of(project, "1")

    lost = shell(script, tmp_path, tmp_path)
    done2 = shell(script, tmp_path, tmp_path, "clone", CDPATH=".", GIT_OBJECT_DIRECTORY="nowhere")

    assert 125 == lost.returncode and "again.sh REPOSITORY" in lost.stderr
    assert [] == list(tmp_path.glob("again-*"))
    assert "first\n\n" == done2.stdout
    assert 1 == worktrees(project)


def test_a_commit_that_is_gone_is_named(project: Path, tmp_path: Path) -> None:
    record(project, "python3", "train.py")
    script = script_of(project, "1")
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "-q")

    done = shell(script, tmp_path, tmp_path, "other")

    assert 125 == done.returncode
    sha = only_run(project).read_metadata()["githead-sha"]
    assert f"has no commit {sha}" in done.stderr
    assert [] == list(tmp_path.glob("again-*"))


@pytest.mark.parametrize("ends_like_ours", [False, True])
def test_uncommitted_changes_are_applied_byte_for_byte(
    project: Path, tmp_path: Path, ends_like_ours: bool
) -> None:
    record(project, "python3", "-c", "import sys; sys.stdout.buffer.write(open('x', 'rb').read())")
    content = bytes(range(256)) * 3
    text = bytes(byte for byte in range(1, 256) if byte not in b"\n\r") + b"\r\n\\ $x `y`\n"
    text += b"END_OF_CHANGES\n" if ends_like_ours else b""
    (project / "x").write_bytes(text)
    (project / "binary").write_bytes(content)
    git(project, "add", "-A")
    only = only_run(project)
    patch = patch_of(project)
    Path(only.file("uncommitted.patch")).write_bytes(patch)
    git(project, "reset", "-q", "--hard")

    script = script_of(project, "1")
    done = shell(script, project, tmp_path, KEEP="1")

    assert 0 == done.returncode, done.stderr
    (code,) = tmp_path.glob("again-*/1/code")
    assert text == (code / "x").read_bytes()
    assert content == (code / "binary").read_bytes()


def test_submodules_come_with_their_changes(project: Path, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    git(tmp_path / "library", "init", "-q")
    commit(tmp_path / "library", value_txt="old")
    git(project, "submodule", "--quiet", "add", str(tmp_path / "library"), "libs/x y")
    commit(project, show_py="print(open('libs/x y/value.txt').read())")
    record(project, "python3", "show.py")
    module = project / "libs" / "x y"
    head = git(module, "rev-parse", "HEAD").strip()
    commit(module, value_txt="of a commit that only this clone has")
    local = git(module, "rev-parse", "HEAD").strip()
    (module / "value.txt").write_text("changed")
    run = only_run(project)
    Path(run.file("uncommitted.1.patch")).write_bytes(patch_of(module))
    entry = {"path": "libs/x y", "githead-sha": local, "patch": "uncommitted.1.patch"}
    metadata = run.read_metadata()
    (tmp_path / ".gitconfig").write_text('[protocol "file"]\n\tallow = always\n')

    plain = shell(script_of(project, "1"), project, tmp_path)
    run.write_json("metadata.json", {**metadata, "snapshot-submodules": [entry]})
    changed = shell(script_of(project, "1"), project, tmp_path)

    assert "old\n" == plain.stdout, plain.stderr
    assert "changed\n" == changed.stdout, changed.stderr
    assert head != local and 1 == worktrees(project)


def test_a_snapshot_is_repeated_as_it_was(project: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    commit(library, value_txt="old\n")
    git(project, "submodule", "--quiet", "add", str(library), "libs/x")
    program = (
        "import sys\nfor name in sys.argv[1:]: sys.stdout.buffer.write(open(name, 'rb').read())"
    )
    commit(project, cat_py=program)
    (project / "version.txt").write_bytes(bytes(range(1, 256)) + b"\r\nend")
    (project / "new ü.bin").write_bytes(bytes(range(256)))
    (project / "libs" / "x" / "value.txt").write_text("changed\n")
    files = ("version.txt", "new ü.bin", "libs/x/value.txt")
    record(project, "python3", "cat.py", *files, options=("--dirty", "snapshot"))
    git(project, "clean", "-qfd")
    git(project, "checkout", "-q", ".")
    git(project / "libs" / "x", "checkout", "-q", ".")
    (tmp_path / ".gitconfig").write_text('[protocol "file"]\n\tallow = always\n')
    git(tmp_path, "clone", "-q", str(project), "clone")

    script = script_of(project, "1")
    for place in (project, tmp_path / "clone"):
        done = shell(script, place, tmp_path)
        printed = done.stdout.encode("utf-8", "surrogateescape")
        assert Path(only_run(project).file("stdout")).read_bytes() == printed, done.stderr
        assert "could" not in done.stderr


def test_a_binary_file_that_git_takes_for_text(project: Path, tmp_path: Path) -> None:
    commit(project, _gitattributes="*.utf16 diff\n")
    text = "it's %s \\0 \\c\n".encode("utf-16-le") + bytes(range(256))
    (project / "x.utf16").write_bytes(text)
    program = "import sys; sys.stdout.buffer.write(open('x.utf16', 'rb').read())"
    record(project, "python3", "-c", program, options=("--dirty", "snapshot"))
    assert b"\0" in Path(only_run(project).file("uncommitted.patch")).read_bytes()
    (project / "x.utf16").unlink()

    done = shell(script_of(project, "1"), project, tmp_path)

    assert text == done.stdout.encode("utf-8", "surrogateescape"), done.stderr


def test_submodules_in_submodules_come_without_noise(project: Path, tmp_path: Path) -> None:
    for name in ("inner", "outer"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "-q")
        commit(tmp_path / name, value_txt="old\n")
    (tmp_path / ".gitconfig").write_text('[protocol "file"]\n\tallow = always\n')
    allow = ("-c", "protocol.file.allow=always")
    git(tmp_path / "outer", *allow, "submodule", "--quiet", "add", str(tmp_path / "inner"), "in")
    git(tmp_path / "outer", "commit", "-q", "-m", "inner")
    git(project, *allow, "submodule", "--quiet", "add", str(tmp_path / "outer"), "out")
    git(project, *allow, "submodule", "--quiet", "update", "--init", "--recursive")
    commit(project, show_py="print(open('out/in/value.txt').read())")
    (project / "out" / "in" / "value.txt").write_text("changed\n")
    record(project, "python3", "show.py", options=("--dirty", "snapshot"))

    done = shell(script_of(project, "1"), project, tmp_path)

    assert "changed\n\n" == done.stdout, done.stderr
    assert "error" not in done.stderr


def test_files_in_lfs_that_are_out_of_reach(project: Path, tmp_path: Path) -> None:
    commit(project, model_lfs="a pointer\n", _gitattributes="*.lfs filter=lfs\n")
    record(project, "python3", "-c", "print(open('model.lfs').read())")
    (tmp_path / ".gitconfig").write_text(
        '[filter "lfs"]\n\tsmudge = false\n\tclean = false\n\trequired = true\n'
    )

    done = shell(script_of(project, "1"), project, tmp_path)

    assert "a pointer\n\n" == done.stdout, done.stderr
    assert "files in LFS could not be had: only their pointers are there" in done.stderr


def test_packages_whose_code_is_not_recorded_are_named(project: Path, tmp_path: Path) -> None:
    record(project, "python3", "train.py")
    run = only_run(project)
    sources = {"mine": {"editable": True}, "other": {"url": "https://x/y.whl"}}
    environment = run.read_json("environment.json") | {"package-sources": sources}
    run.write_json("environment.json", environment)

    said = meticulous("script", "1", cwd=project).stderr

    assert b"run 1 had mine installed as editable: that code is not in the record" in said


def test_what_a_snapshot_left_out_is_named(project: Path, tmp_path: Path) -> None:
    (project / "nested").mkdir()
    git(project / "nested", "init", "-q")
    commit(project / "nested", f_txt="x")
    (project / "big.bin").write_bytes(bytes(2000))
    options = ("--dirty", "snapshot", "--snapshot-file-limit", "1k")
    meticulous("run", *options, "--", "python3", "train.py", cwd=project)

    for words in (("script", "1"), ("export", "1", tmp_path / "a.tar")):
        told = meticulous(*words, cwd=project).stderr.decode()
        assert "meticulous: not in the snapshot of run 1: big.bin (2.00 kB, " in told
        assert "nested/ (a repository of its own)" in told


def patch_of(project: Path) -> bytes:
    return subprocess.run(
        ["git", "diff", "--binary", "--full-index", "HEAD"],
        cwd=project,
        check=True,
        capture_output=True,
    ).stdout


def test_variables_that_decide_are_set_and_places_are_not(project: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "OMP_NUM_THREADS": "3", "SLURM_JOB_ID": "7"}
    record(project, "python3", "train.py", env=environ)

    script = script_of(project, "1")
    done = shell(script, project, tmp_path)

    assert "first [] 3\n" == done.stdout
    exports = [line.split()[1] for line in script.read_text().splitlines() if " export " in line]
    assert "OMP_NUM_THREADS=3" in exports
    assert not {"PATH", "SLURM_JOB_ID"} & {line.partition("=")[0] for line in exports}


def test_secrets_must_be_given(project: Path, tmp_path: Path) -> None:
    record(project, "python3", "train.py", "--api-key", "geheim-123456", "--x=https://u:pw@h/p")
    script = script_of(project, "1")
    assert "geheim" not in script.read_text()

    refused = shell(script, project, tmp_path)
    done = shell(script, project, tmp_path, SECRET_API_KEY="new key", SECRET_X="pw")

    assert 2 == refused.returncode and "SECRET_API_KEY" in refused.stderr
    assert "" == refused.stdout
    assert "first ['--api-key', 'new key', '--x=https://u:pw@h/p'] None\n" == done.stdout


def test_what_a_run_makes_is_kept(project: Path, tmp_path: Path) -> None:
    program = "import os; open('model.pt', 'w'); open(os.environ['METICULOUS_RUN_DIR'] + '/f', 'w')"
    record(project, "python3", "-c", program)
    script = script_of(project, "1")

    kept = shell(script, project, tmp_path, AGAIN=str(tmp_path / "kept here"))
    dropped = shell(script, project, tmp_path, AGAIN=str(tmp_path / "dropped"), KEEP="0")

    assert 0 == kept.returncode == dropped.returncode
    assert (tmp_path / "kept here/1/code/model.pt").exists()
    assert (tmp_path / "kept here/1/files/f").exists()
    assert not (tmp_path / "dropped").exists()


@pytest.mark.parametrize("name", ["bash", "dash"])
def test_a_script_that_the_shell_reads_from_a_pipe(
    project: Path, tmp_path: Path, name: str
) -> None:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"there is no {name}")
    for word in "ab":
        words = ("python3", "-c", f"import sys; print({word!r}, len(sys.stdin.read()))")
        record(project, *words, stdin=subprocess.DEVNULL)

    content = script_of(project, "1-2").read_bytes()
    done = subprocess.run(
        [program], input=content, cwd=project, env=bare(tmp_path), capture_output=True, check=True
    )

    assert b"a 0\nb 0\n" == done.stdout, done.stderr


def test_ctrl_c_ends_it_and_leaves_nothing(project: Path, tmp_path: Path) -> None:
    commit(project, wait_py="import time; print('ready', flush=True); time.sleep(60)")
    record(project, "python3", "-c", "0")
    run = only_run(project)
    run.write_json("metadata.json", {**run.read_metadata(), "command": ["python3", "wait.py"]})
    script = script_of(project, "1")

    with running(["sh", str(script)], project, env=bare(tmp_path)) as process:
        os.killpg(process.pid, signal.SIGINT)
        code = process.wait()

    assert 130 == code
    assert [] == list(tmp_path.glob("again-*"))
    assert 1 == worktrees(project)


def test_a_script_outside_git_says_so(project: Path, tmp_path: Path) -> None:
    record(project, "python3", "train.py", options=("--no-git",))
    said = meticulous("script", "1", cwd=project)
    assert b"run 1 was recorded outside git: its code is not known" in said.stderr

    done = shell(script_of(project, "1"), project, tmp_path)

    assert "first [] None\n" == done.stdout
    assert "uses the code that is here now" in done.stderr
    assert [] == list(tmp_path.glob("again-*"))
    program = "import os; open(os.environ['METICULOUS_RUN_DIR'] + '/f', 'w')"
    record(project, "python3", "-c", program, options=("--no-git",))
    done = shell(script_of(project, "2"), project, tmp_path)
    (made,) = tmp_path.glob("again-*/2/files/f")
    assert f"what run 2 has made is in {made.parent.parent}" in done.stderr


def test_data_beside_the_code_is_read_where_it_is(project: Path, tmp_path: Path) -> None:
    program = """
import argparse, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--data", default="data")
parser.add_argument("--more")
parser.add_argument("--out")
options = parser.parse_args()
print(open(options.data + "/big/x.csv").read(), open(options.more).read())
open(options.out, "a").write("written")
"""
    (project / "data" / "big").mkdir(parents=True)
    commit(project, read_py=program, _gitignore="experiments/\n*.csv\nout*\n")
    (project / "data" / "kept").write_text("git has the folder")
    git(project, "add", "data/kept")
    git(project, "commit", "-q", "-m", "data")
    (project / "data" / "big" / "x.csv").write_text("numbers")
    (project / "more of it.csv").write_text("more")
    words = ("python3", "read.py", "--more=more of it.csv", "--out", "out 1")
    wait_for_clock(project / "more of it.csv")
    record(project, *words)
    git(tmp_path, "clone", "-q", str(project), "clone")

    script = script_of(project, "1")
    done = shell(script, project, tmp_path)
    there = shell(script, tmp_path / "clone", tmp_path)

    assert "numbers more\n" == done.stdout, done.stderr
    assert "written" == (project / "out 1").read_text()
    assert 1 == there.returncode
    assert "run 1 reads more of it.csv, which is not here" in there.stderr


def test_data_of_too_many_files_are_named(project: Path, tmp_path: Path) -> None:
    commit(project, _gitignore="experiments/\ndata\n")
    (project / "data").mkdir()
    for number in range(20_001):
        (project / "data" / str(number)).touch()
    record(project, "python3", "train.py", "data")

    done = shell(script_of(project, "1"), project, tmp_path)
    rerun = meticulous("rerun", "1", cwd=project)

    assert "again: data has too many files to see that the run only read them" in done.stderr
    assert b"meticulous: data is not linked: it has too many files to see" in rerun.stderr
    assert b"--link data" in rerun.stderr


def wait_for_clock(file: Path) -> None:
    """Wait until files written now are younger than `file`, by the disk's clock."""
    before = file.stat().st_mtime
    probe = file.parent.parent / "probe"

    def is_later() -> bool:
        probe.write_text("")
        return probe.stat().st_mtime > before

    wait_until(is_later)


def test_an_interpreter_of_the_project_is_found(project: Path, tmp_path: Path) -> None:
    commit(project, _gitignore="experiments/\n.venv\n")
    binary = project / ".venv" / "bin"
    binary.mkdir(parents=True)
    (binary / "python").write_text('#!/bin/sh\nexec python3 "$@"\n')
    (binary / "python").chmod(0o755)
    record(project, ".venv/bin/python", "train.py")
    script = script_of(project, "1")
    git(tmp_path, "clone", "-q", str(project), "clone")

    here = shell(script, project, tmp_path)
    there = shell(script, tmp_path / "clone", tmp_path)
    chosen = shell(script, tmp_path / "clone", tmp_path, PYTHON="python3")

    assert here.stdout == chosen.stdout == "first [] None\n"
    assert 125 == there.returncode and "PYTHON=python3" in there.stderr


def test_a_script_that_recorded_itself_is_run_by_its_python(project: Path, tmp_path: Path) -> None:
    record(project, "python3", "train.py", "a b")
    run = only_run(project)
    metadata = run.read_metadata()
    del metadata["child-pid"]
    run.write_json("metadata.json", {**metadata, "command": ["train.py", "a b"]})

    done = shell(script_of(project, "1"), project, tmp_path)

    assert "first ['a b'] None\n" == done.stdout


def test_a_project_below_the_top_of_the_repository(project: Path, tmp_path: Path) -> None:
    (project / "part").mkdir()
    (project / "part" / "p.py").write_text("import os; print(os.path.basename(os.getcwd()))\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "part")
    record(project / "part", "python3", "p.py", options=("--project-directory", "."))
    metadata = only_run(project / "part").read_metadata()
    assert ("part", ".") == (metadata["project"], metadata["cwd"])

    done = shell(
        script_of(project, "1", "--experiments-directory", "part/experiments"), project, tmp_path
    )

    assert "part\n" == done.stdout


def test_what_is_named_by_whole_paths_is_that_of_the_work_tree(
    project: Path, tmp_path: Path
) -> None:
    commit(
        project,
        cat_py="import sys; print([open(a.split('=')[-1]).read() for a in sys.argv[1:]])",
        _gitignore="experiments/\n*.csv\n",
    )
    (project / "data.csv").write_text("data")
    wait_for_clock(project / "data.csv")
    words = (project / "cat.py", f"--file={project}/version.txt", project / "data.csv")
    record(project, "python3", *map(str, words))
    commit(project, version_txt="second\n", cat_py="print('another program')")

    done = shell(script_of(project, "1"), project, tmp_path)
    rerun = meticulous("rerun", "1", cwd=project)

    assert "['first\\n', 'data']\n" == done.stdout, done.stderr
    assert rerun.stdout.startswith(b"['first\\n', 'data']\nidentical: run 2"), rerun.stderr


def test_modules_on_a_path_in_the_project_are_those_of_the_work_tree(
    project: Path, tmp_path: Path
) -> None:
    source = project / "it's"
    source.mkdir()
    (source / "m.py").write_text("print('first')")
    commit(project, version_txt="with a module")
    path = f"/nowhere::{source}"
    words = ("-c", "import m, os; print(os.environ['PYTHONPATH'])")
    record(project, "python3", *words, env={**os.environ, "PYTHONPATH": path})
    (source / "m.py").write_text("print('second')")

    done = shell(script_of(project, "1"), project, tmp_path, PYTHON=sys.executable)

    first, place = done.stdout.splitlines()
    assert "first" == first, done.stderr
    assert place.startswith("/nowhere::") and place.endswith("/1/code/it's")


def test_a_run_started_in_its_repository_beside_its_project(project: Path, tmp_path: Path) -> None:
    (project / "part").mkdir()
    (project / "part" / "p.py").write_text("print(open('version.txt').read(), open('d').read())\n")
    commit(project, _gitignore="experiments/\nd\n")
    (project / "d").write_text("data")
    words = ("part/p.py", "d")
    wait_for_clock(project / "d")
    record(project, "python3", *words, options=("--project-directory", "part"))
    run = only_run(project / "part")
    assert ("part", "..") == (run.read_metadata()["project"], run.read_metadata()["cwd"])
    wait_until(lambda: run.read_metadata().get("data"))
    assert "../d" == run.read_metadata()["data"][0]["path"]
    commit(project, version_txt="second\n")
    where = ("--experiments-directory", "part/experiments")

    done = shell(script_of(project, "1", *where), project, tmp_path)
    rerun = meticulous("rerun", "1", *where, cwd=project)

    assert "first\n data\n" == done.stdout, done.stderr
    assert rerun.stdout.endswith(b"identical: run 2 compared with run 1\n"), rerun.stderr


def test_named_runs_and_bad_names(project: Path, tmp_path: Path) -> None:
    record(project, "python3", "train.py", options=("--experiment-id", "it's a; run"))

    done = shell(script_of(project, "it's a; run"), project, tmp_path)
    missing = meticulous("script", "7", cwd=project)

    assert "first [] None\n" == done.stdout
    assert (1, b"") == (missing.returncode, missing.stdout)
    assert b"there is no run 7" in missing.stderr


def test_a_record_of_a_stranger_runs_nothing_but_its_command(project: Path, tmp_path: Path) -> None:
    record(project, "python3", "train.py")
    run = only_run(project)
    evil = f"\n}}\ntouch '{tmp_path}/pwned' $(touch '{tmp_path}/pwned') `touch pwned` \"'\n"
    names = ("description", "host", "start-time", "project", "branch", "githead-message")
    metadata = {**run.read_metadata(), **dict.fromkeys(names, evil), "cwd": f"x{evil}"}
    metadata["command"] = ["python3", "-c", "print('only this')", evil, f"--token=***{evil}", evil]
    run.write_json("metadata.json", metadata)
    python = {"version": f"3.11{evil}", "executable": evil}
    packages = {
        "END_OF_PACKAGES": evil,
        evil: "",
        f"x\nEND_OF_PACKAGES\ntouch {tmp_path}/pwned": "1",
    }
    variables = {evil: "x", "OMP_X": evil, "PATH\ntouch pwned": "x", "OMP_\u00fc": "1", "A;B": evil}
    content = {"python": python, "packages": packages, "variables": variables}
    run.write_json("environment.json", content)
    for number, options in enumerate([(), ("--with-environment",)]):
        script = tmp_path / f"{number}.sh"
        script.write_bytes(meticulous("script", "1", *options, cwd=project).stdout)

        done = shell(script, project, tmp_path, SECRET_TOKEN="t", PYTHON="python3", KEEP="0")

        assert "only this\n" == done.stdout or options, done.stderr
    run.write_json("metadata.json", {**metadata, "githead-sha": f"HEAD; {evil}"})
    done = shell(script_of(project, "1"), project, tmp_path, SECRET_TOKEN="t", KEEP="0")

    assert 125 == done.returncode and "has no commit" in done.stderr
    assert [] == list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "change",
    [
        {"cwd": "../.."},
        {"project": "a/../../b"},
        {"snapshot-submodules": [{"path": "../x", "githead-sha": "1", "patch": "p"}]},
    ],
)
def test_a_record_that_leads_out_of_its_repository_is_refused(
    project: Path, change: dict[str, object]
) -> None:
    record(project, "python3", "train.py")
    run = only_run(project)
    run.write_json("metadata.json", {**run.read_metadata(), **change})

    done = meticulous("script", "1", cwd=project)

    assert (1, b"") == (done.returncode, done.stdout)
    assert b"outside its repository" in done.stderr


def test_an_environment_is_made_for_the_run(project: Path, tmp_path: Path) -> None:
    commit(project, where_py="import sys; print(sys.prefix)")
    record(project, "python3", "where.py")
    run = only_run(project)
    environment = run.read_json("environment.json")
    run.write_json("environment.json", {**environment, "packages": {}})  # none from the network
    done = meticulous("script", "1", "--with-environment", cwd=project)
    (tmp_path / "again.sh").write_bytes(done.stdout)

    done2 = shell(tmp_path / "again.sh", project, tmp_path, KEEP="0")

    assert 0 == done2.returncode, done2.stderr
    assert done2.stdout.strip().endswith("/1/environment")
    assert [] == list(tmp_path.glob("again-*"))


def test_packages_of_the_run_are_installed(project: Path) -> None:
    record(project, "python3", "train.py")
    run = only_run(project)
    environment = run.read_json("environment.json")
    environment["packages"] = {"left-pad": "1.0"}
    run.write_json("environment.json", environment)

    text = meticulous("script", "1", "--with-environment", cwd=project).stdout.decode()

    assert "left-pad==1.0\nEND_OF_PACKAGES\n" in text
    (line,) = [line for line in text.splitlines() if "make_environment python" in line]
    assert shlex.split(line)[1].startswith("python3.")
    assert json.loads(Path(run.file("environment.json")).read_text())["packages"]
