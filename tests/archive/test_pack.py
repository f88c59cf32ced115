"""`meticulous export` and `import`: what goes out comes in again, in every form of archive."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from meticulous.base.process_id import start_time
from meticulous.runfolder import RunFolder, liveness
from tests.conftest import git, meticulous, only_run, runs_of, wait_until
from tests.launch_support import METICULOUS, running
from tests.sharing_support import bare, commit, shell

FORMS = ["zip", "tar.zst", "tar.gz", "tgz", "tar", "/"]
PROGRAM = """\
import os, sys
folder = os.environ["METICULOUS_RUN_DIR"]
os.makedirs(folder + "/deep/er")
os.makedirs(folder + "/empty")
with open(folder + "/deep/er/with 'quotes' ü.bin", "wb") as file:
    file.write(bytes(range(256)) * 1000)
os.chmod(file.name, 0o750)
os.symlink("er/with 'quotes' ü.bin", folder + "/deep/latest")
print("made", sys.argv[1:])
"""


@pytest.fixture
def project(repository: Path) -> Path:
    commit(repository, train_py=PROGRAM, _gitignore="experiments/\n")
    return repository


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another project, with a repository of its own."""
    path = tmp_path / "elsewhere"
    path.mkdir()
    git(path, "init", "-q")
    git(path, "commit", "-q", "--allow-empty", "-m", "other")
    return path


def record(project: Path, *words: str, options: tuple[str, ...] = ()) -> None:
    done = meticulous("run", "-q", *options, "--", *(words or ("python3", "train.py")), cwd=project)
    assert 0 == done.returncode, done.stderr


def export(project: Path, *words: str | Path) -> str:
    """Export, and return what is said on stderr."""
    done = meticulous("export", *words, cwd=project)
    assert (0, b"") == (done.returncode, done.stdout), done.stderr
    return done.stderr.decode()


def take_in(project: Path, *words: str | Path) -> tuple[list[str], str]:
    """Import; return the folders on stdout and what is said on stderr."""
    done = meticulous("import", *words, cwd=project)
    assert 0 == done.returncode, done.stderr
    return done.stdout.decode().splitlines(), done.stderr.decode()


def refused(project: Path, *words: str | Path) -> str:
    """Run a command that must fail with one line, which is given."""
    done = meticulous(*words, cwd=project)
    assert (1, b"") == (done.returncode, done.stdout), done.stderr
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("meticulous: ")
    return line


