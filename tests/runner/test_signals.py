"""Who gets which signal, and what the caller sees of it, on a terminal and off one."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import DEADLINE_S, only_run, runs_of, wait_until
from tests.launch_support import (
    METICULOUS,
    PROMPT,
    PYTHON,
    Terminal,
    child,
    interactive_shell,
    is_running,
    lines_of,
    natively,
    recorded,
    running,
    settle,
    status_field,
    wait_for_state,
)

RUN = [*METICULOUS, "run", "-q", "--"]
FORWARDED = ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2"]
needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="asks /proc")
pytestmark = needs_proc


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The file in which ``children/handler.py`` notes what it gets."""
    return tmp_path / "signals"


def handler(log: Path, names: str, *options: str) -> list[str]:
    return [*child("handler"), str(log), names, *options]


def got(log: Path, who: str = "child") -> list[str]:
    """Return the signals that `who` got so far."""
    return [
        line.split()[0]
        for line in lines_of(log)
        if line.endswith(f" {who}") and line.split()[0] not in ("started", "saved")
    ]


def pid_of(log: Path, who: str = "child") -> int:
    """Return the process id that `who` has noted."""
    wait_until(lambda: any(line.startswith(f"pid {who}") for line in lines_of(log)))
    return next(int(line.split()[2]) for line in lines_of(log) if line.startswith(f"pid {who}"))


def status(project: Path) -> tuple[str, str]:
    return only_run(project).read_status()


# Off a terminal


@pytest.mark.parametrize("name", FORWARDED)
def test_signal_to_us_reaches_child_and_grandchildren(
    name: str, repository: Path, log: Path
) -> None:
    with running([*RUN, *handler(log, name, "exit=7", "child")], repository) as process:
        process.send_signal(signal.Signals["SIG" + name])
        assert 7 == process.wait(DEADLINE_S)
        wait_until(lambda: [name] == got(log, "grandchild"))
    assert [name] == got(log)
    assert ("ERROR", "exit code 7") == status(repository)


@pytest.mark.parametrize("name", FORWARDED)
def test_we_die_of_the_signal_that_killed_the_command(name: str, repository: Path) -> None:
    number = signal.Signals["SIG" + name]
    with running([*RUN, "sh", "-c", "echo ready; exec sleep 60"], repository) as process:
        process.send_signal(number)
        assert -number == process.wait(DEADLINE_S)
    assert ("ERROR", f"killed by signal {int(number)} ({number.name})") == status(repository)
    metadata = only_run(repository).read_metadata()
    assert (None, number.name) == (metadata["exit-code"], metadata["signal"])


@pytest.mark.parametrize(
    ("name", "code"), [("TERM", 143), ("KILL", 137), ("SEGV", 139), ("INT", 130)]
)
def test_shell_sees_128_plus_the_signal(name: str, code: int, repository: Path) -> None:
    script = f"{shlex.join([*RUN, 'sh', '-c', f'kill -{name} $$'])}; echo $?"
    assert b"%d\n" % code == natively(["sh", "-c", script], repository).stdout


def test_command_that_ignores_sigterm_goes_on(repository: Path, log: Path) -> None:
    with running([*RUN, *handler(log, "TERM,USR1")], repository) as process:
        for _ in range(3):
            before = len(got(log))
            process.terminate()
            wait_until(lambda: len(got(log)) > before)  # noqa: B023
        assert process.poll() is None
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: got(log)[-1] == "USR1")
        os.kill(pid_of(log), signal.SIGKILL)
        assert -signal.SIGKILL == process.wait(DEADLINE_S)
    assert ["TERM", "TERM", "TERM", "USR1"] == got(log)


