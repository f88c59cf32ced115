"""Tags, notes, the trash and what takes the space, with real folders and a running recorder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous.query.cache import sqlite_file
from meticulous.runfolder import TRASH, trash
from tests.conftest import git, meticulous, only_run, runs_of, wait_until
from tests.launch_support import METICULOUS, Terminal


def say(project: Path, *words: str, code: int = 0, **options: object) -> str:
    """Run a command line; return what it printed, stdout and stderr."""
    done = meticulous(*words, cwd=project, **options)
    assert code == done.returncode, done.stderr.decode()
    return (done.stdout + done.stderr).decode()


def ids(project: Path) -> list[str]:
    return [run.id for run in runs_of(project)]


def listed(project: Path, *words: str) -> list[str]:
    """Return the ids that `ls` lists."""
    output = meticulous("ls", "--columns", "expid", *words, cwd=project).stdout.decode()
    return output.split()[1:]


@pytest.fixture
def project(repository: Path) -> Path:
    """A project with the runs 1 (SUCCESS), 2 (ERROR) and 3 (SUCCESS)."""
    for command in ("true", "false", "true"):
        meticulous("run", "-q", "--", command, cwd=repository)
    return repository


@pytest.fixture
def running(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The run 4 of `project`, which ends when it is told to."""
    words = [
        *METICULOUS,
        "run",
        "-q",
        "-t",
        "first",
        "--",
        "sh",
        "-c",
        "echo begun; exec sleep 1000",
    ]
    with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.send_signal(signal.SIGTERM)


# Tags and notes


def test_tags_are_added_and_taken_away(project: Path) -> None:
    assert "1  good, b\n2  good, b\n" == say(project, "tag", "1-2", "+good", "b")
    assert ["1", "2"] == listed(project, "--tag", "good")
    assert "1  b\n" == say(project, "tag", "1", "-good", "-never")
    assert ["2"] == listed(project, "--tag", "good")
    assert "1  b\n" == say(project, "tag", "1")
    where = ["--experiments-directory", str(project / "experiments")]
    assert "1  b, hot\n" == say(project, "tag", "1", "+hot", *where)
    assert "1  b\n" == say(project, "tag", *where, "1", "-hot")
    assert "3  -\n" == say(project, "tag", "3")


@pytest.mark.parametrize("word", ["+", "-", "a,b", " x"])
def test_what_is_no_tag_is_refused(project: Path, word: str) -> None:
    assert "is no tag" in say(project, "tag", "1", word, code=2)


def test_what_is_edited_while_a_run_is_running_stays(
    project: Path, running: subprocess.Popen[bytes]
) -> None:
    say(project, "tag", "4", "+later", "-first")
    say(project, "note", "4", "looks", "good")
    running.terminate()
    running.wait()
    metadata = runs_of(project)[3].read_metadata()
    assert (["later"], "SIGTERM") == (metadata["tags"], metadata["signal"])
    assert ["looks good"] == [note["text"] for note in metadata["notes"]]


def test_what_is_edited_while_an_experiment_is_open_stays(repository: Path) -> None:
    (repository / "train.py").write_text(
        "import subprocess, sys\nfrom meticulous import Experiment\n"
        "with Experiment({}, tags=['first']) as experiment:\n"
        "    subprocess.run([sys.executable, '-m', 'meticulous', 'tag', '1', '+later'], check=True)\n"
    )
    git(repository, "commit", "-qam", "train")
    subprocess.run([sys.executable, "train.py"], cwd=repository, check=True, capture_output=True)
    metadata = only_run(repository).read_metadata()
    assert ["first", "later"] == metadata["tags"]
    assert metadata["end-time"]


def test_many_edits_at_once_lose_nothing(project: Path) -> None:
    words = [[*METICULOUS, "tag", "1", f"+t{number}"] for number in range(8)]
    for process in [subprocess.Popen(one, cwd=project, stdout=subprocess.DEVNULL) for one in words]:
        assert 0 == process.wait()
    assert {f"t{number}" for number in range(8)} == set(runs_of(project)[0].read_metadata()["tags"])


def test_notes_are_added_shown_and_found(project: Path) -> None:
    say(project, "note", "1,3", "diverged after the warm-up")
    say(project, "note", "1", "-", input=b"second\nthought\n")
    shown = say(project, "show", "1")
    assert "diverged after the warm-up" in shown
    assert "second\\nthought" in shown
    query = "metadata_notes.str.contains('warm-up')"
    assert ["1", "3"] == listed(project, "--filter", query)


