"""ps, stop, wait, doctor and following a run that dies, on real processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from meticulous.base.process_id import start_time
from meticulous.runfolder import RunFolder
from tests.conftest import git, meticulous, only_run, runs_of, wait_until
from tests.launch_support import AS_ANOTHER_USER, METICULOUS, Terminal


def start(project: Path, *command: str, options: tuple[str, ...] = ()) -> RunFolder:
    """Record `command` in the background; return its run when the command has begun."""
    done = meticulous("run", "-q", "-d", *options, "--", *command, cwd=project)
    assert 0 == done.returncode, done.stderr
    run = RunFolder(str(project / "experiments" / done.stdout.decode().strip()))
    wait_until(lambda: run.read_metadata().get("child-start-time"))
    return run


@pytest.fixture(autouse=True)
def nothing_left(repository: Path) -> Iterator[None]:
    """End what a test has started in the background: those are no children of ours."""
    yield
    for run in runs_of(repository):
        try:
            metadata = run.read_metadata()
        except Exception:  # noqa: BLE001, one that a test has broken
            continue
        if metadata.get("format") and metadata.get("host") == os.uname().nodename:
            for name in ("child-pid", "pid"):
                pid, started = metadata.get(name), metadata.get(name.replace("pid", "start-time"))
                started = metadata.get("pid-start-time") if name == "pid" else started
                if pid and started and start_time(pid) == started and pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)


def has_printed(run: RunFolder, text: str) -> None:
    wait_until(lambda: text in Path(run.file("stdout")).read_text(errors="replace"))


def say(project: Path, *words: str, code: int = 0) -> str:
    done = meticulous(*words, cwd=project)
    assert code == done.returncode, (done.stdout, done.stderr)
    return (done.stdout + done.stderr).decode()


def change(run: RunFolder, **changes: Any) -> None:
    """Alter the metadata of a run behind everybody's back."""
    metadata = run.read_metadata()
    metadata.update({name.replace("_", "-"): value for name, value in changes.items()})
    run.write_json("metadata.json", metadata)


def kill_recorder(run: RunFolder) -> int:
    """Kill the recorder of `run`; return the process of its command."""
    metadata = run.read_metadata()
    os.kill(metadata["pid"], signal.SIGKILL)
    wait_until(lambda: start_time(metadata["pid"]) is None)
    child: int = metadata["child-pid"]
    return child


# ps


def test_ps_shows_what_is_running_and_how_far(repository: Path) -> None:
    assert "no run is running\n" == say(repository, "ps")
    run = start(
        repository, "sh", "-c", "echo epoch 3/10; exec sleep 1000", options=("-m", "a long one")
    )
    meticulous("run", "-q", "true", cwd=repository)
    has_printed(run, "3/10")
    wait_until(lambda: json.loads(say(repository, "ps", "--json"))[0]["memory"])
    (one,) = json.loads(say(repository, "ps", "--json"))
    assert (1, 0.3, "3/10", "a long one") == (
        one["expid"], one["progress"], one["progress_text"], one["description"],
    )  # fmt: skip
    assert 0 < one["elapsed"]
    assert one["left"] == pytest.approx(one["elapsed"] * 7 / 3, rel=0.2)
    header, line = say(repository, "ps").splitlines()
    assert ["expid", "elapsed", "cpu", "memory", "progress", "left"] == header.split()[:6]
    assert "3/10" in line
    say(repository, "stop", "1")
    assert "no run is running\n" == say(repository, "ps")


def test_a_bar_that_is_full_is_over(repository: Path) -> None:
    code = "echo ' 100%|##| 9/9 [00:01<00:00, 9it/s]' >&2; echo epoch 3/10; exec sleep 1000"
    has_printed(start(repository, "sh", "-c", code), "3/10")
    assert "3/10" == json.loads(say(repository, "ps", "--json"))[0]["progress_text"]


