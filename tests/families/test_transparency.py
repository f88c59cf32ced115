"""A command behaves under ``meticulous run`` as it does without: each runs both ways here.

The differences that we choose are asserted too, at the end.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DEADLINE_S, only_run
from tests.launch_support import (
    CHILDREN,
    ENTRY_POINTS,
    METICULOUS,
    PYTHON,
    Seen,
    Terminal,
    Words,
    child,
    natively,
    recorded,
)

UNDER = [PYTHON, str(CHILDREN / "under.py")]
OURS = ("METICULOUS_", "PYTHONPATH=", "_=")


def both(command: Words, cwd: Path, under: list[str] | None = None, **options: Any) -> Seen:
    """Run `command` both ways, find all that a caller sees equal, and return it."""
    native = natively(command, cwd, under or [], **options)
    assert native == recorded(command, cwd, under or [], **options)
    return native


PROGRAMS = {
    "python script": [PYTHON, "train.py"],
    "python -c": [PYTHON, "-c", "import sys; print(1, flush=True); sys.exit('no')"],
    "python -m": [PYTHON, "-m", "train", "--lr", "0.1"],
    "python -m package": [PYTHON, "-m", "json.tool", "--help"],
    "python traceback": [PYTHON, "-c", "{}['lr']"],
    "python no such file": [PYTHON, "nothing.py"],
    "python syntax error": [PYTHON, "-c", "def"],
    "python bytes": [
        PYTHON,
        "-c",
        "import os; os.write(1, bytes(range(256))); os.write(2, b'\\xff')",
    ],
    "sh": ["sh", "-c", "echo out; echo err >&2; exit 4", "name", "a b"],
    "bash": ["bash", "-c", 'printf \'%s|\' "$0" "$@"; exit 255', "zero", "", "a  b", "*"],
    "perl": ["perl", "-e", "$| = 1; print STDERR 'err'; print 'out'; exit 7"],
    "echo": ["/bin/echo", "-n", "--", "-q", "--tag", ""],
    "in PATH": ["echo", "hello"],
    "shebang": ["./with-shebang.py", "-x", "--", "y"],
    "env": ["env", "A=1", "sh", "-c", "echo $A"],
    "false": ["false"],
    "exit 125": ["sh", "-c", "exit 125"],
    "exit 126": ["sh", "-c", "exit 126"],
    "exit 127": ["sh", "-c", "nothing-is-called-so"],
    "SIGTERM": ["sh", "-c", "kill -TERM $$"],
    "SIGKILL": ["sh", "-c", "echo last words; kill -KILL $$"],
    "SIGINT": [PYTHON, "-c", "import os; os.kill(os.getpid(), 2); input()"],
    "SIGPIPE": ["sh", "-c", "kill -PIPE $$"],
    "SIGABRT": [PYTHON, "-c", "import os; os.abort()"],
    "SIGRTMIN": ["bash", "-c", "kill -RTMIN+1 $$"],
    "SIGALRM": ["sh", "-c", "kill -ALRM $$"],
}


@pytest.fixture
def project(repository: Path) -> Path:
    """The repository, with a few programs more."""
    plain = repository / "without shebang"
    plain.write_text('printf "%s|" "$0" "$@"; exit 9\n')
    script = repository / "with-shebang.py"
    script.write_text("#!/usr/bin/env python3\nimport sys\nprint(sys.argv)\nsys.exit(11)\n")
    for path in (plain, script):
        path.chmod(0o755)
    (repository / "input").write_bytes(b"one\ntwo\n")
    return repository


@pytest.mark.parametrize("name", PROGRAMS)
def test_streams_and_exit_code_are_the_same(name: str, project: Path) -> None:
    command = PROGRAMS[name]
    if "/" not in command[0] and not shutil.which(command[0]):
        pytest.skip(f"there is no {command[0]} here")
    native = both(command, project, stdin=subprocess.DEVNULL)
    run = only_run(project)
    assert native.stdout == Path(run.file("stdout")).read_bytes()
    assert native.stderr == Path(run.file("stderr")).read_bytes()
    code = run.read_metadata()["exit-code"]
    assert (None if native.code < 0 else native.code) == code


def test_script_without_a_first_line_is_run_by_sh(project: Path) -> None:
    command = ["./without shebang", "a b", ""]
    shell = ["bash", "-c", '"$@"', "bash"]
    expected = Seen(9, b"./without shebang|a b||", b"")
    assert expected == natively(command, project, shell) == recorded(command, project)
    assert expected == recorded(command, project, options_of_run=["--norecord"])


@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_words_and_directory_arrive_untouched(entry: str, project: Path) -> None:
    below = project / "sub dir\n"
    below.mkdir()
    words: list[str | bytes] = [
        "",
        " ",
        "a b",
        "new\nline",
        b"\xff\xfe",
        "%s %d",
        "ünï",
        "'\"",
        "\\",
        "*",
        "$HOME",
    ]
    words += ["--", "-q", "--dirty", "--experiment-id=x", "run", "x" * 100_000]
    command: list[str | bytes] = [*child("words"), *words]
    assert natively(command, below) == recorded(command, below, entry=entry)


@pytest.mark.parametrize(
    "words",
    [["-q", "echo", "-q", "--", "x"], ["-q", "--", "echo", "--", "-m"], ["-q", "--", "--odd"]],
)
def test_our_options_end_at_the_command(words: list[str], project: Path) -> None:
    odd = project / "bin" / "--odd"
    odd.parent.mkdir()
    odd.write_text("#!/bin/sh\necho odd\n")
    odd.chmod(0o755)
    env = {**os.environ, "PATH": f"{odd.parent}:{os.environ['PATH']}"}
    seen = natively([*METICULOUS, "run", *words], project, env=env)
    expected = {"echo": b"-q -- x\n", "--": b"-- -m\n"}
    assert (0, b"") == (seen.code, seen.stderr)
    assert (b"odd\n" if words[-1] == "--odd" else expected[words[1]]) == seen.stdout


# Environment


def variables(content: bytes) -> list[bytes]:
    """Return the variables that ``env -0`` printed, in their order, but for ours."""
    ours = tuple(name.encode() for name in OURS)
    return [entry for entry in content.split(b"\0") if not entry.startswith(ours)]


@pytest.mark.parametrize("entry", ENTRY_POINTS)
@pytest.mark.parametrize(
    "extra",
    [
        {"A": "", "B": "a=b\nc", b"\xff": b"\xfe"},
        {"LANG": "C"},
        {"LC_ALL": "C"},
        {"LC_CTYPE": "C.UTF-8"},
        {"LANG": "en_US.ISO-8859-1", b"B": b"\xe9"},
        {"PYTHONUTF8": "0", "LC_ALL": "POSIX", b"B": b"\xe9"},
        {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
    ],
    ids=str,
)
def test_environment_is_the_same_but_for_ours(
    entry: str, extra: dict[str | bytes, str | bytes], project: Path
) -> None:
    bare = {name: os.environ[name] for name in ("PATH", "HOME")}
    env = {**bare, **extra}
    native = natively(["env", "-0"], project, env=env)
    under_us = recorded(["env", "-0"], project, entry=entry, env=env)
    assert variables(native.stdout) == variables(under_us.stdout)
    assert (0, b"") == (under_us.code, under_us.stderr)


def test_environment_is_the_same_with_norecord(project: Path) -> None:
    env = {"PATH": os.environ["PATH"], "LANG": "C", "PYTHONPATH": ":x"}
    native = natively(["env", "-0"], project, env=env)
    bare = recorded(["env", "-0"], project, options_of_run=["--norecord"], env=env)
    assert native == bare
    assert not (project / "experiments").exists()


@pytest.mark.parametrize("path", [None, "", ":", ":lib", "lib:", "lib::other", "lib:lib"])
def test_modules_are_looked_for_in_the_same_places(path: str | None, project: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        env["PYTHONPATH"] = path
    both(child("interpreter"), project, env=env)


@pytest.mark.parametrize(
    "flags",
    [[], ["-I"], ["-E"], ["-S"], ["-s", "-B"], ["-O", "-W", "error"], ["-X", "utf8=0", "-u"]],
    ids=str,
)
def test_interpreter_has_the_same_flags(flags: list[str], project: Path) -> None:
    program = child("interpreter")
    both([program[0], *flags, program[1]], project)


# What a process inherits beside its environment


def kernel_view(seen: Seen) -> list[bytes]:
    """Return the lines of ``/proc/self/status`` that say what a process was given."""
    names = (b"Sig", b"Shd", b"Umask", b"Groups", b"Uid", b"Gid", b"Seccomp", b"NoNew", b"Cap")
    lines = seen.stdout.splitlines()
    assert len(lines) > 10
    kept = [line for line in lines if line.startswith(names) and not line.startswith(b"SigQ")]
    # Signals 32 and 33 belong to the threads of libc; posix_spawn of glibc leaves them ignored.
    return [
        b"SigIgn: %x" % (int(line.split()[1], 16) & ~(0b11 << 31))
        if line[:6] == b"SigIgn"
        else line
        for line in kept
    ]


@pytest.mark.parametrize("entry", ENTRY_POINTS)
@pytest.mark.parametrize(
    "preparation",
    [
        ["umask=022"],
        ["umask=077", "block=USR1,TERM"],
        ["ignore=INT,QUIT"],
        ["ignore=HUP,TERM,USR2,TSTP,TTIN,TTOU,CONT,WINCH"],
        ["block=INT,HUP,CHLD,PIPE,ALRM,RTMIN"],
        ["block=INT", "ignore=INT,ALRM,URG"],
    ],
    ids=str,
)
def test_signals_and_umask_are_inherited(entry: str, preparation: list[str], project: Path) -> None:
    under = [*UNDER, *preparation, "--"]
    command = ["cat", "/proc/self/status"]
    native = natively(command, project, under)
    assert kernel_view(native) == kernel_view(recorded(command, project, under, entry))


@pytest.mark.parametrize(
    "preparation", ["ulimit -n 300 -s 4096 -c 0", "ulimit -f 100", "nice -n 5 true; :"]
)
def test_limits_are_inherited(preparation: str, project: Path) -> None:
    under = ["bash", "-c", preparation + '; exec "$@"', "bash"]
    both(["sh", "-c", "cat /proc/self/limits; nice; cat /proc/self/oom_score_adj"], project, under)


def test_niceness_is_inherited(project: Path) -> None:
    assert b"5" in both(["nice"], project, ["nice", "-n", "5"]).stdout


# Descriptors

OPEN = "import os; print([d for d in range(64) if os.path.exists('/proc/self/fd/%d' % d)])"


def test_open_descriptors_are_the_same(project: Path) -> None:
    # One more is open natively and recorded: that of the question itself is not among them.
    both([PYTHON, "-c", OPEN], project)


@pytest.mark.parametrize("descriptor", [3, 7, 9])
def test_inherited_descriptors_arrive(descriptor: int, project: Path) -> None:
    under = ["bash", "-c", f'exec {descriptor}<input; exec "$@"', "bash"]
    both([PYTHON, "-c", OPEN], project, under)
    assert b"one\ntwo\n" == both(["sh", "-c", f"cat <&{descriptor}"], project, under).stdout


@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_process_substitution_arrives(entry: str, project: Path) -> None:
    words = shlex.join([*ENTRY_POINTS[entry], "run", "-q", "--"])
    script = f"{words} paste <(echo a) <(echo b); {words} tee >(cat >copy) <input >/dev/null; wait $!; cat copy"
    seen = natively(["bash", "-c", script], project)
    assert (0, b"a\tb\none\ntwo\n") == (seen.code, seen.stdout)


def test_inherited_descriptors_can_be_written(project: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(DEADLINE_S)
        number = theirs.fileno()
        recorded(["bash", "-c", f"echo hello >&{number}"], project, pass_fds=[number])
        assert b"hello\n" == ours.recv(100)


@pytest.mark.parametrize("descriptor", ["0", "0,3", "1", "2", "0,1,2"])
def test_closed_descriptors_do_no_harm(descriptor: str, project: Path) -> None:
    under = ["bash", "-c", 'exec 3<input; exec "$@"', "bash", *UNDER, f"close={descriptor}", "--"]
    command = ["sh", "-c", "cat; echo $?; exit 6"]
    native = natively(command, project, under)
    under_us = recorded(command, project, under)
    assert 6 == under_us.code
    if "0" == descriptor[0] and "1" not in descriptor:
        assert native == under_us


# stdin

READ = [PYTHON, "-c", "import sys; print(sys.stdin and [sys.stdin.read(), sys.stdin.isatty()])"]


@pytest.mark.parametrize("entry", ENTRY_POINTS)
@pytest.mark.parametrize(
    "command", [READ, ["cat"], ["head", "-c", "3"]], ids=["python", "cat", "head"]
)
def test_stdin_pipe_arrives(entry: str, command: list[str], project: Path) -> None:
    content = b"a\r\n\xc3\xa9" + b"x" * 100_000
    assert natively(command, project, input=content) == recorded(
        command, project, entry=entry, input=content
    )


def test_stdin_file_is_the_same_file(project: Path) -> None:
    command = [
        "sh",
        "-c",
        "head -n 1 >/dev/null; cat /proc/self/fdinfo/0 | head -n 1; readlink /proc/self/fd/0",
    ]
    with (project / "input").open() as first:
        native = natively(command, project, stdin=first)
    with (project / "input").open() as second:
        assert native == recorded(command, project, stdin=second)


def test_what_the_command_leaves_of_stdin_is_left(project: Path) -> None:
    script = f"{shlex.join(METICULOUS)} run -q -- sh -c 'read line; echo got $line'; cat"
    seen = natively(["sh", "-c", script], project, input=b"one\ntwo\n")
    assert b"got one\ntwo\n" == seen.stdout


def test_stdin_closed_is_closed_for_the_command(project: Path) -> None:
    assert b"None\n" == both(READ, project, [*UNDER, "close=0", "--"]).stdout


# On a terminal


def on_terminal(
    command: list[str], cwd: Path, size: tuple[int, int] = (24, 80)
) -> tuple[int, bytes]:
    """Run `command` on a terminal: (exit code, every byte that came to the terminal)."""
    with Terminal(command, cwd, size=size) as terminal:
        return terminal.end(), terminal.output


def both_on_terminal(command: list[str], cwd: Path, entry: str = "script") -> bytes:
    native = on_terminal(command, cwd, (31, 97))
    prefix = [*ENTRY_POINTS[entry], "run", "-q", "--"]
    assert native == on_terminal([*prefix, *command], cwd, (31, 97))
    return native[1]


@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_terminal_is_seen_as_without_us(entry: str, project: Path) -> None:
    output = both_on_terminal(child("terminal"), project, entry)
    assert 3 == output.count(b"is a terminal: True")
    assert 3 == output.count(b"columns=97, lines=31")


@pytest.mark.parametrize(
    "redirection", ["</dev/null", ">out", "2>err", "</dev/null >out", ">out 2>&1"]
)
def test_only_what_is_a_terminal_for_us_is_one_for_the_command(
    redirection: str, project: Path
) -> None:
    test = "for n in 0 1 2; do test -t $n && echo $n yes >>{0} || echo $n no >>{0}; done"
    for name, prefix in (("native", []), ("ours", [*METICULOUS, "run", "-q", "--"])):
        command = [*prefix, "sh", "-c", test.format(name)]
        on_terminal(["sh", "-c", f"{shlex.join(command)} {redirection}"], project)
    assert (project / "native").read_text() == (project / "ours").read_text()


@pytest.mark.parametrize("name", ["python script", "python traceback", "env", "bash", "SIGTERM"])
def test_programs_look_the_same_on_a_terminal(name: str, project: Path) -> None:
    both_on_terminal(PROGRAMS[name], project)


def test_stdin_is_the_terminal_itself(project: Path) -> None:
    command = f"tty; {shlex.join(METICULOUS)} run -q -- tty"
    _, output = on_terminal(["bash", "-c", command], project)
    first, second = output.split()
    assert first == second


@pytest.mark.parametrize(
    "command",
    [
        ["ls", "--color=auto", "/"],
        ["git", "--no-pager", "log", "--format=%Cred%s"],
        ["grep", "--color=auto", "-n", "hello", "train.py"],
        [PYTHON, "-m", "rich.box"],
    ],
    ids=lambda command: str(command[0]),
)
def test_colours_are_kept_on_a_terminal(command: list[str], project: Path) -> None:
    output = both_on_terminal(command, project)
    assert b"\x1b[" in output
    kept = Path(only_run(project).file("stdout")).read_bytes()
    assert output == kept.replace(b"\n", b"\r\n")
    assert b"\r" not in kept


# The differences that we choose


def test_python_prints_at_once_to_a_pipe(project: Path) -> None:
    code = """