@pytest.mark.parametrize("name", ["KILL", "SEGV", "QUIT", "ABRT"])
def test_command_killed_from_elsewhere_is_told(name: str, repository: Path, log: Path) -> None:
    number = signal.Signals["SIG" + name]
    with running([*METICULOUS, "run", *handler(log, "")], repository, stderr=-1) as process:
        os.kill(pid_of(log), number)
        assert -number == process.wait(DEADLINE_S)
        assert process.stderr is not None
        assert f"killed by signal {int(number)} ({number.name})" in process.stderr.read().decode()
    assert [] == list(repository.glob("core*"))[1:]  # the command's own, where the system keeps it


def test_core_file_is_the_commands_and_not_ours(repository: Path) -> None:
    if Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core":
        pytest.skip("core files do not go to the current directory here")
    under = ["sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh"]
    seen = recorded(["sh", "-c", "mkdir its; cd its; kill -SEGV $$"], repository, under)
    assert -signal.SIGSEGV == seen.code
    assert 1 == len(list((repository / "its").glob("core*")))
    assert [] == list(repository.glob("core*"))


def test_killed_recorder_leaves_a_folder_that_reads(repository: Path) -> None:
    command = [PYTHON, "-c", "print('ready'); print('kept'); input()"]
    ours, theirs = os.pipe()
    with running([*RUN, *command], repository, stdin=ours) as process:
        run = only_run(repository)
        wait_until(lambda: b"ready\nkept\n" == Path(run.file("stdout")).read_bytes())
        wait_until(lambda: "child-pid" in run.read_metadata())
        process.kill()
        assert -signal.SIGKILL == process.wait(DEADLINE_S)
        assert ("RUNNING", "") == run.read_status()
        metadata = run.read_metadata()
        assert process.pid == metadata["pid"]
        assert metadata["end-time"] is None
        assert isinstance(run.read_json("args.json"), dict)
        os.close(theirs)
        wait_until(lambda: not is_running(metadata["child-pid"]))
    os.close(ours)


@pytest.mark.parametrize("mode", [[], ["-s", "INT"], ["--foreground"]], ids=str)
def test_timeout_ends_the_command(mode: list[str], repository: Path, log: Path) -> None:
    command = ["timeout", *mode, "0.5", *RUN, *handler(log, "TERM,INT", "exit=9")]
    with running(command, repository) as process:
        assert 124 == process.wait(DEADLINE_S)
        wait_until(lambda: status(repository)[0] != "RUNNING")
    # It signals its child, and then its whole group: whoever is quick gets both.
    assert {"INT" if "INT" in mode else "TERM"} == set(got(log))
    assert ("ERROR", "exit code 9") == status(repository)


def test_nohup_makes_the_command_survive_a_hangup(repository: Path, log: Path) -> None:
    with running(["nohup", *RUN, *handler(log, "TERM", "exit=5")], repository) as process:
        process.send_signal(signal.SIGHUP)
        os.kill(pid_of(log), signal.SIGHUP)
        process.terminate()
        assert 5 == process.wait(DEADLINE_S)


def test_background_command_of_a_script_ignores_ctrl_c_as_without_us(
    repository: Path, log: Path
) -> None:
    script = f"{shlex.join([*RUN, *handler(log, 'TERM', 'exit=6')])} & echo $!; wait $!"
    with running(["sh", "-c", script], repository, ready=b"") as shell:
        assert shell.stdout is not None
        wrapper = int(shell.stdout.readline())
        assert b"ready\n" == shell.stdout.readline()
        os.kill(wrapper, signal.SIGINT)
        os.kill(pid_of(log), signal.SIGINT)
        os.kill(wrapper, signal.SIGTERM)
        assert 6 == shell.wait(DEADLINE_S)


def test_stop_and_continue_pass_through_to_the_group(repository: Path, log: Path) -> None:
    with running([*RUN, *handler(log, "TERM", "exit=3", "child")], repository) as process:
        pids = [pid_of(log), pid_of(log, "grandchild")]
        process.send_signal(signal.SIGTSTP)
        for pid in pids:
            wait_for_state(pid, "T")
        process.send_signal(signal.SIGCONT)
        for pid in pids:
            wait_for_state(pid, "SR")
        process.terminate()
        assert 3 == process.wait(DEADLINE_S)


