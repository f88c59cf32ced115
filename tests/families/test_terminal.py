"""Programs that use the terminal as more than a place for lines look as they do without us."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte
import pytest

from tests.conftest import only_run, wait_until
from tests.launch_support import (
    METICULOUS,
    PROMPT,
    PYTHON,
    Terminal,
    child,
    interactive_shell,
    recorded,
    settle,
)

RUN = [*METICULOUS, "run", "-q", "--"]
SIZE = (20, 70)
Steps = Callable[[Terminal], object]


def screen_after(output: bytes, size: tuple[int, int] = SIZE) -> list[str]:
    """Return the lines that a terminal shows after `output`."""
    screen = pyte.Screen(size[1], size[0])
    pyte.ByteStream(screen).feed(output)
    return [line.rstrip() for line in screen.display]


def fresh_modes() -> list[Any]:
    """Return the modes that a terminal begins with."""
    master, slave = os.openpty()
    modes = termios.tcgetattr(master)
    os.close(master)
    os.close(slave)
    return modes


def both_ways(command: list[str], cwd: Path, steps: Steps = lambda _: None) -> list[Terminal]:
    """Run `command` on a terminal natively and recorded, doing `steps` in each; find them equal."""
    terminals = []
    for prefix in ([], RUN):
        with Terminal([*prefix, *command], cwd, size=SIZE) as terminal:
            before = fresh_modes()
            steps(terminal)
            code = terminal.end()
            assert 0 == code, terminal.output.decode(errors="replace")
            assert before == terminal.modes()
            terminals.append(terminal)
    native, under_us = terminals
    assert screen_after(native.output) == screen_after(under_us.output)
    return terminals


@pytest.mark.parametrize("library", ["tqdm", "rich"])
def test_progress_bars_are_drawn_as_without_us(library: str, repository: Path) -> None:
    native, under_us = both_ways([*child("bars"), library], repository)
    assert native.output == under_us.output
    assert any("50/50" in line or "20/20" in line for line in screen_after(under_us.output))
    kept = Path(only_run(repository).file("stderr" if library == "tqdm" else "stdout")).read_bytes()
    assert native.output.replace(b"\r\n", b"\n") == kept


def test_input_works(repository: Path) -> None:
    def steps(terminal: Terminal) -> None:
        terminal.wait_for("your name? ")
        terminal.type("Ada\x7fa\r")
        terminal.wait_for("got 'Ada'")

    native, under_us = both_ways([*child("questions"), "input"], repository, steps)
    assert native.output == under_us.output
    run = only_run(repository)
    kept = [Path(run.file(name)).read_bytes() for name in ("stdout", "stderr")]
    assert b"your name? " in b"".join(kept)
    assert kept[0].endswith(b"got 'Ada'\n")


def test_readline_works(repository: Path) -> None:
    def steps(terminal: Terminal) -> None:
        terminal.wait_for("edit: ")
        terminal.type("\x1b[A")
        terminal.wait_for("from history")
        terminal.type("\x01all \x05!\r")
        terminal.wait_for("got 'all from history!'")

    both_ways([*child("questions"), "readline"], repository, steps)


def test_getpass_shows_nothing(repository: Path) -> None:
    def steps(terminal: Terminal) -> None:
        terminal.wait_for("secret? ")
        wait_until(lambda: not terminal.modes()[3] & termios.ECHO)
        terminal.type("hunter2\r")
        terminal.wait_for("got 'hunter2'")
        assert 1 == terminal.output.count(b"hunter2")

    both_ways([*child("questions"), "getpass", "input"][:3], repository, steps)
    assert b"secret?" not in Path(only_run(repository).file("stdout")).read_bytes()


def test_breakpoint_works(repository: Path) -> None:
    def steps(terminal: Terminal) -> None:
        terminal.wait_for("(Pdb) ")
        terminal.type("p value\r")
        terminal.wait_for("42\r\n")
        terminal.wait_for("(Pdb) ")
        terminal.type("value = 43\r")
        terminal.wait_for("(Pdb) ")
        terminal.type("c\r")
        terminal.wait_for("after 43")

    both_ways([*child("questions"), "breakpoint"], repository, steps)


def test_single_keys_are_read(repository: Path) -> None:
    def steps(terminal: Terminal) -> None:
        terminal.wait_for("press")
        wait_until(lambda: not terminal.modes()[3] & termios.ICANON)
        terminal.type("x")
        terminal.wait_for("got 'x'")

    both_ways([*child("questions"), "key"], repository, steps)


# Full-screen programs


def test_curses_program_looks_and_works_as_without_us(repository: Path) -> None:
    screens = []

    def steps(terminal: Terminal) -> None:
        seen = terminal.wait_for("ready")
        wait_until(lambda: not terminal.modes()[3] & (termios.ICANON | termios.ECHO))
        terminal.type("a")
        seen += terminal.wait_for("pressed a")
        screens.append(screen_after(seen))
        terminal.type("q")
        terminal.wait_for("bye")

    both_ways(child("screen"), repository, steps)
    assert screens[0] == screens[1]
    assert "20 rows, 70 columns" in screens[1][1]


def test_curses_program_learns_of_every_new_size(repository: Path) -> None:
    def steps(terminal: Terminal) -> None:
        terminal.wait_for("ready")
        settle(0.3)  # curses itself misses a change while it draws
        for rows, columns in ((15, 61), (16, 62), (17, 63), (18, 64), (15, 61), (20, 70)):
            terminal.resize(rows, columns)
            terminal.wait_for(f"now {rows} rows, {columns} columns")
            settle(0.1)
        terminal.type("q")
        terminal.wait_for("bye")

    both_ways(child("screen"), repository, steps)


@pytest.mark.skipif(not shutil.which("vim"), reason="there is no vim here")
def test_vim_works(repository: Path) -> None:
    def steps(terminal: Terminal) -> None:
        terminal.wait_for("hello")
        wait_until(lambda: not terminal.modes()[3] & termios.ICANON)
        terminal.type("ccwritten by vim\x1b")
        terminal.wait_for("vim")
        terminal.type(":wq\r")

    for name in ("one", "two"):
        (repository / name).write_text("hello\n")
    command = ["vim", "-u", "NONE", "-N", "-n", "-i", "NONE"]
    for prefix, name in (([], "one"), (RUN, "two")):
        with Terminal([*prefix, *command, name], repository, size=SIZE) as terminal:
            before = fresh_modes()
            steps(terminal)
            assert 0 == terminal.end()
            assert before == terminal.modes()
        assert "written by vim\n" == (repository / name).read_text()


def test_modes_that_a_program_leaves_behind_are_left_behind(repository: Path) -> None:
    left = []
    for prefix in ([], RUN):
        with Terminal(
            [*prefix, "sh", "-c", "stty -echo -icanon <&1; echo done"], repository
        ) as terminal:
            assert 0 == terminal.end()
            left.append(terminal.modes())
    assert left[0] == left[1]
    assert not left[0][3] & termios.ECHO


@pytest.mark.parametrize("stream", ["<&0", "<&1", "<&2"])
def test_modes_hold_whichever_stream_they_are_set_through(stream: str, repository: Path) -> None:
    script = f"stty -echo raw {stream}; echo ready; head -c 1 >/dev/null; stty sane {stream}; echo; echo end"
    command = ["sh", "-c", script]
    screens = []
    for prefix in ([], RUN):
        with Terminal([*prefix, *command], repository, size=SIZE) as terminal:
            terminal.wait_for("ready")
            wait_until(lambda: not terminal.modes()[3] & termios.ICANON)
            during = terminal.modes()
            terminal.type("x")
            terminal.wait_for("end")
            assert 0 == terminal.end()
            screens.append((during[1] & termios.OPOST, during[3], terminal.modes()))
    assert screens[0] == screens[1]


def test_modes_set_on_the_terminal_are_seen_on_stdout(repository: Path) -> None:
    code = (
        "import os, termios, time\n"
        "m = termios.tcgetattr(0); m[3] &= ~termios.ECHO; termios.tcsetattr(0, termios.TCSANOW, m)\n"
        "end = time.monotonic() + 20\n"
        "while termios.tcgetattr(1)[3] & termios.ECHO and time.monotonic() < end: time.sleep(0.01)\n"
        "print('echo', bool(termios.tcgetattr(1)[3] & termios.ECHO))\n"
    )
    with Terminal([*RUN, PYTHON, "-c", code], repository) as terminal:
        terminal.wait_for("echo False")
        assert 0 == terminal.end()


# Size


@pytest.mark.parametrize(
    "shell", [[], ["sh", "-c", '"$@"; true', "sh"]], ids=["child", "grandchild"]
)
def test_new_size_is_visible_when_sigwinch_arrives(shell: list[str], repository: Path) -> None:
    with Terminal([*RUN, *shell, *child("resize")], repository, size=(24, 80)) as terminal:
        terminal.wait_for("size (24, 80)")
        terminal.wait_for("ready")
        for rows, columns in ((30, 100), (10, 40), (11, 41), (12, 42), (50, 200)):
            terminal.resize(rows, columns)
            terminal.wait_for(f"size ({rows}, {columns})\r\n")
        terminal.type("\x03")
        assert terminal.end() != 0


def test_new_size_is_visible_after_a_stop(repository: Path) -> None:
    # No tight loop of forks around Ctrl-Z: a shell that is about to exec cannot be stopped.
    wait = "while os.get_terminal_size(1) != (111, 33): time.sleep(0.02)"
    code = f"import os, time\nprint('ready')\n{wait}\nprint('right')"
    program = shlex.join([*RUN, PYTHON, "-c", code])
    with interactive_shell(repository) as shell:
        shell.type(program + "\r")
        shell.wait_for("\nready")
        shell.type("\x1a")
        shell.wait_for(PROMPT)
        shell.resize(33, 111)
        shell.type("fg\r")
        shell.wait_for("\nright\r\n")


# Job control with modes


def test_modes_come_and_go_with_ctrl_z_and_fg(repository: Path) -> None:
    with interactive_shell(repository) as shell:
        before = shell.modes()
        shell.type(shlex.join([*RUN, *child("screen")]) + "\r")
        shell.wait_for("ready")
        wait_until(lambda: not shell.modes()[3] & termios.ICANON)
        shell.type("\x1a")
        shell.wait_for(PROMPT)
        shell.type("stty -a | grep -w -o -e -icanon -e icanon -e -echo -e echo; echo shown\r")
        seen = shell.wait_for("\nshown")
        assert b"\nicanon" in seen
        assert b"\necho" in seen
        shell.type("fg\r")
        wait_until(lambda: not shell.modes()[3] & (termios.ICANON | termios.ECHO))
        shell.type("q")
        shell.wait_for("bye")
        shell.wait_for(PROMPT)
        wait_until(lambda: before[3] == shell.modes()[3] or shell.modes()[3] & termios.ECHO == 0)
        shell.type("stty -a | grep -w -o -e -icanon -e icanon -e -echo -e echo; echo shown\r")
        shell.wait_for("\nicanon")


# --pipe and --pty


def test_pipe_gives_pipes_on_a_terminal(repository: Path) -> None:
    script = "test -t 0 && test ! -t 1 && test ! -t 2 && echo pipes"
    with Terminal(
        [*METICULOUS, "run", "-q", "--pipe", "--", "sh", "-c", script], repository
    ) as terminal:
        assert 0 == terminal.end()
    assert b"pipes\r\n" == terminal.output


def test_pty_gives_terminals_off_one(repository: Path) -> None:
    script = "test -t 1 && test -t 2 && stty size <&1; printf 'a\\nb\\r\\n'; exit 3"
    env = {**os.environ, "COLUMNS": "132", "LINES": "43"}
    seen = recorded(
        ["sh", "-c", script],
        repository,
        options_of_run=["-q", "--pty"],
        env=env,
        start_new_session=True,
    )
    assert (3, b"43 132\na\nb\r\n", b"") == seen
    assert seen.stdout == Path(only_run(repository).file("stdout")).read_bytes()


def test_pty_passes_all_bytes(repository: Path) -> None:
    code = "import os; data = bytes(range(256)) * 2000\nwhile data: data = data[os.write(1, data):]"
    seen = recorded([PYTHON, "-c", code], repository, options_of_run=["-q", "--pty"])
    assert (0, bytes(range(256)) * 2000, b"") == seen


def test_killed_full_screen_program_leaves_the_modes_as_without_us(repository: Path) -> None:
    left = []
    for prefix in ([], RUN):
        with Terminal([*prefix, *child("screen")], repository) as terminal:
            terminal.wait_for("ready")
            wait_until(lambda: not terminal.modes()[3] & termios.ICANON)
            terminal.send_signal(signal.SIGKILL if not prefix else signal.SIGUSR1)
            terminal.end()
            left.append(terminal.modes()[3] & (termios.ICANON | termios.ECHO))
    assert left == [0, 0]


def test_our_lines_do_not_stand_behind_what_the_command_has_left(repository: Path) -> None:
    bar = "40% |####      | 4/10"
    script = f"printf '\\r%s' '{bar}' >&2; printf half; sleep 0.1; kill -9 $$"
    with Terminal([*METICULOUS, "run", "--", "sh", "-c", script], repository, size=(9, 200)) as one:
        assert -signal.SIGKILL == one.end()
    shown = [line for line in screen_after(one.output, (9, 200)) if line]
    assert f"{bar}half" == shown[1]
    assert shown[2].startswith("meticulous: run 1 ERROR after")
    assert 3 == len(shown)
    assert f"\r{bar}".encode() == Path(only_run(repository).file("stderr")).read_bytes()


def test_nothing_is_put_between_our_lines_and_whole_ones(repository: Path) -> None:
    command = [*METICULOUS, "run", "--", "echo", "whole"]
    with Terminal(command, repository, size=(9, 200)) as one:
        assert 0 == one.end()
    first, printed, last = one.output.splitlines()
    assert first.startswith(b"meticulous: run 1 in") and last.startswith(b"meticulous: run 1 SUCC")
    assert b"whole" == printed