def test_a_note_is_written_in_the_editor(project: Path) -> None:
    editor = project / "editor"
    editor.write_text("#!/bin/sh\necho 'from the editor' > \"$1\"\n")
    editor.chmod(0o755)
    environ = {"EDITOR": "'" + str(editor).replace("'", "'\"'\"'") + "'", "VISUAL": ""}
    with Terminal([*METICULOUS, "note", "2"], project, environ) as terminal:
        assert 0 == terminal.end(), terminal.output
    assert "from the editor" == runs_of(project)[1].read_metadata()["notes"][0]["text"]


def test_a_note_of_ten_megabytes_is_refused(project: Path) -> None:
    said = say(project, "note", "1", "-", input=b"x" * 10_000_000, code=2)
    assert "the note has 10.0 MB, and 100 kB is the most" in said
    assert "notes" not in runs_of(project)[0].read_metadata()
    assert "the note is empty" in say(project, "note", "1", " ", code=2)


def test_secrets_in_notes_are_masked(project: Path) -> None:
    say(project, "note", "1", "used ghp_" + "a1B2" * 9)
    assert "ghp_" not in Path(runs_of(project)[0].file("metadata.json")).read_text()


# The trash


def test_a_removed_run_is_gone_and_comes_back(project: Path) -> None:
    before = {
        path.name: path.read_bytes()
        for path in Path(runs_of(project)[1].path).iterdir()
        if path.is_file()
    }
    assert "moved 1 run to the trash: 2" in say(project, "rm", "2")
    assert (["1", "3"], ["1", "3"]) == (ids(project), listed(project))
    assert "2" in say(project, "restore").split()
    say(project, "restore", "2")
    assert (["1", "2", "3"], ["1", "2", "3"]) == (ids(project), sorted(listed(project)))
    after = {
        path.name: path.read_bytes()
        for path in Path(runs_of(project)[1].path).iterdir()
        if path.is_file()
    }
    assert before == after


@pytest.mark.parametrize("words", [["1,3"], ["3", "1", "3"], ["1-3"], ["@good"], ["last", "3,1"]])
def test_removed_runs_are_named_as_others_are(project: Path, words: list[str]) -> None:
    say(project, "tag", "1,3", "+good")
    say(project, "rm", "1,3")
    said = say(project, "restore", *words)
    assert ["restored experiments/1", "restored experiments/3"] == sorted(said.splitlines())
    assert ["1", "2", "3"] == ids(project)
    say(project, "rm", "1,3")
    assert "deleted 2 runs" in say(project, "purge", *words)
    assert "there is no run @good in the trash" in say(project, "restore", "@good", code=1)


def test_a_run_that_lies_elsewhere_comes_back_too(project: Path, tmp_path: Path) -> None:
    folder = project / "experiments" / "2"
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    say(project, "rm", "2")
    assert ["1", "3"] == listed(project)
    say(project, "restore", "2")
    assert folder.is_symlink()
    assert ["1", "2", "3"] == sorted(listed(project))


def test_the_id_of_a_removed_run_is_not_given_again(project: Path) -> None:
    say(project, "rm", "3")
    say(project, "purge")
    meticulous("run", "-q", "true", cwd=project)
    assert ["1", "2", "4"] == ids(project)


def test_a_running_run_is_not_removed(project: Path, running: subprocess.Popen[bytes]) -> None:
    said = say(project, "rm", "3-4", code=1)
    assert "moved 1 run to the trash: 3" in said
    assert "the run 4 is running. End it first: `meticulous stop 4`" in said
    assert "no run meets these conditions" in say(project, "gc", "--status", "RUNNING")
    assert ["1", "2", "4"] == ids(project)


def test_a_run_that_cannot_be_read_can_be_removed(project: Path) -> None:
    metadata = project / "experiments" / "2" / "metadata.json"
    metadata.write_text('{"format": 1')
    assert "moved 1 run to the trash: 2\n" in say(project, "rm", "2")
    metadata = project / "experiments" / "1" / "metadata.json"
    metadata.write_text('{"format": 1, "tags": 5}')
    for words in (("tag", "1", "x"), ("show", "1")):
        assert "experiments/1/metadata.json: 'tags' is not a list" in say(project, *words, code=1)
    assert "moved 1 run to the trash: 1\n" in say(project, "rm", "1", "1")