def tree(folder: Path) -> dict[str, object]:
    """Return all that is in `folder`: content, mode and time of files, targets of links."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = None
        elif name != "metadata.json":
            found[name] = (path.read_bytes(), status.st_mode & 0o777, int(status.st_mtime))
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_run_comes_in_as_it_went_out(
    project: Path, elsewhere: Path, tmp_path: Path, form: str
) -> None:
    record(project, "python3", "train.py", "--lr", "0.1")
    file = f"{tmp_path}/paper{'' if form == '/' else '.'}{form}"

    said = export(project, "last", file)
    folders, told = take_in(elsewhere, file)

    assert "run 1 with its code in " in said
    assert ["experiments/1"] == folders
    here, there = only_run(elsewhere), only_run(project)
    assert tree(Path(there.path)) == tree(Path(here.path))
    metadata = here.read_metadata()
    origin = metadata.pop("imported-from")
    assert there.read_metadata() == metadata
    assert ("1", os.uname().nodename) == (origin["id"], origin["host"])
    assert os.path.basename(file.rstrip("/")) == origin["archive"]
    sha = metadata["githead-sha"]
    assert f"refs/meticulous/{sha}" in git(elsewhere, "for-each-ref", "--format=%(refname)")
    assert PROGRAM == git(elsewhere, "show", f"{sha}:train.py")
    assert "refs/meticulous/" in told
    assert [] == [name for name in os.listdir(elsewhere / "experiments") if "import" in name]


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_may_be_called_as_its_folder_of_runs(
    project: Path, elsewhere: Path, tmp_path: Path, form: str
) -> None:
    record(project)
    name = "runs/" if form == "/" else f"runs.{form}"
    export(project, "1", f"{tmp_path}/{name}")

    assert 0 == meticulous("import", tmp_path / name, cwd=elsewhere).returncode
    assert "1" == only_run(elsewhere).id


def test_taking_code_in_touches_nothing_of_the_user(
    project: Path, elsewhere: Path, tmp_path: Path
) -> None:
    record(project)
    export(project, "1", tmp_path / "a.zip")

    def state() -> list[str]:
        refs = git(elsewhere, "for-each-ref").splitlines()
        files = sorted(str(path) for path in (elsewhere / ".git").glob("*"))
        return [
            *(ref for ref in refs if "refs/meticulous/" not in ref),
            *(file for file in files if not file.endswith("objects")),
            git(elsewhere, "status", "--porcelain"),
            git(elsewhere, "reflog"),
        ]

    hook = elsewhere / ".git" / "hooks" / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/hooked'\n")
    hook.chmod(0o755)
    before = state()
    take_in(elsewhere, tmp_path / "a.zip")

    assert before == state()
    assert not (tmp_path / "hooked").exists()


def test_ids_are_kept_where_they_are_free(project: Path, elsewhere: Path, tmp_path: Path) -> None:
    record(project)
    record(project, options=("--experiment-id", "base line"))
    record(project)
    record(elsewhere, "true")
    export(project, "1", "base line", "2", tmp_path / "a.tar.gz")

    folders, told = take_in(elsewhere, tmp_path / "a.tar.gz")
    again, told_again = take_in(elsewhere, tmp_path / "a.tar.gz")

    assert ["experiments/3", "experiments/base line", "experiments/2"] == folders
    assert "the id 1 is taken here: it is run 3 now" in told
    assert "run 2 is here already" in told_again and "base line is here already" in told_again
    assert "1" == runs_of(elsewhere)[2].read_metadata()["imported-from"]["id"]
    assert "run 1 is here already, as run 3" in told_again
    assert again == folders
    record(elsewhere, "true")
    assert (elsewhere / "experiments" / "4").exists()


def test_a_removed_run_s_id_is_not_taken(project: Path, elsewhere: Path, tmp_path: Path) -> None:
    record(project)
    export(project, "1", tmp_path / "a.zip")
    (elsewhere / "experiments" / ".trash" / "1").mkdir(parents=True)

    folders, _ = take_in(elsewhere, tmp_path / "a.zip")

    assert ["experiments/2"] == folders


def test_runs_that_name_each_other_still_do(project: Path, elsewhere: Path, tmp_path: Path) -> None:
    for _ in range(3):
        record(project)
    for number, parent in ((2, "1"), (3, "9")):
        run = RunFolder(str(project / "experiments" / str(number)))
        run.write_json("metadata.json", {**run.read_metadata(), "parent": parent})
    record(elsewhere, "true")
    export(project, "1-3", tmp_path / "a.zip")

    folders, _ = take_in(elsewhere, tmp_path / "a.zip")

    assert ["experiments/4", "experiments/2", "experiments/3"] == folders
    parents = [RunFolder(str(elsewhere / folder)).read_metadata() for folder in folders]
    assert [None, "4", None] == [metadata["parent"] for metadata in parents]
    assert "9" == parents[2]["imported-from"]["parent"]


def test_without_a_repository_the_code_stays_beside_the_run(
    project: Path, elsewhere: Path, tmp_path: Path
) -> None:
    record(project)
    export(project, "1", tmp_path / "a.tar")
    bare_place = tmp_path / "no repository"
    bare_place.mkdir()

    _, told = take_in(bare_place, tmp_path / "a.tar")
    said_again = export(bare_place, "1", tmp_path / "b.tar")
    take_in(elsewhere, tmp_path / "b.tar")
    export(bare_place, "1", f"{tmp_path}/unpacked/")

    assert "run 1 with its code in" in said_again and "goes without" not in said_again
    done = shell(tmp_path / "unpacked" / "again.sh", tmp_path, tmp_path)
    assert "made []\n" == done.stdout, done.stderr
    assert "git clone runs/ID/code.bundle" in (tmp_path / "unpacked" / "README.txt").read_text()

    said = meticulous("script", "1", cwd=bare_place)
    (tmp_path / "again.sh").write_bytes(said.stdout)
    bundle = f"{only_run(bare_place).path}/code.bundle"
    done = shell(tmp_path / "again.sh", bare_place, tmp_path, bundle)
    assert b"is in experiments/1/code.bundle" in said.stderr
    assert "made []\n" == done.stdout, done.stderr
    assert "kept as code.bundle" in told
    git(tmp_path, "clone", "-q", f"{only_run(bare_place).path}/code.bundle", "cloned")
    assert PROGRAM == (tmp_path / "cloned" / "train.py").read_text()
    assert (elsewhere / "experiments/1/code.bundle").exists()


@pytest.mark.parametrize("dirty", [False, True])
def test_code_that_stayed_beside_the_run_can_be_checked_out(
    project: Path, tmp_path: Path, dirty: bool
) -> None:
    if dirty:
        (project / "train.py").write_text("changed")
    record(project, "true", options=("--dirty", "snapshot"))
    export(project, "1", tmp_path / "a.zip")
    place = tmp_path / "new"
    place.mkdir()
    take_in(place, tmp_path / "a.zip")
    git(place, "init", "-q")

    done = meticulous("checkout", "1", tmp_path / "code", cwd=place)

    assert 0 == done.returncode, done.stderr
    assert ("changed" if dirty else PROGRAM) == (tmp_path / "code" / "train.py").read_text()


def test_code_can_be_left_out_on_both_sides(project: Path, elsewhere: Path, tmp_path: Path) -> None:
    record(project)
    assert "without code" in export(project, "1", tmp_path / "bare.zip", "--code", "none")
    export(project, "1", tmp_path / "full.zip")

    take_in(elsewhere, tmp_path / "full.zip", "--no-code")

    assert "" == git(elsewhere, "for-each-ref", "refs/meticulous")
    with zipfile.ZipFile(tmp_path / "bare.zip") as bare:
        assert not any("bundle" in name for name in bare.namelist())
        assert b"bundle" not in bare.read("bare/README.txt")


def test_runs_of_another_project_have_their_own_code(
    project: Path, elsewhere: Path, tmp_path: Path
) -> None:
    record(project)

    export(elsewhere, "1", tmp_path / "a.zip", "--experiments-directory", project / "experiments")
    take_in(tmp_path, "a.zip", "--experiments-directory", elsewhere / "experiments")

    sha = only_run(elsewhere).read_metadata()["githead-sha"]
    assert PROGRAM == git(elsewhere, "show", f"{sha}:train.py")


def test_a_snapshot_goes_out_as_its_commit(project: Path, elsewhere: Path, tmp_path: Path) -> None:
    (project / "train.py").write_text("print('changed')\n")
    (project / "new").write_text("new")
    record(project, options=("--dirty", "snapshot"))

    export(project, "1", tmp_path / "a.zip")
    take_in(elsewhere, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extract("a/code.bundle", tmp_path)
    git(tmp_path, "clone", "-q", "a/code.bundle", "cloned")

    run = only_run(elsewhere)
    sha = run.read_metadata()["snapshot-sha"]
    assert "print('changed')\n" == git(elsewhere, "show", f"{sha}:train.py")
    assert PROGRAM == git(elsewhere, "show", f"{sha}~1:train.py")
    assert "new" == (tmp_path / "cloned" / "new").read_text()
    assert Path(run.file("uncommitted.patch")).exists()


def test_a_snapshot_of_another_clone_is_made_again(project: Path, tmp_path: Path) -> None:
    (project / "train.py").write_text("print('changed')\n")
    record(project, "true", options=("--dirty", "snapshot"))
    git(tmp_path, "clone", "-q", str(project), "clone")
    shutil.copytree(project / "experiments", tmp_path / "clone" / "experiments")

    export(tmp_path / "clone", "1", tmp_path / "a.zip")

    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        (run,) = json.loads(archive.read("a/manifest.json"))["runs"]
    sha = only_run(project).read_metadata()["snapshot-sha"]
    assert (sha, True) == (run["commit"], run["is_snapshot"])


def test_a_commit_that_is_gone_is_refused_or_left_out(project: Path, tmp_path: Path) -> None:
    record(project)
    record(project)
    run = runs_of(project)[1]
    run.write_json("metadata.json", {**run.read_metadata(), "githead-sha": "1" * 40})

    line = refused(project, "export", "1,2", tmp_path / "a.zip")
    said = export(project, "1,2", tmp_path / "a.zip", "--code", "found")

    assert "the code of run 2 cannot be exported" in line and "1" * 40 in line
    assert "--code found" in line
    assert "run 2 goes without its code" in said


def test_a_shallow_clone_says_what_to_do(project: Path, tmp_path: Path) -> None:
    commit(project, other="x")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{project}", "shallow")
    record(tmp_path / "shallow")

    line = refused(tmp_path / "shallow", "export", "1", tmp_path / "a.zip")

    assert "git fetch --unshallow" in line


def test_a_partial_clone_says_what_to_do(project: Path, tmp_path: Path) -> None:
    git(project, "config", "uploadpack.allowFilter", "true")
    commit(project, train_py="print('new')")
    words = ("clone", "-q", "--filter=blob:none", project.as_uri(), "partial")
    git(tmp_path, *words)
    record(tmp_path / "partial", "true")

    line = refused(tmp_path / "partial", "export", "1", tmp_path / "a.zip")
    git(tmp_path / "partial", "fetch", "-q", "--refetch", "--no-filter")

    assert "(git fetch --refetch --no-filter)" in line
    assert "with its code" in export(tmp_path / "partial", "1", tmp_path / "a.zip")


def test_without_git_the_code_is_left_out_or_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(project)
    monkeypatch.setenv("PATH", str(tmp_path))

    line = refused(project, "export", "1", tmp_path / "a.zip")

    assert "there is no git program" in line
    assert "without code" in export(project, "1", tmp_path / "a.zip", "--code", "none")


def test_what_a_bundle_lacks_is_named(project: Path, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    git(tmp_path / "library", "init", "-q")
    commit(tmp_path / "library", x="x")
    git(project, "submodule", "--quiet", "add", str(tmp_path / "library"), "libs/x")
    commit(project, _gitattributes="*.pt filter=lfs\n")
    record(project, "true")

    said = export(project, "1", tmp_path / "a.zip")

    assert "left out code.bundle: libs/x: a submodule, whose commit" in said
    assert "left out code.bundle: files in LFS" in said


def test_a_repository_of_sha256(tmp_path: Path, elsewhere: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "-q", "--object-format=sha256")
        commit(tmp_path / name, x=name)
    record(tmp_path / "one", "true")
    export(tmp_path / "one", "1", tmp_path / "a.zip")

    take_in(tmp_path / "two", tmp_path / "a.zip")
    line = refused(elsewhere, "import", tmp_path / "a.zip")

    sha = only_run(tmp_path / "two").read_metadata()["githead-sha"]
    assert 64 == len(sha)
    assert "one" == git(tmp_path / "two", "show", f"{sha}:x")
    assert "have other hashes than" in line and "which has sha1" in line


def test_what_is_there_is_not_replaced(project: Path, tmp_path: Path) -> None:
    record(project)
    (tmp_path / "a.zip").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_text("mine")

    line = refused(project, "export", "1", tmp_path / "a.zip")
    refused(project, "export", "1", f"{tmp_path}/folder/")

    assert "exists already" in line and "mine" == (tmp_path / "a.zip").read_text()
    assert ["mine"] == os.listdir(tmp_path / "folder")
    export(project, "1", tmp_path / "a.zip", "--force")
    export(project, "1", f"{tmp_path}/folder/", "--force")
    assert zipfile.is_zipfile(tmp_path / "a.zip")
    assert "mine" not in os.listdir(tmp_path / "folder")


def test_an_export_is_no_part_of_what_is_exported(project: Path) -> None:
    record(project)

    inside = refused(project, "export", "1", "experiments/1/deep.zip")
    beside = refused(project, "export", "1", "experiments/x/")

    assert "experiments/1/deep.zip is inside run 1" in inside
    assert "experiments/x would look like a run itself" in beside
    assert ["1"] == [run.id for run in runs_of(project)]


@pytest.mark.parametrize("name", ["a.rar", "a", ".zip"])
def test_the_name_says_what_to_write(project: Path, name: str) -> None:
    record(project)

    done = meticulous("export", "1", name, cwd=project)

    assert 2 == done.returncode
    assert b"End it in .zip, .tar.zst" in done.stderr


def test_an_unfinished_run_is_exported_only_when_asked(
    project: Path, elsewhere: Path, tmp_path: Path
) -> None:
    command = [*METICULOUS, "run", "--", sys.executable, "-c"]
    program = "import sys; print('ready', flush=True); sys.stdin.read()"
    with running([*command, program], project, stdin=subprocess.PIPE) as process:
        line = refused(project, "export", "last", tmp_path / "a.zip")
        said = export(project, "last", tmp_path / "a.zip", "--running")
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()

    assert "run 1 is not finished" in line and "--running" in line
    assert "run 1 with its code" in said
    take_in(elsewhere, tmp_path / "a.zip")
    here = only_run(elsewhere)
    assert ("RUNNING", "") == here.read_status()
    assert b"ready\n" == Path(here.file("stdout")).read_bytes()
    export(project, "last", tmp_path / "ended.zip")
    for words in (("ls",), ("doctor", "--fix")):
        assert b"this is a copy" in meticulous(*words, cwd=elsewhere).stdout
        _, told = take_in(elsewhere, tmp_path / "ended.zip")
        todo = "meticulous rm 1 && meticulous purge 1, and import again"
        assert f"run 1: it has ended since it was taken in; to have its end: {todo}" in told
    for end in (("rm", "1"), ("purge", "1", "--yes")):
        assert 0 == meticulous(*end, cwd=elsewhere).returncode
    folders, _ = take_in(elsewhere, tmp_path / "ended.zip")
    assert ["experiments/1"] == folders and "SUCCESS" == only_run(elsewhere).read_status()[0]


def test_a_copy_of_a_run_has_no_processes(project: Path, elsewhere: Path, tmp_path: Path) -> None:
    command = [*METICULOUS, "run", "--", sys.executable, "-c"]
    program = "import sys; print('ready', flush=True); sys.stdin.read()"
    with running([*command, program], project, stdin=subprocess.PIPE) as process:
        export(project, "last", tmp_path / "a.zip", "--running")
        take_in(elsewhere, tmp_path / "a.zip")
        listed = meticulous("ls", cwd=elsewhere).stdout.decode()
        stopped = refused(elsewhere, "stop", "1")
        assert process.poll() is None
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()

    assert "LOST" in listed and "this is a copy" in listed
    assert "the run 1 is lost: this is a copy, exported on" in stopped
    assert "SUCCESS" == only_run(project).read_status()[0]


def test_an_imported_run_that_is_resumed_runs_here(project: Path, tmp_path: Path) -> None:
    waits = (
        "import os, sys\n"
        "if os.environ['METICULOUS_ATTEMPT'] == '1':\n"
        "    sys.exit(3)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    commit(project, wait_py=waits)
    assert 3 == meticulous("run", "-q", "--", "python3", "wait.py", cwd=project).returncode
    export(project, "last", tmp_path / "a.zip")
    shutil.rmtree(project / "experiments")
    take_in(project, tmp_path / "a.zip")

    command = [*METICULOUS, "run", "--resume", "--", "python3", "wait.py"]
    with running(command, project, stdin=subprocess.PIPE) as process:
        listed = meticulous("ls", cwd=project).stdout.decode()
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()

    assert "RUNNING" in listed
    (earlier,) = only_run(project).read_metadata()["attempts"]
    assert "1" == earlier["imported-from"]["id"]


def test_the_ranks_of_a_copy_have_no_processes_either(
    project: Path, elsewhere: Path, tmp_path: Path
) -> None:
    record(project)
    run = only_run(project)
    rank = run.rank(1)
    os.makedirs(rank.path)
    own = {key: run.read_metadata()[key] for key in ("host", "boot-id")}
    ours = {**own, "pid": os.getpid(), "pid-start-time": start_time(os.getpid())}
    rank.write_json("metadata.json", ours)
    rank.write_status("RUNNING")
    assert liveness.is_running(run)

    export(project, "1", tmp_path / "a.zip")
    take_in(elsewhere, tmp_path / "a.zip")

    assert not liveness.is_running(only_run(elsewhere))


def test_what_no_archive_should_hold_is_left_out_and_named(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(project)
    folder = Path(only_run(project).path)
    (folder / "out").symlink_to("../../train.py")
    (folder / "absolute").symlink_to("/etc/hosts")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        said = export(project, "1", tmp_path / "a.tar.gz")

    for name in ("absolute", "fifo", "out", "socket"):
        assert f"left out runs/1/{name}: " in said


def test_a_printed_secret_is_pointed_out(project: Path, tmp_path: Path) -> None:
    record(project, "python3", "-c", "print('hf_' + 'abcdefgh' * 4 + 'ij')")
    record(project, "python3", "-c", "print('nothing')")
    (project / "experiments" / "2" / "a\nb\x1b[31m").symlink_to("/etc")

    said = export(project, "1,2", tmp_path / "a.zip")

    assert "1/stdout seems to hold a secret" in said
    assert "left out runs/2/a\\nb\\x1b[31m: a link" in said
    assert "2/stdout" not in said


def test_a_file_name_that_is_no_text(project: Path, elsewhere: Path, tmp_path: Path) -> None:
    record(project)
    name = os.path.join(os.fsencode(only_run(project).path), b"caf\xe9")
    try:
        with open(name, "wb") as file:
            file.write(b"x")
    except OSError:
        pytest.skip("this file system wants UTF-8")

    line = refused(project, "export", "1", tmp_path / "a.zip")
    export(project, "1", tmp_path / "a.tar.gz")
    take_in(elsewhere, tmp_path / "a.tar.gz")

    assert "a .zip cannot hold the file name" in line
    assert b"caf\xe9" in os.listdir(os.fsencode(only_run(elsewhere).path))


def test_a_full_disk_leaves_nothing_half_made(
    project: Path, elsewhere: Path, tmp_path: Path
) -> None:
    record(project)
    big = Path(only_run(project).path) / "big"
    big.write_bytes(os.urandom(3 << 20))
    export(project, "1", tmp_path / "a.zip")
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system needs the right to mount")
    try:
        full = refused(project, "export", "1", small / "a.zip")
        left = os.listdir(small)
        line = refused(
            elsewhere, "import", tmp_path / "a.zip", "--experiments-directory", small / "runs"
        )
        left_by_import = os.listdir(small)
    finally:
        subprocess.run(["umount", str(small)], check=True)

    assert "No space left" in full and "Free some space" in full
    assert "are free" in line
    assert [] == left == left_by_import


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_half_made(
    project: Path, elsewhere: Path, tmp_path: Path, number: signal.Signals
) -> None:
    record(project)
    big = Path(only_run(project).path) / "big"
    with open(big, "wb") as file:
        file.truncate(300 << 20)
    export(project, "1", tmp_path / "a.tar.zst")
    with open(big, "wb") as file:
        file.truncate(8 << 30)
    place = tmp_path / "out"
    place.mkdir()

    def ended(cwd: Path, *words: str | Path) -> int:
        """Return how a command ends that gets the signal once it has begun to write in `place`."""
        with subprocess.Popen([*METICULOUS, *words], cwd=cwd) as process:
            wait_until(lambda: any(path.is_dir() for path in place.glob(".*")))
            process.send_signal(number)
            return process.wait()

    assert 128 + number == ended(project, "export", "1", place / "a.zip")
    assert [] == os.listdir(place)
    taking = ("import", tmp_path / "a.tar.zst", "--experiments-directory", place)
    assert 128 + number == ended(elsewhere, *taking)
    assert [".gitignore"] == os.listdir(place)


@pytest.mark.parametrize("form", ["zip", "tar.zst"])
def test_without_meticulous_it_is_unpacked_cloned_and_repeated(
    project: Path, tmp_path: Path, form: str
) -> None:
    commit(project, say_py="import sys; print('said', sys.argv[1:], open('x').read())", x="old")
    record(project, "python3", "say.py", "--lr", "0.1")
    commit(project, x="new")
    record(project, "python3", "say.py")
    export(project, "1,2", f"{tmp_path}/paper.{form}")
    there = tmp_path / "there"
    there.mkdir()
    environment = bare(tmp_path)
    words = {"zip": ["unzip", "-q"], "tar.zst": ["tar", "--zstd", "-xf"]}[form]
    if not all((Path(environment["PATH"]) / word).exists() for word in (words[0], "zstd")):
        pytest.skip(f"no {words[0]} or zstd")

    def plain(*command: str, cwd: Path = there) -> str:
        return subprocess.run(
            command, cwd=cwd, env=environment, check=True, capture_output=True, text=True
        ).stdout

    plain(*words, f"{tmp_path}/paper.{form}")
    plain("git", "clone", "-q", "paper/code.bundle", "code")
    plain("git", "-C", "code", "checkout", "-q", "run-2")
    manifest = json.loads((there / "paper" / "manifest.json").read_text())
    done = shell(there / "paper" / "again.sh", there, tmp_path)

    assert "new" == (there / "code" / "x").read_text()
    assert "said ['--lr', '0.1'] old\nsaid [] new\n" == done.stdout, done.stderr
    assert [] == list(tmp_path.glob("again-*"))
    checked = plain(
        "python3",
        "-c",
        "import hashlib, json, sys\n"
        "for name, told in json.load(open('manifest.json'))['files'].items():\n"
        "    assert hashlib.sha256(open(name, 'rb').read()).hexdigest() == told['sha256'], name\n"
        "print('checked')",
        cwd=there / "paper",
    )
    assert "checked\n" == checked
    assert ["1", "2"] == [run["id"] for run in manifest["runs"]]