def test_ps_does_not_show_a_lost_run(repository: Path) -> None:
    child = kill_recorder(start(repository, "sleep", "1000"))
    assert "no run is running\n" == say(repository, "ps")
    os.kill(child, signal.SIGKILL)


# stop


def test_stop_lets_the_program_save_its_work(repository: Path) -> None:
    code = "trap 'echo saved; exit 5' INT; echo begun; while :; do sleep 0.05; done"
    run = start(repository, "sh", "-c", code)
    has_printed(run, "begun")
    assert "run 1 ERROR after" in say(repository, "stop", "1")
    assert b"begun\nsaved\n" == Path(run.file("stdout")).read_bytes()
    assert 5 == run.read_metadata()["exit-code"]


def test_stop_insists(repository: Path) -> None:
    code = "trap '' INT TERM; sleep 1000 & echo $!; while :; do sleep 0.05; done"
    run = start(repository, "sh", "-c", code)
    wait_until(lambda: Path(run.file("stdout")).read_text().strip())
    said = say(repository, "stop", "1", "--grace", "0.3s")
    assert "sent SIGTERM to 1\nsent SIGKILL to 1\nrun 1 ERROR after" in said
    assert ("ERROR", "killed by signal 9 (SIGKILL)") == run.read_status()
    child = int(Path(run.file("stdout")).read_text())
    wait_until(lambda: start_time(child) is None)


def test_stop_kills_at_once_where_that_is_wanted(repository: Path) -> None:
    run = start(repository, "sleep", "1000")
    assert "killed by signal 9" in say(repository, "stop", "1", "--kill")
    assert "SIGKILL" == run.read_metadata()["signal"]


SHELL_WITH_CHILD = "echo begun; sh -c 'echo $$; exec sleep 1000'; exit 3"
"""A shell that waits for its child, and heeds no SIGINT meanwhile: the usual wrapper script."""


def child_in(output: str) -> int:
    return int(output.split("begun")[1].split()[0])


def test_stop_on_a_terminal_ends_the_children_too(repository: Path) -> None:
    command = [*METICULOUS, "run", "-q", "sh", "-c", SHELL_WITH_CHILD]
    with Terminal(command, repository) as terminal:
        wait_until(lambda: runs_of(repository))
        run = only_run(repository)
        wait_until(lambda: run.read_metadata().get("child-start-time"))
        wait_until(lambda: len(Path(run.file("stdout")).read_text().split()) > 1)
        child = child_in(Path(run.file("stdout")).read_text())
        assert "run 1 ERROR after" in say(repository, "stop", "1")
        assert start_time(child) is None
        terminal.end()
    assert "ERROR" == run.read_status()[0]
    assert not run.read_metadata()["survivors"]


def test_stop_ends_what_has_lost_its_parent(repository: Path) -> None:
    code = "(sh -c 'echo $$; exec sleep 1000' &); echo begun; exec sleep 1000"
    for words in (["--grace", "0.3s"], ["--kill"]):
        run = start(repository, "sh", "-c", code)
        wait_until(lambda run=run: len(Path(run.file("stdout")).read_text().split()) > 1)
        child = int(Path(run.file("stdout")).read_text().replace("begun", ""))
        assert f"run {run.id} ERROR after" in say(repository, "stop", run.id, *words)
        assert start_time(child) is None


def test_stop_ends_the_children_of_an_orphan(repository: Path) -> None:
    run = start(repository, "sh", "-c", SHELL_WITH_CHILD)
    wait_until(lambda: len(Path(run.file("stdout")).read_text().split()) > 1)
    child = child_in(Path(run.file("stdout")).read_text())
    kill_recorder(run)
    assert "run 1 LOST: its recorder" in say(repository, "stop", "1")
    assert start_time(child) is None


def test_a_killed_run_is_not_tried_again(repository: Path) -> None:
    run = start(repository, "sleep", "1000", options=("--retries", "3"))
    assert "run 1 ERROR after" in say(repository, "stop", "1", "--kill")
    assert [] == run.read_metadata()["attempts"]