def test_stopped_command_is_not_an_ended_one(repository: Path, log: Path) -> None:
    with running([*RUN, *handler(log, "TERM", "exit=3")], repository) as process:
        os.kill(pid_of(log), signal.SIGSTOP)
        wait_for_state(pid_of(log), "T")
        settle(0.2)
        assert process.poll() is None
        assert is_running(process.pid)
        os.kill(pid_of(log), signal.SIGCONT)
        process.terminate()
        assert 3 == process.wait(DEADLINE_S)


def test_signal_during_a_stuck_reader_ends_us(repository: Path) -> None:
    """The command has ended, its reader takes nothing more: who wants us gone must not wait."""
    command = ["sh", "-c", "echo ready; head -c 300000 /dev/zero"]
    with running([*RUN, *command], repository) as process:
        run = only_run(repository)
        wait_until(lambda: Path(run.file("stdout")).stat().st_size > 65536)
        pid = run.read_metadata().get("child-pid", 0)
        wait_until(lambda: not is_running(pid))
        process.terminate()
        assert 0 == process.wait(DEADLINE_S)
    assert ("SUCCESS", "") == status(repository)
    assert len("ready\n") + 300_000 == Path(run.file("stdout")).stat().st_size


def test_killing_a_command_whose_reader_is_stuck_ends_us(repository: Path) -> None:
    """Without us the command would be gone at once, whatever its reader does."""
    with running([*RUN, "sh", "-c", "echo ready; exec cat /dev/zero"], repository) as process:
        size = Path(only_run(repository).file("stdout"))
        last = -1
        while last != size.stat().st_size:  # until all pipes are full
            last = size.stat().st_size
            settle(0.3)
        process.terminate()
        assert -signal.SIGTERM == process.wait(DEADLINE_S)
    assert ("ERROR", "killed by signal 15 (SIGTERM)") == status(repository)


# On a terminal


def press_ctrl_c(terminal: Terminal) -> None:
    """Press Ctrl-C and wait until we have taken it; two at once would be one to the kernel."""
    terminal.type("\x03")
    terminal.wait_for("^C")
    wait_until(lambda: int(status_field(terminal.pid, "ShdPnd"), 16) == 0)


def test_ctrl_c_calls_the_handler_once(repository: Path, log: Path) -> None:
    with Terminal(
        [*RUN, *handler(log, "INT,TERM", "exit=130", "save=0.5")], repository
    ) as terminal:
        terminal.wait_for("ready")
        terminal.type("\x03")
        assert 130 == terminal.end()
    assert ["INT"] == got(log)
    assert "saved child" in lines_of(log)
    assert ("ERROR", "exit code 130") == status(repository)


def test_ctrl_c_ends_a_python_program_as_without_us(repository: Path) -> None:
    command = [PYTHON, "-c", "print('ready'); import time; time.sleep(60)"]
    ends = []
    for prefix in ([], RUN):
        with Terminal([*prefix, *command], repository) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")
            ends.append((terminal.end(), terminal.output))
    assert -signal.SIGINT == ends[0][0]
    assert ends[0] == ends[1]
    assert "SIGINT" == only_run(repository).read_metadata()["signal"]


def test_ctrl_c_reaches_grandchildren_once(repository: Path, log: Path) -> None:
    with Terminal([*RUN, *handler(log, "INT", "exit=1", "child")], repository) as terminal:
        terminal.wait_for("ready")
        terminal.type("\x03")
        assert 1 == terminal.end()
        wait_until(lambda: ["INT"] == got(log, "grandchild"))
    assert ["INT"] == got(log)