def test_a_named_run_can_be_removed_twice(repository: Path) -> None:
    for word in ("first", "second"):
        meticulous("run", "-q", "--experiment-id", "base", "--", "echo", word, cwd=repository)
        said = say(repository, "rm", "base")
    assert "`meticulous restore base~2` brings it back" in said
    say(repository, "restore", "base~2")
    assert b"second\n" == Path(only_run(repository).file("stdout")).read_bytes()
    assert "there is a run base" in say(repository, "restore", "base", code=1)
    say(repository, "restore", "base", "--as", "other")
    assert ["base", "other"] == ids(repository)
    assert "the trash is empty" in say(repository, "restore")


def test_names_are_printed_in_any_encoding(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "raise ValueError('größer \\x1b[31mred')"
    words = ["run", "-q", "--experiment-id", "grün", "--", sys.executable, "-c", code]
    meticulous(*words, cwd=project)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")  # which is the program's, and not ours
    why = "ValueError: größer \\x1b[31mred"
    assert f"run grün ERROR: {why}\n" == say(project, "wait", "grün", code=1)
    monkeypatch.delenv("PYTHONIOENCODING")
    start = (
        "import sys; sys.stdout.reconfigure(encoding='ascii')\n"
        "from meticulous.cli import main\nmain(sys.argv[1:])"
    )
    for words, expected in (
        (["wait", "grün"], "run gr\\xfcn ERROR: ValueError: gr\\xf6\\xdfer \\x1b[31mred\n"),
        (["rm", "grün"], "moved 1 run to the trash: gr\\xfcn\n"),
        (["restore", "grün"], "restored experiments/gr\\xfcn\n"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", start, *words], cwd=project, capture_output=True, check=False
        )
        assert expected in done.stdout.decode("ascii")


def test_nothing_is_restored_over_a_run(project: Path) -> None:
    say(project, "rm", "2")
    (project / "experiments" / "2").mkdir()
    said = say(project, "restore", "2", code=1)
    assert "there is a run 2 in" in said
    assert "--as NAME" in said
    assert ["2"] == os.listdir(project / "experiments" / TRASH)
    assert [] == os.listdir(project / "experiments" / "2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rm", "9"], "there is no run 9"),
        (["restore", "9"], "there is no run 9 in the trash"),
        (["purge", "9"], "there is no run 9 in the trash"),
        (["tag", "9", "+a"], "there is no run 9"),
        (["note", "9", "text"], "there is no run 9"),
        (["du", "9"], "there is no run 9"),
    ],
)
def test_a_run_that_is_not_there_is_named(project: Path, words: list[str], message: str) -> None:
    assert message in say(project, *words, code=1)


def test_two_that_remove_at_once_lose_nothing(project: Path) -> None:
    words = [*METICULOUS, "rm", "1-3"]
    both = [
        subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [b"".join(process.communicate()) for process in both]
    assert {process.returncode for process in both} <= {0, 1}
    for process, output in zip(both, outputs, strict=True):
        assert process.returncode == 0 or b"gone already" in output or b"there is no run" in output
    assert ["1", "2", "3"] == sorted(os.listdir(project / "experiments" / TRASH))


def test_on_a_terminal_it_is_asked(project: Path) -> None:
    for answer, left in (("n", ["1", "2", "3"]), ("y", ["1", "3"])):
        with Terminal([*METICULOUS, "rm", "2"], project) as terminal:
            terminal.wait_for("Remove the run 2? [y/N] ")
            terminal.type(answer + "\r")
            assert 0 == terminal.end()
        assert left == ids(project)
    with Terminal([*METICULOUS, "purge", "-y"], project) as terminal:
        assert 0 == terminal.end()
    assert [] == os.listdir(project / "experiments" / TRASH)


def test_a_dry_run_changes_nothing(project: Path) -> None:
    assert "would remove the run 2" in say(project, "rm", "2", "--dry-run")
    assert "would remove 2 runs: 1, 2" in say(project, "gc", "--keep-last", "1", "--dry-run")
    say(project, "rm", "2")
    assert "would delete 1 run" in say(project, "purge", "--dry-run")
    assert ["2"] == os.listdir(project / "experiments" / TRASH)


def test_purge_deletes_what_is_read_only_and_follows_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "store" / "1"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "data" / "deep" / "file").write_text("x")
    (folder / "link").symlink_to(outside)
    monkeypatch.chdir(folder.parent)
    trash.remove(".", "1")
    (run,) = trash.removed(".")
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False) if os.getuid() == 0 else None
    for path in (Path(run.path, "data", "deep", "file"), Path(run.path, "data", "deep")):
        path.chmod(0o500)
    Path(run.path, "data").chmod(0o500)
    pid = os.fork()
    if pid == 0:  # as a user to whom modes mean something, where we are root
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            trash.delete(run)
            os._exit(0)
        except BaseException:  # noqa: BLE001, the fork must not go on with the tests
            traceback.print_exc()
            os._exit(1)
    assert 0 == os.waitpid(pid, 0)[1]
    assert not os.path.exists(run.path)
    assert (outside / "precious").exists()


