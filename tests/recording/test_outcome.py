"""The verdict on a finished run, from what real programs really print."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.recording.outcome import Ended, judge, traceback_in
from meticulous.runfolder import ERROR, SUCCESS, headline
from tests.conftest import git, meticulous, only_run


def stderr_of(code: str, tmp_path: Path) -> str:
    """Run `code` as a script and return what it prints on stderr."""
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, check=False)
    return done.stderr.decode()


def test_a_traceback_is_taken_as_python_printed_it(tmp_path: Path) -> None:
    stderr = stderr_of("def f(): raise ValueError('no digits')\nf()\n", tmp_path)

    assert stderr.rstrip("\n") == traceback_in(stderr)


CUDA = "CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`."


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("raise ValueError('no digits')", "ValueError: no digits"),
        (f"raise RuntimeError({CUDA!r})", "RuntimeError: CUDA error: device-side assert triggered"),
        ("raise ImportError('\\n  pip install it\\n  or not')", "ImportError: pip install it"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        ("f(", "SyntaxError: '(' was never closed"),
        ("try: 1 / 0\nexcept Exception as e: raise KeyError('x\\ny') from e", r"KeyError: 'x\ny'"),
        (
            "import concurrent.futures as c\nif __name__ == '__main__':\n"
            "    with c.ProcessPoolExecutor(1) as p: p.submit(int, 'a').result()\n",
            "ValueError: invalid literal for int() with base 10: 'a'",
        ),
        (
            "import traceback\ntry: 1 / 0\nexcept Exception: text = traceback.format_exc()\n"
            "raise RuntimeError('Caught in a worker.\\nOriginal ' + text)\n",
            "ZeroDivisionError: division by zero",
        ),
    ],
)
def test_one_line_tells_most_of_a_traceback(tmp_path: Path, code: str, line: str) -> None:
    stderr = stderr_of(code + "\n", tmp_path)

    outcome = judge(Ended(1, None), stderr, None, out_of_memory=False)

    assert line == outcome.reason == headline(outcome.message)


@pytest.mark.parametrize("link", ["from error", ""])
def test_chained_exceptions_are_kept_whole(tmp_path: Path, link: str) -> None:
    stderr = stderr_of(
        f"try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('x') {link}\n",
        tmp_path,
    )

    assert stderr.rstrip("\n") == traceback_in("epoch 1\n" + stderr)


def test_an_earlier_traceback_that_was_handled_is_not_part_of_it(tmp_path: Path) -> None:
    stderr = stderr_of(
        "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()\n"
        "raise ValueError('the real one')\n",
        tmp_path,
    )

    found = traceback_in(stderr)

    assert found is not None
    assert found.startswith("Traceback")
    assert "ZeroDivisionError" not in found
    assert found.endswith("ValueError: the real one")


def test_a_progress_bar_in_front_is_left_out(tmp_path: Path) -> None:
    stderr = stderr_of(
        "import sys\nsys.stderr.write('\\r 10%|#   \\r 50%|##  | 5/10')\nraise ValueError('x')\n",
        tmp_path,
    )

    found = traceback_in(stderr)

    assert found is not None
    assert found.startswith("Traceback (most recent call last):\n")


def test_colours_are_left_out() -> None:
    stderr = (
        "\x1b[35mTraceback (most recent call last):\x1b[0m\n"
        '  File \x1b[35m"x.py"\x1b[0m, line \x1b[35m1\x1b[0m, in <module>\n'
        "\x1b[1;35mValueError\x1b[0m: \x1b[35mred\x1b[0m\n"
    )

    assert traceback_in(stderr) == (
        'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\nValueError: red'
    )


def test_a_message_of_several_lines_is_kept(tmp_path: Path) -> None:
    stderr = stderr_of("raise RuntimeError('one\\ntwo\\n\\tMissing key: a')\n", tmp_path)

    assert str(traceback_in(stderr)).endswith("RuntimeError: one\ntwo\n\tMissing key: a")


def test_what_python_says_at_exit_is_left_out(tmp_path: Path) -> None:
    stderr = stderr_of(
        "class Late:\n    def __del__(self): raise KeyError('late')\nlate = Late()\n"
        "late.itself = late\nraise ValueError('x')\n",
        tmp_path,
    )

    assert "Exception ignored" in stderr
    assert str(traceback_in(stderr)).endswith("\nValueError: x")


def test_a_traceback_long_before_the_end_is_not_the_reason() -> None:
    stderr = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: handled\n'

    assert traceback_in(stderr + "epoch\n" * 100) is None


def test_a_script_that_does_not_parse_gives_its_error(tmp_path: Path) -> None:
    stderr = stderr_of("x = = 1\n", tmp_path)

    found = traceback_in("some warning\n" + stderr)

    assert found == stderr.rstrip("\n")
    assert found.splitlines()[-1].startswith("SyntaxError: ")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_an_exception_group_is_kept_whole_and_ends_with_its_own_line(tmp_path: Path) -> None:
    stderr = stderr_of(
        "raise ExceptionGroup('both', [ValueError(1), TypeError(2)])\n",
        tmp_path,
    )

    verdict = judge(Ended(1, None), stderr, None, out_of_memory=False)

    assert verdict.message.startswith(stderr.rstrip("\n"))
    assert verdict.reason == "ExceptionGroup: both (2 sub-exceptions)"


@pytest.mark.parametrize("text", ["", "\n\n", "Traceback (most recent call last):", "x\r\n" * 5])
def test_text_without_a_traceback_has_none(text: str) -> None:
    assert traceback_in(text) is None


def test_exit_code_zero_is_success_whatever_was_printed() -> None:
    stderr = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: handled\n'

    assert judge(Ended(0, None), stderr, None, out_of_memory=False).state == SUCCESS


def test_another_exit_code_is_the_reason() -> None:
    verdict = judge(Ended(3, None), "", None, out_of_memory=True)

    assert (ERROR, "exit code 3", "exit code 3", None) == tuple(verdict)


def test_a_signal_is_named_and_memory_is_blamed_only_with_evidence() -> None:
    ended = Ended(None, signal.SIGKILL)

    plain = judge(ended, "", None, out_of_memory=False)
    blamed = judge(ended, "", None, out_of_memory=True)

    assert plain.message == "killed by signal 9 (SIGKILL)"
    assert plain.signal_name == "SIGKILL"
    assert "memory" in blamed.message


def test_what_the_program_reported_goes_before_what_it_printed() -> None:
    verdict = judge(Ended(1, None), "whatever", "Traceback\nValueError: told", out_of_memory=False)

    assert verdict.reason == "ValueError: told"


@pytest.mark.parametrize(
    ("code", "exit_code", "last_line"),
    [
        ("import sys; sys.exit(0)", 0, ""),
        ("import sys; sys.exit(3)", 3, "exit code 3"),
        ("raise ValueError('no digits')", 1, "ValueError: no digits"),
        ("import os; os.kill(os.getpid(), 9)", -9, "killed by signal 9 (SIGKILL)"),
        ("import os; os.abort()", -6, "killed by signal 6 (SIGABRT)"),
    ],
)
def test_status_says_how_a_real_program_ended(
    repository: Path, code: str, exit_code: int, last_line: str
) -> None:
    (repository / "train.py").write_text(code)
    git(repository, "commit", "-qam", "change")

    done = meticulous("run", "--", sys.executable, "train.py", cwd=repository)

    state, message = only_run(repository).read_status()
    assert exit_code == done.returncode
    assert ("SUCCESS" if exit_code == 0 else "ERROR") == state
    assert last_line == (message.splitlines()[-1] if message else "")