def test_second_ctrl_c_sends_sigterm_and_third_sigkill(repository: Path, log: Path) -> None:
    with Terminal([*RUN, *handler(log, "INT,TERM")], repository) as terminal:
        terminal.wait_for("ready")
        press_ctrl_c(terminal)
        wait_until(lambda: ["INT"] == got(log))
        press_ctrl_c(terminal)
        terminal.wait_for("SIGTERM")
        wait_until(lambda: ["INT", "INT", "TERM"] == sorted(got(log)))
        terminal.type("\x03")
        terminal.wait_for("third Ctrl-C: sending SIGKILL")
        assert -signal.SIGKILL == terminal.end()
    assert ("ERROR", "killed by signal 9 (SIGKILL)") == status(repository)


def test_third_ctrl_c_kills_grandchildren_too(repository: Path, log: Path) -> None:
    script = f"trap '' INT TERM; {shlex.join(handler(log, 'INT,TERM'))}; true"
    with Terminal([*RUN, "sh", "-c", script], repository) as terminal:
        terminal.wait_for("ready")
        pid = pid_of(log)
        press_ctrl_c(terminal)
        press_ctrl_c(terminal)
        terminal.wait_for("SIGTERM")
        terminal.type("\x03")
        assert -signal.SIGKILL == terminal.end()
        wait_until(lambda: not is_running(pid))


def test_ctrl_backslash_quits_as_without_us(repository: Path, log: Path) -> None:
    with Terminal([*RUN, *handler(log, "QUIT", "exit=4")], repository) as terminal:
        terminal.wait_for("ready")
        terminal.type("\x1c")
        assert 4 == terminal.end()
    assert ["QUIT"] == got(log)


@pytest.mark.parametrize("name", FORWARDED)
def test_signal_to_us_alone_on_a_terminal_reaches_the_command(
    name: str, repository: Path, log: Path
) -> None:
    with Terminal([*RUN, *handler(log, name, "exit=8")], repository) as terminal:
        terminal.wait_for("ready")
        terminal.send_signal(signal.Signals["SIG" + name])
        assert 8 == terminal.end()
    assert [name] == got(log)


def test_ctrl_c_in_a_loop_of_the_shell_ends_the_loop(repository: Path) -> None:
    program = shlex.join([*RUN, PYTHON, "-c", "print('ready'); import time; time.sleep(60)"])
    with interactive_shell(repository) as shell:
        shell.type(f"for i in 1 2 3; do {program}; done; echo end$?\r")
        shell.wait_for("\nready")
        shell.type("\x03")
        assert b"ready" not in shell.wait_for(PROMPT)
    assert 1 == len(runs_of(repository))


# Job control


def test_ctrl_z_stops_the_job_and_fg_continues_it(repository: Path, log: Path) -> None:
    with interactive_shell(repository) as shell:
        shell.type(shlex.join([*RUN, *handler(log, "INT", "exit=12", "child")]) + "\r")
        shell.wait_for("\nready")
        pids = [pid_of(log), pid_of(log, "grandchild")]
        for _ in range(2):
            shell.type("\x1a")
            shell.wait_for("Stopped")
            shell.wait_for(PROMPT)
            for pid in pids:
                wait_for_state(pid, "T")
            shell.type("fg\r")
            for pid in pids:
                wait_for_state(pid, "SR")
        shell.type("\x03")
        shell.wait_for(PROMPT)
        shell.type("echo code=$?\r")
        shell.wait_for("\ncode=12")
    assert ["INT"] == got(log)
    assert ("ERROR", "exit code 12") == status(repository)


def test_stopped_job_continues_in_the_background(repository: Path, log: Path) -> None:
    with interactive_shell(repository) as shell:
        shell.type(shlex.join([*RUN, *handler(log, "TERM", "exit=0")]) + "\r")
        shell.wait_for("\nready")
        shell.type("\x1a")
        shell.wait_for(PROMPT)
        shell.type("bg\r")
        shell.wait_for(PROMPT)
        wait_for_state(pid_of(log), "SR")
        shell.type("\x03")
        shell.wait_for(PROMPT)
        assert [] == got(log)
        shell.type("kill %1; wait %1; echo code=$?\r")
        shell.wait_for("\ncode=0")
    assert ("SUCCESS", "") == status(repository)