import os, sys
kept = os.path.join(os.environ["METICULOUS_RUN_DIR"], "stdout")
for text, end in ("line", "\\n"), ("bar", "\\r"):
    print(text, end=end)
    while not open(kept, newline="").read().endswith(text + end):
        pass
print(sys.stdout.line_buffering, sys.stdout.write_through, type(sys.stdout.buffer.raw).__name__)
print(sys.stderr.line_buffering, os.environ.get("PYTHONUNBUFFERED"))
"""
    seen = recorded([PYTHON, "-c", code], project)
    assert ["bar", "True", "False", "FileIO", "True", "None"] == seen.stdout.decode().split()[1:]


@pytest.mark.parametrize("value", ["", "0", "x"])
def test_pythonunbuffered_of_the_user_stays(value: str, project: Path) -> None:
    env = {**os.environ, "PYTHONUNBUFFERED": value}
    both(["sh", "-c", "echo ${PYTHONUNBUFFERED-unset}"], project, env=env)


def test_python_is_not_told_to_hurry_on_a_terminal(project: Path) -> None:
    both_on_terminal(["sh", "-c", "echo ${PYTHONUNBUFFERED-unset}"], project)


def test_command_leads_its_own_group_without_a_terminal(project: Path) -> None:
    code = "import os; print(os.getpgrp() == os.getpid(), os.getsid(0) != os.getpid())"
    seen = recorded([PYTHON, "-c", code], project, start_new_session=True)
    assert b"True True\n" == seen.stdout


def test_output_of_a_command_whose_stdout_was_closed_is_kept(project: Path) -> None:
    assert Seen(0, b"", b"") == recorded(["echo", "kept"], project, [*UNDER, "close=1", "--"])
    assert b"kept\n" == Path(only_run(project).file("stdout")).read_bytes()


def test_ignored_sigchld_does_no_harm(project: Path) -> None:
    """A process that ignores it cannot learn how its children ended; so the command gets the default."""
    under = [*UNDER, "ignore=CHLD", "--"]
    assert natively(["sh", "-c", "exit 3"], project, under) == recorded(
        ["sh", "-c", "exit 3"], project, under
    )


def test_ignored_sigpipe_is_default_again(project: Path) -> None:
    """Python ignores it from its first moment on, so that what we were given cannot be known."""
    command = ["cat", "/proc/self/status"]
    under_us = recorded(command, project, [*UNDER, "ignore=PIPE", "--"])
    assert kernel_view(natively(command, project, [*UNDER, "--"])) == kernel_view(under_us)
