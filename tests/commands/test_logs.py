"""What a run printed: in order, readable, raw, followed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous import runfolder
from meticulous.runfolder import RunFolder
from meticulous.runfolder.output import Playback
from meticulous.views.log import LogText
from tests.conftest import git, meticulous, only_run, runs_of, wait_until


def record(repository: Path, code: str) -> RunFolder:
    (repository / "train.py").write_text(code)
    git(repository, "commit", "-qam", "change")
    meticulous("run", "-q", "--", sys.executable, "train.py", cwd=repository)
    return only_run(repository)


def plain(content: bytes, *, keeps_colours: bool = False) -> str:
    text = LogText(keeps_colours=keeps_colours)
    return text.feed(content) + text.end()


def test_both_streams_come_in_the_order_in_which_they_were_written(repository: Path) -> None:
    record(
        repository,
        "import sys, time\n"
        "for number in range(5):\n"
        "    print(number); sys.stdout.flush(); time.sleep(0.03)\n"
        "    print('no', number, file=sys.stderr); time.sleep(0.03)\n",
    )

    both = meticulous("logs", "last", cwd=repository)
    one = meticulous("logs", "--stderr", cwd=repository)
    other = meticulous("logs", "--stdout", cwd=repository)

    expected = b"".join(b"%d\nno %d\n" % (number, number) for number in range(5))
    assert expected == both.stdout
    assert b"no 0\nno 1\nno 2\nno 3\nno 4\n" == one.stdout
    assert b"0\n1\n2\n3\n4\n" == other.stdout


def test_raw_gives_the_exact_bytes(repository: Path) -> None:
    content = bytes(range(256)) * 300
    record(repository, f"import sys; sys.stdout.buffer.write({content!r})")

    done = meticulous("logs", "last", "--raw", cwd=repository)

    assert content == done.stdout


def test_a_progress_bar_is_one_line_in_its_last_state() -> None:
    assert "100%|##|\ndone\n" == plain(b"\r 10%|  |\r 50%|# |\r100%|##|\ndone\n")


def test_a_bar_that_wipes_itself_leaves_what_was_seen_last() -> None:
    assert " 50%\n" == plain(b"\r 10%\r 50%\r     \r\n")


def test_windows_line_ends_are_line_ends() -> None:
    assert "one\ntwo\n" == plain(b"one\r\ntwo\r\n")


def test_colours_stay_for_a_terminal_and_all_else_goes() -> None:
    content = b"\x1b[1;31mred\x1b[0m\x1b[2K\x1b[3A\x1b]0;title\x07\x1b[?25l\x07\x00end\n"

    assert "red^G^@end\n" == plain(content)
    assert "\x1b[1;31mred\x1b[0m^G^@end\n" == plain(content, keeps_colours=True)


@given(st.binary(max_size=400), st.integers(1, 40))
def test_no_control_character_reaches_the_terminal_however_the_bytes_come(
    content: bytes, size: int
) -> None:
    text = LogText(keeps_colours=False)
    parts = [content[start : start + size] for start in range(0, len(content), size)]

    shown = "".join(text.feed(part) for part in parts) + text.end()

    assert all(
        character in "\n\t" or character.isprintable() or ord(character) > 0x9F
        for character in shown
    )


@given(st.text(alphabet="ab\r\n\x1b[1m;A", max_size=80), st.integers(1, 7))
def test_the_text_does_not_depend_on_how_the_bytes_come(content: str, size: int) -> None:
    data = content.encode()
    text = LogText(keeps_colours=True)

    parts = [text.feed(data[start : start + size]) for start in range(0, len(data), size)]

    assert plain(data, keeps_colours=True) == "".join(parts) + text.end()


def test_a_character_that_is_cut_by_a_chunk_is_whole() -> None:
    text = LogText(keeps_colours=False)

    assert "ü\n" == text.feed(b"\xc3") + text.feed(b"\xbc\n")


def test_a_line_without_end_does_not_fill_memory() -> None:
    text = LogText(keeps_colours=False)

    given_out = sum(len(text.feed(b"x" * 10_000)) for _ in range(100))

    assert given_out > 900_000
    assert given_out + len(text.end()) == 1_000_000


def test_bytes_that_the_timeline_does_not_list_come_last(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    (tmp_path / runfolder.STDOUT).write_bytes(b"one\ntwo\n")
    (tmp_path / runfolder.STDERR).write_bytes(b"trouble\nlate\n")
    (tmp_path / runfolder.TIMELINE).write_text("0.1 stderr 0 8\n0.2 stdout 0 4\n0.3 stdo")
    playback = Playback(run)

    assert b"trouble\none\n" == b"".join(playback.new())
    assert b"two\nlate\n" == b"".join(playback.rest())


def test_a_line_of_the_timeline_that_grows_gives_what_it_grew(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    playback = Playback(run)
    (tmp_path / runfolder.STDOUT).write_bytes(b"one\ntwo\n")
    (tmp_path / runfolder.TIMELINE).write_text("0.1 stdout 0 4\n")
    first = b"".join(playback.new())
    (tmp_path / runfolder.TIMELINE).write_text("0.1 stdout 0 8\n")

    assert (b"one\n", b"two\n") == (first, b"".join(playback.new()))


@pytest.mark.parametrize("words", [(), ("--raw",), ("--stdout",)])
def test_following_ends_with_the_run(repository: Path, words: tuple[str, ...]) -> None:
    (repository / "train.py").write_text(
        "import sys\nfor line in sys.stdin:\n    print('got', line, end='', flush=True)\n"
    )
    git(repository, "commit", "-qam", "change")
    command = [sys.executable, "-m", "meticulous"]
    run = subprocess.Popen(
        [*command, "run", "-q", "--", sys.executable, "train.py"],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: runs_of(repository) and only_run(repository).read_status()[0])
    follower = subprocess.Popen(
        [*command, "logs", "-f", *words], cwd=repository, stdout=subprocess.PIPE
    )
    assert run.stdin is not None
    assert follower.stdout is not None

    run.stdin.write(b"one\n")
    run.stdin.flush()
    first = follower.stdout.readline()
    run.stdin.write(b"two\n")
    run.stdin.close()
    rest = follower.stdout.read()

    assert (b"got one\n", b"got two\n") == (first, rest)
    assert (0, 0) == (run.wait(), follower.wait())
    follower.stdout.close()


def test_following_ends_when_the_recorder_was_killed(repository: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "meticulous", "run", "-q", "--", "cat"],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    wait_until(
        lambda: runs_of(repository) and only_run(repository).read_metadata().get("child-pid")
    )
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert run.stdin is not None
    run.stdin.close()

    done = meticulous("logs", "-f", cwd=repository)

    assert 3 == done.returncode


def test_a_run_that_is_not_there_is_said(repository: Path) -> None:
    done = meticulous("logs", "12", cwd=repository)

    assert 1 == done.returncode
    assert b"Traceback" not in done.stderr


def test_a_reader_that_leaves_is_no_error(repository: Path) -> None:
    record(repository, "print('line\\n' * 100_000)")
    command = f"{sys.executable} -m meticulous logs | head -n 1"

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=repository,
        capture_output=True,
        env={**os.environ},
        check=False,
    )

    assert (b"line\n", b"") == (done.stdout, done.stderr)