def test_nothing_is_lost_while_stopped(repository: Path) -> None:
    lines = "for n in range(1, 2001): print(f'line {n} of many')"
    wait = "while not os.path.exists('go'): time.sleep(0.02)"
    code = f"import os, time\n{lines}\nprint('half')\n{wait}\n{lines}\nprint('whole')"
    with interactive_shell(repository) as shell:
        shell.type(f"clear; {shlex.join([*RUN, PYTHON, '-c', code])}\r")
        shell.wait_for("\nhalf")
        shell.type("\x1a")
        shell.wait_for(PROMPT)
        shell.type("touch go; fg\r")
        shell.wait_for("\nwhole")
        shell.wait_for(PROMPT)
    half = "".join(f"line {number} of many\n" for number in range(1, 2001))
    run = only_run(repository)
    assert f"{half}half\n{half}whole\n" == Path(run.file("stdout")).read_text()
    assert ("SUCCESS", "") == run.read_status()


def test_command_that_reads_in_the_background_is_stopped(repository: Path) -> None:
    with interactive_shell(repository) as shell:
        shell.type(shlex.join([*RUN, "sh", "-c", "read line; echo got $line"]) + " &\r")
        shell.wait_for(PROMPT)
        shell.type("while ! jobs | grep Stopped; do sleep 0.1; done\r")
        shell.wait_for("\n[1]+  Stopped")
        shell.wait_for(PROMPT)
        shell.type("fg\r")
        shell.wait_for("read line")
        shell.wait_for_job()
        shell.type("hello\r")
        shell.wait_for("\ngot hello")


def test_jobs_shows_us_as_one_job(repository: Path) -> None:
    with interactive_shell(repository) as shell:
        shell.type(shlex.join([*RUN, "sh", "-c", "echo ready; cat"]) + " | cat\r")
        shell.wait_for("\nready")
        shell.type("\x1a")
        shell.wait_for(PROMPT)
        shell.type("fg\r")
        shell.wait_for("| cat")
        shell.wait_for_job()
        shell.type("hello\r")
        shell.wait_for("\nhello")
        shell.type("\x04")
        shell.wait_for(PROMPT)
    assert ("SUCCESS", "") == status(repository)


def test_hangup_of_the_terminal_is_survived(repository: Path, log: Path) -> None:
    with Terminal(["nohup", *RUN, *handler(log, "TERM", "exit=2")], repository) as terminal:
        pid_of(log)
        terminal.send_signal(signal.SIGHUP)
        terminal.send_signal(signal.SIGTERM)
        assert 2 == terminal.end()


def test_command_started_by_us_within_us(repository: Path, log: Path) -> None:
    with running([*RUN, *RUN, *handler(log, "TERM", "exit=3")], repository) as process:
        process.terminate()
        assert 3 == process.wait(DEADLINE_S)
    assert ["TERM"] == got(log)
    inner = max(runs_of(repository), key=lambda run: int(run.id))
    assert "1" == inner.read_metadata()["parent"]


def test_interrupt_before_the_start_is_no_traceback(repository: Path) -> None:
    process = subprocess.Popen(
        [*RUN, "true"], cwd=repository, stderr=subprocess.PIPE, start_new_session=True
    )
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=DEADLINE_S)
    assert process.returncode in (0, 130, -signal.SIGINT, 1)
    assert b"meticulous/" not in stderr or sys.flags.dev_mode


def test_a_closed_terminal_ends_the_command_of_a_session_leader(
    repository: Path, log: Path
) -> None:
    """The kernel tells the leader of the session alone, and the leader may be us."""
    words = [*RUN, *handler(log, "HUP", "exit=7")]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(repository)
        os.execvp(words[0], words)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1000)
    os.close(terminal)

    _, ended = os.waitpid(pid, 0)

    assert ["HUP"] == got(log)
    assert 7 == os.waitstatus_to_exitcode(ended)
    assert ("ERROR", "exit code 7") == status(repository)