def test_a_full_disk_in_the_midst_loses_nothing(project: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=800k", "none", disk], check=False
    ).returncode:
        pytest.skip("mounting a tmpfs needs root")
    try:
        shutil.copytree(project / "experiments", disk / "experiments")
        with (
            (disk / "ballast").open("wb", buffering=0) as file,
            pytest.raises(OSError, match="No space"),
        ):
            while True:
                file.write(b"x" * 4096)
        where = ["--experiments-directory", str(disk / "experiments")]
        done = meticulous("rm", "1", *where, cwd=project)
        there = sorted(path.name for path in (disk / "experiments").glob("**/[123]"))
        assert ["1", "2", "3"] == there
        if done.returncode:
            assert b"Free some space" in done.stderr
        tagged = meticulous("tag", "2", "+x", *where, cwd=project)
        metadata = (disk / "experiments" / "2" / "metadata.json").read_bytes()
        if tagged.returncode:  # tmpfs may have kept a page in reserve
            assert b"cannot change" in tagged.stderr
            assert metadata == (project / "experiments" / "2" / "metadata.json").read_bytes()
        else:
            assert ["x"] == json.loads(metadata)["tags"]
    finally:
        subprocess.run(["umount", disk], check=True)


# Space


def test_du_counts_each_file_once(project: Path) -> None:
    folder = Path(runs_of(project)[0].path)
    (folder / "model").write_bytes(os.urandom(1_000_000))
    os.link(folder / "model", folder / "best")
    (folder / "link").symlink_to("/usr")
    lines = say(project, "du").splitlines()
    assert ["1", "all 3"] == [lines[1].split()[0], " ".join(lines[-1].split()[:2])]
    size, unit = lines[1].split()[1:3]
    assert (1.0 <= float(size) < 1.2, "MB") == (True, unit)
    say(project, "rm", "1")
    assert "in the trash (1 run): `meticulous purge` frees it" in say(project, "du")


@pytest.mark.parametrize(
    ("words", "removed"),
    [
        (["--status", "ERROR"], {"2"}),
        (["--keep-last", "1"], {"1", "2"}),
        (["--failed-under", "1h"], {"2"}),
        (["--filter", "expid > 1"], {"2", "3"}),
        (["--filter", "expid > 1", "--status", "SUCCESS"], {"3"}),
        (["--older-than", "1h"], set()),
        (["--older-than", "0s"], {"1", "2", "3"}),
    ],
)
def test_gc_removes_what_meets_every_condition(
    project: Path, words: list[str], removed: set[str]
) -> None:
    say(project, "gc", *words)
    assert {"1", "2", "3"} - removed == set(ids(project))


def test_gc_keeps_what_is_to_be_kept(project: Path) -> None:
    say(project, "tag", "2", "+keep")
    say(project, "gc", "--keep-last", "0")
    assert ["2"] == ids(project)


def test_gc_without_a_condition_is_refused(project: Path) -> None:
    assert "gc without a condition would remove every run" in say(project, "gc", code=2)
    assert "is no time" in say(project, "gc", "--older-than", "old", code=2)


def test_the_index_forgets_and_finds_again(project: Path) -> None:
    listed(project)
    assert os.path.exists(sqlite_file.path_for(str(project / "experiments")))
    say(project, "rm", "1-3")
    assert [] == listed(project)
    say(project, "restore", "1-3")
    wait_until(lambda: ["1", "2", "3"] == sorted(listed(project)))
