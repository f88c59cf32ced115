"""Several attempts of one run: --retries, --timeout, --resume; and --needed, where none is made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import git, meticulous, only_run, runs_of, wait_until
from tests.launch_support import METICULOUS, Terminal, is_running

TRAIN = """
import os, sys
attempt = int(os.environ["METICULOUS_ATTEMPT"])
print("attempt", attempt)
print("to stderr", attempt, file=sys.stderr)
if attempt < int(sys.argv[1]):
    raise RuntimeError(f"fails at {attempt}")
"""


@pytest.fixture
def project(repository: Path) -> Path:
    """A repository whose train.py fails until the attempt that its argument names."""
    (repository / "train.py").write_text(TRAIN)
    git(repository, "commit", "-qam", "train")
    return repository


def run(project: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return meticulous("run", *words, cwd=project)


def train(project: Path, until: int, *words: str) -> subprocess.CompletedProcess[bytes]:
    return run(project, *words, "--", sys.executable, "train.py", str(until))


def test_a_failure_is_tried_again_in_the_same_folder(project: Path) -> None:
    done = train(project, 3, "--retries", "5")
    assert (0, b"attempt 1\nattempt 2\nattempt 3\n") == (done.returncode, done.stdout)
    one = only_run(project)
    assert ("SUCCESS", "") == one.read_status()
    assert done.stdout == Path(one.file("stdout")).read_bytes()
    metadata = one.read_metadata()
    reasons = [attempt["reason"] for attempt in metadata["attempts"]]
    assert ["RuntimeError: fails at 1", "RuntimeError: fails at 2"] == reasons
    assert ["ERROR", "ERROR"] == [attempt["status"] for attempt in metadata["attempts"]]
    starts = [attempt["start-time"] for attempt in metadata["attempts"]]
    assert [metadata["timestamp"], metadata["start-time"]] == [
        starts[0],
        max(starts + [metadata["start-time"]]),
    ]
    assert b"run 1 in experiments/1, attempt 3" in done.stderr.replace(os.fsencode(os.sep), b"/")


def test_after_the_last_retry_the_failure_counts(project: Path) -> None:
    done = train(project, 9, "--retries", "2")
    assert 1 == done.returncode
    state, message = only_run(project).read_status()
    assert ("ERROR", "RuntimeError: fails at 3") == (state, message.splitlines()[-1])
    assert b"fails at 2" not in message.encode()


@pytest.mark.parametrize("code", ["0", "126", "127"])
def test_what_another_attempt_does_not_change_is_not_tried_again(
    repository: Path, code: str
) -> None:
    done = run(repository, "--retries", "3", "--", "sh", "-c", f"echo once; exit {code}")
    assert (int(code), b"once\n") == (done.returncode, done.stdout)


def test_who_ends_the_command_wants_no_other_attempt(repository: Path) -> None:
    words = [*METICULOUS, "run", "-q", "--retries", "3", "--", "sh", "-c", "echo one; sleep 1000"]
    with subprocess.Popen(words, cwd=repository, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"one\n" == process.stdout.readline()
        process.terminate()
        assert b"" == process.stdout.read()
        assert -signal.SIGTERM == process.wait()
    assert [] == only_run(repository).read_metadata()["attempts"]


def test_a_crash_is_tried_again(repository: Path) -> None:
    code = "echo $METICULOUS_ATTEMPT; [ $METICULOUS_ATTEMPT = 2 ] || kill -SEGV $$"
    done = run(repository, "--retries", "1", "--", "sh", "-c", code)
    assert (0, b"1\n2\n") == (done.returncode, done.stdout)
    assert "SIGSEGV" == only_run(repository).read_metadata()["attempts"][0]["signal"]


def test_every_attempt_has_a_terminal(project: Path) -> None:
    code = "test -t 1 && test -t 2 && echo terminal; exit $((2 - METICULOUS_ATTEMPT))"
    words = [*METICULOUS, "run", "-q", "--retries", "1", "--", "sh", "-c", code]
    with Terminal(words, project) as terminal:
        assert 0 == terminal.end()
        assert b"terminal\r\nterminal\r\n" == terminal.output
    assert b"terminal\nterminal\n" == Path(only_run(project).file("stdout")).read_bytes()


def test_the_timeline_goes_on_over_attempts(project: Path) -> None:
    train(project, 3, "--retries", "2")
    entries = [
        line.split() for line in Path(only_run(project).file("timeline")).read_text().splitlines()
    ]
    seconds = [float(entry[0]) for entry in entries]
    assert seconds == sorted(seconds)
    lengths = {
        name: sum(int(entry[3]) for entry in entries if entry[1] == name)
        for name in ("stdout", "stderr")
    }
    for name, length in lengths.items():
        assert os.path.getsize(only_run(project).file(name)) == length


def test_a_command_that_takes_too_long_is_ended(repository: Path) -> None:
    done = run(repository, "--timeout", "0.3s", "--", "sh", "-c", "echo begun; sleep 1000")
    assert (124, b"begun\n") == (done.returncode, done.stdout)
    one = only_run(repository)
    assert (
        "ERROR",
        "timeout: it took longer than 0.3s and was killed by SIGTERM",
    ) == one.read_status()
    assert "timeout" == one.read_metadata()["reason"]
    assert b"the time limit of 0.3s has passed: sending SIGTERM" in done.stderr


def test_one_that_saves_its_work_first_has_timed_out_all_the_same(repository: Path) -> None:
    code = "trap 'echo saved; exit 0' TERM; echo begun; while :; do sleep 0.05; done"
    done = run(repository, "--timeout", "0.3", "--", "sh", "-c", code)
    assert (124, b"begun\nsaved\n") == (done.returncode, done.stdout)
    assert "ERROR" == only_run(repository).read_status()[0]


def test_one_that_does_not_heed_is_killed_with_its_children(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "impatient.py").write_text(
        "import sys\nfrom meticulous.runner import timeout\ntimeout.KILL_AFTER_S = 0.2\n"
        "from meticulous.cli import main\nmain(sys.argv[1:])\n"
    )
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "impatient")
    code = "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.05; done"
    words = ["impatient.py", "run", "--timeout", "0.3", "--", "sh", "-c", code]
    done = subprocess.run(
        [sys.executable, *words], cwd=repository, capture_output=True, check=False
    )
    assert 124 == done.returncode, done.stderr
    child = int(done.stdout)
    wait_until(lambda: not os.path.exists(f"/proc/{child}"))
    assert "SIGKILL" == only_run(repository).read_metadata()["signal"]


def test_on_a_terminal_the_time_limit_is_for_the_children_too(repository: Path) -> None:
    code = "sh -c 'echo $$; exec sleep 1000'; exit 3"
    command = [*METICULOUS, "run", "--timeout", "0.5", "sh", "-c", code]
    with Terminal(command, repository) as terminal:
        assert 124 == terminal.end()
    child = int((repository / "experiments" / "1" / "stdout").read_text())
    assert not is_running(child)
    assert not only_run(repository).read_metadata()["survivors"]


def test_a_timeout_counts_for_each_attempt(repository: Path) -> None:
    code = "echo $METICULOUS_ATTEMPT; [ $METICULOUS_ATTEMPT = 2 ] || sleep 1000"
    done = run(repository, "--timeout", "0.5", "--retries", "3", "--", "sh", "-c", code)
    assert (0, b"1\n2\n") == (done.returncode, done.stdout)


def test_resume_goes_on_where_a_run_has_failed(project: Path) -> None:
    train(project, 2)
    done = train(project, 2, "--resume")
    assert (0, b"attempt 2\n") == (done.returncode, done.stdout)
    one = only_run(project)
    assert ("SUCCESS", "") == one.read_status()
    assert b"attempt 1\nattempt 2\n" == Path(one.file("stdout")).read_bytes()
    assert 1 == len(one.read_metadata()["attempts"])


def test_resume_goes_on_with_a_lost_run(repository: Path) -> None:
    code = "echo $METICULOUS_ATTEMPT; [ $METICULOUS_ATTEMPT = 2 ] || exec sleep 1000"
    words = [*METICULOUS, "run", "-q", "--", "sh", "-c", code]
    with subprocess.Popen(words, cwd=repository, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        wait_until(lambda: "child-pid" in only_run(repository).read_metadata())
        child = only_run(repository).read_metadata()["child-pid"]
        process.kill()
    os.kill(child, signal.SIGKILL)
    done = run(repository, "--resume", "--", "sh", "-c", code)
    assert (0, b"2\n") == (done.returncode, done.stdout)
    assert ["RUNNING"] == [
        one["status"] for one in only_run(repository).read_metadata()["attempts"]
    ]


def test_resume_makes_a_new_run_where_none_fits(project: Path) -> None:
    train(project, 2)
    train(project, 3, "--resume")  # another argument
    (project / "sub").mkdir()
    meticulous(
        "run", "--resume", "--", sys.executable, "../train.py", "2", cwd=project / "sub"
    )  # another directory
    git(project, "commit", "-q", "--allow-empty", "-m", "other")
    train(project, 2, "--resume")  # another commit
    assert 4 == len(runs_of(project))
    train(project, 2, "--resume")
    assert ["SUCCESS"] == [one.read_status()[0] for one in runs_of(project)[3:]]
    train(project, 2, "--resume")  # it has succeeded
    assert 5 == len(runs_of(project))


def test_a_running_run_is_not_resumed(repository: Path) -> None:
    words = [*METICULOUS, "run", "-q", "--", "sh", "-c", "echo begun; sleep 1000"]
    with subprocess.Popen(words, cwd=repository, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with subprocess.Popen(
            [*words[:3], "--resume", *words[3:]], cwd=repository, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            other.terminate()
        given = run(repository, "--resume", "--experiment-id", "1", *words[4:])
        process.terminate()
    assert 125 == given.returncode
    assert b"experiment 1 is running (process " in given.stderr
    assert 2 == len(runs_of(repository))


def test_a_run_whose_command_lives_on_is_not_resumed(repository: Path) -> None:
    command = ["sh", "-c", "echo $$; exec sleep 1000"]
    words = [*METICULOUS, "run", "-q", "--", *command]
    with subprocess.Popen(words, cwd=repository, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        wait_until(lambda: only_run(repository).read_metadata().get("child-start-time"))
        process.kill()
    given = run(repository, "--resume", "--experiment-id", "1", "--", *command)
    assert 125 == given.returncode
    assert f"experiment 1 lives on without a recorder: process {child}".encode() in given.stderr
    removed = meticulous("rm", "1", cwd=repository)
    assert (1, b"") == (removed.returncode, removed.stdout)
    assert b"the run 1 is running. End it first: `meticulous stop 1`" in removed.stderr
    other = run(repository, "--resume", "--timeout", "0.1", "--", *command)
    assert 124 == other.returncode
    assert 2 == len(runs_of(repository))
    os.kill(child, signal.SIGKILL)


def test_two_that_resume_at_once_do_not_take_the_same_run(repository: Path) -> None:
    code = "echo; [ $METICULOUS_ATTEMPT = 2 ] && exit 0; exit 1"
    for _ in range(2):
        run(repository, "--", "sh", "-c", code)
    words = [*METICULOUS, "run", "-q", "--resume", "--", "sh", "-c", code]
    both = [subprocess.Popen(words, cwd=repository, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [0, 0] == [one.wait() for one in both]
    assert [1, 1] == [len(one.read_metadata()["attempts"]) for one in runs_of(repository)]


def test_a_given_id_that_does_not_fit_is_refused(project: Path) -> None:
    train(project, 2)
    other = train(project, 3, "--resume", "--experiment-id", "1")
    assert (125, 1) == (other.returncode, len(runs_of(project)))
    assert b"recorded with other arguments: the command was" in other.stderr
    git(project, "commit", "-q", "--allow-empty", "-m", "other")
    commit = train(project, 2, "--resume", "--experiment-id", "1")
    assert b"experiment 1 was recorded at commit" in commit.stderr
    git(project, "reset", "-q", "--hard", "HEAD~")
    assert 0 == train(project, 2, "--resume", "--experiment-id", "1").returncode
    over = train(project, 2, "--resume", "--experiment-id", "1")
    assert b"experiment 1 has ended with SUCCESS, so there is nothing to resume" in over.stderr


def test_a_run_that_cannot_be_read_is_not_resumed(project: Path) -> None:
    train(project, 2)
    Path(only_run(project).file("metadata.json")).write_text("{")
    given = train(project, 2, "--resume", "--experiment-id", "1")
    assert (125, True) == (given.returncode, b"cannot read" in given.stderr)
    assert 1 == train(project, 2, "--resume").returncode
    assert 2 == len(runs_of(project))


def test_needed_does_nothing_where_it_has_been_done(project: Path) -> None:
    assert b"attempt 1\n" == train(project, 0, "--needed").stdout
    done = train(project, 0, "--needed")
    assert (0, b"") == (done.returncode, done.stdout)
    assert b"not needed: run 1 has done the same with SUCCESS" in done.stderr
    assert b"attempt 1\n" == train(project, 1, "--needed").stdout
    git(project, "commit", "-q", "--allow-empty", "-m", "other")
    assert b"attempt 1\n" == train(project, 0, "--needed").stdout
    assert 3 == len(runs_of(project))


def test_a_failure_and_uncommitted_changes_do_not_count_as_done(project: Path) -> None:
    train(project, 2, "--needed")
    assert 1 == train(project, 2, "--needed").returncode
    (project / "train.py").write_text(TRAIN + "print('changed')\n")
    for _ in range(2):
        done = train(project, 0, "--needed", "--dirty", "ignore")
        assert b"attempt 1\nchanged\n" == done.stdout
    git(project, "checkout", "-q", "train.py")
    assert b"attempt 1\n" == train(project, 0, "--needed").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--timeout", "0"], b"the timeout is '0'. Give a time above zero"),
        (["--timeout", "soon"], b"the timeout 'soon' is no time. Write it as 90s"),
        (["--timeout", "-5"], b"the timeout '-5' is no time"),
        (["--retries", "-1"], b"retries is '-1'. Give a whole number"),
        (["--retries", "many"], b"retries is 'many'"),
        (["--norecord", "--resume"], b"--resume is not possible with --norecord"),
        (["--norecord", "--timeout", "1h"], b"--timeout is not possible with --norecord"),
        (["--norecord", "--detach"], b"--detach is not possible with --norecord"),
    ],
)
def test_what_makes_no_sense_is_refused(repository: Path, words: list[str], message: bytes) -> None:
    done = run(repository, *words, "--", "true")
    assert (125, []) == (done.returncode, runs_of(repository))
    assert message in done.stderr


def test_time_limit_and_retries_can_stand_in_the_settings_file(repository: Path) -> None:
    (repository / "meticulous.yaml").write_text("timeout: 0.3\nretries: 1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "settings")
    done = run(repository, "--", "sh", "-c", "echo again; sleep 1000")
    assert (124, b"again\nagain\n") == (done.returncode, done.stdout)


def test_a_folder_in_which_nothing_was_said_yet_is_begun(repository: Path) -> None:
    """Its recorder was killed when it had made it."""
    folder = repository / "experiments" / "5"
    folder.mkdir(parents=True)
    (folder / "metadata.json.1-2.tmp").write_text("{")
    os.utime(folder, (1, 1))
    done = meticulous("run", "--resume", "--experiment-id", "5", "echo", "hello", cwd=repository)
    assert done.returncode == 0, done
    run = only_run(repository)
    assert run.read_status() == ("SUCCESS", "")
    assert run.read_metadata()["attempts"] == []