def test_stop_ends_several_at_the_same_time(repository: Path) -> None:
    for _ in range(3):
        start(repository, "sleep", "1000")
    said = say(repository, "stop", "1-3")
    assert 3 == said.count("ERROR after")
    assert {"SIGINT"} == {run.read_metadata()["signal"] for run in runs_of(repository)}


def test_stop_ends_the_orphan_of_a_lost_run(repository: Path) -> None:
    child = kill_recorder(start(repository, "sleep", "1000"))
    assert start_time(child) is not None
    assert "run 1 LOST: its recorder" in say(repository, "stop", "1")
    assert start_time(child) is None
    assert "the run 1 is lost: its recorder" in say(repository, "stop", "1", code=1)


def test_stop_ends_an_experiment_that_records_itself(repository: Path) -> None:
    (repository / "train.py").write_text(
        "import time\nfrom meticulous import Experiment\n"
        "with Experiment({}):\n    print('begun', flush=True)\n    time.sleep(1000)\n"
    )
    git(repository, "commit", "-qam", "train")
    with subprocess.Popen(
        [sys.executable, "train.py"], cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        said = subprocess.Popen([*METICULOUS, "stop", "1"], cwd=repository, stdout=subprocess.PIPE)
        assert -signal.SIGINT == process.wait()
        output, _ = said.communicate()
    assert b"run 1 ERROR" in output
    assert b"KeyboardInterrupt" in output


def test_stop_takes_no_other_process_for_the_run(repository: Path) -> None:
    run = start(repository, "sleep", "1000")
    os.kill(kill_recorder(run), signal.SIGKILL)
    time.sleep(0.2)  # the two are told apart by when they started
    with subprocess.Popen(["sleep", "1000"]) as other:
        change(run, pid=other.pid, child_pid=other.pid)
        assert "the run 1 is lost: its recorder" in say(repository, "stop", "1", code=1)
        assert other.poll() is None
        other.kill()


def test_what_cannot_be_stopped_is_said(repository: Path) -> None:
    meticulous("run", "-q", "true", cwd=repository)
    assert "the run 1 has ended: SUCCESS" in say(repository, "stop", "1", code=1)
    assert "there is no run 9" in say(repository, "stop", "9", code=1)
    (repository / "experiments" / "1" / "STATUS").write_text("RUNNING\n")
    change(runs_of(repository)[0], host="gpu7", boot_id="another")
    said = say(repository, "stop", "1", code=1)
    assert "the run 1 is running on gpu7" in said
    assert "ssh gpu7 meticulous stop 1" in said
    change(runs_of(repository)[0], pid=None)
    assert "run 1 does not say which process it is" in say(repository, "stop", "1", code=1)


def test_the_run_of_another_user_is_not_ours_to_stop(repository: Path) -> None:
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("becoming another user needs root and setpriv")
    run = start(repository, "sleep", "1000")
    words = [*AS_ANOTHER_USER, *METICULOUS, "stop", "1"]
    done = subprocess.run(
        [*words, "--experiments-directory", "experiments"],
        cwd=repository,
        capture_output=True,
        check=False,
    )
    assert (1, b"") == (done.returncode, done.stdout)
    assert b"the run 1 belongs to " in done.stderr
    assert "RUNNING" == run.read_status()[0]


def test_stop_that_races_with_the_end_tells_the_end(repository: Path) -> None:
    for number in range(1, 9):
        run = start(repository, "sleep", str(number * 0.02))
        done = meticulous("stop", run.id, cwd=repository)
        told = (done.stdout + done.stderr).decode()
        state = run.read_status()[0]
        assert state in ("SUCCESS", "ERROR"), told
        assert state in told
        assert (done.returncode == 0) == ("has ended:" not in told)


# wait


@pytest.mark.parametrize(
    ("command", "code"), [("exit 0", 0), ("exit 4", 4), ("kill -TERM $$", 143), ("sleep 0.3", 0)]
)
def test_wait_ends_as_the_run(repository: Path, command: str, code: int) -> None:
    start_ = meticulous("run", "-q", "-d", "--", "sh", "-c", command, cwd=repository)
    assert 0 == start_.returncode
    assert "run 1 " in say(repository, "wait", "1", code=code)


def test_wait_for_several_tells_the_first_failure(repository: Path) -> None:
    for command in ("exit 0", "sleep 0.4; exit 5", "exit 6"):
        meticulous("run", "-q", "-d", "--", "sh", "-c", command, cwd=repository)
    said = say(repository, "wait", "1-3", code=5)
    assert 3 == said.count("run ")


def test_wait_gives_up_in_time(repository: Path) -> None:
    start(repository, "sleep", "1000")
    assert "" == say(repository, "wait", "1", "--timeout", "0.2s", code=124)
    say(repository, "stop", "1")


def test_waiting_for_a_run_that_is_lost_ends(repository: Path) -> None:
    run = start(repository, "sleep", "1000")
    with subprocess.Popen(
        [*METICULOUS, "wait", "1"], cwd=repository, stdout=subprocess.PIPE
    ) as one:
        child = kill_recorder(run)
        output, _ = one.communicate()
    assert (3, True) == (one.returncode, output.startswith(b"run 1 LOST: its recorder"))
    os.kill(child, signal.SIGKILL)


def test_ctrl_c_ends_the_waiting_and_no_run(repository: Path) -> None:
    run = start(repository, "sleep", "1000")
    with subprocess.Popen([*METICULOUS, "wait", "1"], cwd=repository) as one:
        time.sleep(0.5)  # it may come at any moment
        one.send_signal(signal.SIGINT)
        assert one.wait() in (130, -signal.SIGINT)
    assert "RUNNING" == run.read_status()[0]
    say(repository, "stop", "1")


# logs -f


def test_following_a_run_that_dies_ends(repository: Path) -> None:
    run = start(repository, "sh", "-c", "echo begun; exec sleep 1000")
    has_printed(run, "begun")
    with subprocess.Popen(
        [*METICULOUS, "logs", "-f", "1"],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as one:
        assert one.stdout is not None
        assert b"begun\n" == one.stdout.readline()
        child = kill_recorder(run)
        _, trouble = one.communicate()
    assert (3, True) == (one.returncode, b"the run 1 is lost: its recorder" in trouble)
    os.kill(child, signal.SIGKILL)


# doctor


def test_doctor_finds_nothing_wrong_in_a_healthy_store(repository: Path) -> None:
    for command in ("true", "false"):
        meticulous("run", "-q", command, cwd=repository)
    run = start(repository, "sleep", "1000")
    assert "nothing is wrong\n" == say(repository, "doctor")
    assert [] == json.loads(say(repository, "doctor", "--json"))
    assert "RUNNING" == run.read_status()[0]
    say(repository, "stop", "last")


def kinds(project: Path, *words: str, code: int = 1) -> list[tuple[str, str]]:
    found = json.loads(say(project, "doctor", "--json", *words, code=code))
    return [(one["run"], one["kind"]) for one in found]


def test_doctor_names_and_closes_a_lost_run(repository: Path) -> None:
    run = start(repository, "sh", "-c", "echo begun; exec sleep 1000")
    has_printed(run, "begun")
    child = kill_recorder(run)
    assert [("1", "lost"), ("1", "orphan")] == kinds(repository)
    assert f"its command lives on without a recorder: process {child}" in say(
        repository, "doctor", code=1
    )
    os.kill(child, signal.SIGKILL)
    before = os.stat(run.file("stdout")).st_mtime
    assert [("1", "lost")] == kinds(repository, "--fix", code=0)
    state, message = run.read_status()
    assert ("ERROR", True) == (state, message.startswith("lost: its recorder (process "))
    metadata = run.read_metadata()
    from datetime import datetime

    end = datetime.fromisoformat(metadata["end-time"]).timestamp()
    assert "lost" == metadata["reason"]
    assert before - 0.001 <= end <= time.time()
    assert [] == kinds(repository, "--fix", code=0)
    assert b"ERROR" in meticulous("ls", cwd=repository).stdout


@pytest.mark.parametrize(
    ("command", "status"), [("true", ("SUCCESS", "")), ("exit 3", ("ERROR", "exit code 3"))]
)
def test_doctor_completes_an_end_that_was_half_written(
    repository: Path, command: str, status: tuple[str, str]
) -> None:
    meticulous("run", "-q", "sh", "-c", command, cwd=repository)
    run = only_run(repository)
    Path(run.file("STATUS")).write_text("RUNNING\n")
    assert [("1", "lost")] == kinds(repository, "--fix", code=0)
    assert status == run.read_status()


def test_doctor_closes_a_run_that_was_made_and_never_begun(repository: Path) -> None:
    meticulous("run", "-q", "true", cwd=repository)
    run = only_run(repository)
    for name in set(os.listdir(run.path)) - {"metadata.json"}:
        path = Path(run.file(name))
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    change(run, end_time=None, child_pid=None)
    assert [("1", "half-made")] == kinds(repository, "--fix", code=0)
    assert "ERROR" == run.read_status()[0]
    assert [] == kinds(repository, code=0)


def test_doctor_touches_no_run_that_it_is_not_sure_of(repository: Path) -> None:
    meticulous("run", "-q", "sleep", "0.5", cwd=repository)
    run = only_run(repository)
    Path(run.file("STATUS")).write_text("RUNNING\n")
    change(run, host="gpu7", boot_id="another")
    os.utime(run.file("resources.jsonl"), (1, 1))
    assert [("1", "lost")] == kinds(repository, "--fix")
    assert "RUNNING" == run.read_status()[0]


def test_doctor_finds_what_is_broken(repository: Path) -> None:
    for _ in range(8):
        meticulous("run", "-q", "true", cwd=repository)
    runs = runs_of(repository)
    long_ago = time.time() - 3600
    Path(runs[0].file("args.json")).write_text("{")
    Path(runs[1].file("metadata.json")).write_text("[]")
    os.unlink(runs[2].file("STATUS"))
    os.unlink(runs[3].file("metadata.json"))
    change(runs[4], format=99)
    leftover = Path(runs[5].file("summary.json.123-456.tmp"))
    leftover.write_text("{")
    os.utime(leftover, (long_ago, long_ago))
    metadata = runs[6].read_metadata()
    del metadata["format"]
    runs[6].write_json("metadata.json", metadata)
    Path(runs[7].file("STATUS")).write_text("DONE\n")
    store = repository / "experiments"
    (store / "99").mkdir()
    os.utime(store / "99", (long_ago, long_ago))
    (store / "data").mkdir()
    (store / "data" / "x.csv").write_text("")
    (store / ".highest-id").write_text("3\n")
    expected = [
        ("1", "broken"), ("2", "broken"), ("3", "missing"), ("4", "missing"), ("5", "new-format"),
        ("6", "leftover"), ("7", "old-format"), ("8", "broken"), ("99", "half-made"),
        ("data", "foreign"), ("", "numbers"),
    ]  # fmt: skip
    assert expected == kinds(repository)
    left = [one for one in expected if one[1] not in ("leftover", "half-made", "numbers")]
    assert expected == kinds(repository, "--fix")
    assert left == kinds(repository)
    assert not (store / "99").exists()
    assert (store / "data" / "x.csv").exists()
    assert "99\n" == (store / ".highest-id").read_text()


def test_doctor_of_a_directory_that_is_not_there(repository: Path) -> None:
    assert "cannot list" in say(repository, "doctor", "nowhere", code=1)


def test_psutil_agrees_on_who_lives() -> None:
    assert psutil.pid_exists(os.getpid()) == (start_time(os.getpid()) is not None)
