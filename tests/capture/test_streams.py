"""What the command prints: kept byte for byte, passed on at once, whatever happens to either side."""

from __future__ import annotations

import hashlib
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous.capture.files import Timeline
from meticulous.runfolder import RunFolder
from tests.conftest import DEADLINE_S, git, only_run, wait_until
from tests.launch_support import (
    METICULOUS,
    PYTHON,
    child,
    is_running,
    natively,
    peak_memory_of,
    recorded,
    running,
    settle,
)

RUN = [*METICULOUS, "run", "-q", "--"]
MIB = 2**20


def kept(run: RunFolder, name: str = "stdout") -> bytes:
    return Path(run.file(name)).read_bytes()


def timeline(run: RunFolder) -> list[tuple[float, str, int, int]]:
    """Return (seconds, stream, offset, length) of each line."""
    lines = kept(run, "timeline").decode("ascii").splitlines()
    fields = [line.split(" ") for line in lines]
    return [(float(one), two, int(three), int(four)) for one, two, three, four in fields]


def check_timeline(run: RunFolder) -> list[tuple[float, str, int, int]]:
    """Find that the timeline covers every byte once, in order, and that time does not go back."""
    lines = timeline(run)
    for stream in ("stdout", "stderr"):
        position = 0
        for _, _, offset, length in (line for line in lines if line[1] == stream):
            assert position == offset
            assert length > 0
            position += length
        assert len(kept(run, stream)) == position
    times = [line[0] for line in lines]
    assert sorted(times) == times
    wall_s = run.read_metadata()["usage"]["wall"]
    assert not times or 0 <= times[0] <= times[-1] <= wall_s + 5
    return lines


# Exactness


@pytest.mark.parametrize("options", [["-q"], ["-q", "--pty"]], ids=["pipes", "terminals"])
def test_random_bytes_are_passed_on_and_kept(options: list[str], repository: Path) -> None:
    source = random.Random(7)
    stdout, stderr = source.randbytes(3 * MIB), source.randbytes(3 * MIB)
    seen = recorded([*child("printer"), "random", str(3 * MIB)], repository, options_of_run=options)
    assert seen.code == 0
    assert (stdout, stderr) == (seen.stdout, seen.stderr)
    run = only_run(repository)
    assert (stdout, stderr) == (kept(run), kept(run, "stderr"))
    check_timeline(run)


def test_line_of_64_mib_without_an_end(repository: Path) -> None:
    sink = repository / "out"
    code, peak = peak_memory_of([*RUN, *child("printer"), "line", "64"], repository, sink)
    assert code == 0
    assert peak < 64 * MIB
    assert 64 * MIB == sink.stat().st_size
    run = only_run(repository)
    for path in (sink, Path(run.file("stdout"))):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        assert hashlib.md5(b"z" * 64 * MIB, usedforsecurity=False).hexdigest() == digest
    assert Path(run.file("timeline")).stat().st_size < 64 * MIB / 1000


def test_memory_is_the_same_however_much_is_printed(repository: Path) -> None:
    command = [*RUN, *child("printer"), "many", "512"]
    code, peak = peak_memory_of(command, repository, Path(os.devnull))
    assert code == 0
    assert peak < 64 * MIB
    run = only_run(repository)
    assert 512 * MIB == Path(run.file("stdout")).stat().st_size
    assert Path(run.file("timeline")).stat().st_size < MIB
    Path(run.file("stdout")).unlink()


def test_streams_can_be_merged_in_order_by_the_timeline(repository: Path) -> None:
    # Each line waits until the one before has come through, so the order is known.
    command = [*RUN, *child("printer"), "turns", "20"]
    with subprocess.Popen(
        command,
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        for number in range(20):
            stream = process.stderr if number % 2 else process.stdout
            assert b"%d of 20\n" % number == stream.readline()
            process.stdin.write(b"\n")
    run = only_run(repository)
    merged = [
        kept(run, stream)[offset : offset + length]
        for _, stream, offset, length in check_timeline(run)
    ]
    assert [b"%d of 20\n" % number for number in range(20)] == merged


def test_timeline_tells_when_something_was_printed(repository: Path) -> None:
    recorded(
        ["sh", "-c", "echo first; sleep 0.3; echo second; sleep 0.3; echo third >&2"], repository
    )
    (first, _, _, _), (second, _, _, _), (third, stream, _, _) = check_timeline(
        only_run(repository)
    )
    assert second - first > 0.25
    assert third - second > 0.25
    assert stream == "stderr"


def test_timeline_of_a_continuous_stream_is_one_line_in_a_while(tmp_path: Path) -> None:
    made = Timeline(str(tmp_path / "timeline"), 0.0, lambda *_: None)
    for offset in range(0, 100_000, 10):
        made.note("stdout", offset, 10)
    lines = (tmp_path / "timeline").read_text().splitlines()
    assert 100_000 == sum(int(line.split()[3]) for line in lines)
    assert len(lines) < 1_000


def test_empty_streams_leave_empty_files(repository: Path) -> None:
    recorded(["true"], repository)
    run = only_run(repository)
    assert [b"", b"", b""] == [kept(run, name) for name in ("stdout", "stderr", "timeline")]


def test_line_arrives_while_the_command_runs(repository: Path) -> None:
    command = [*RUN, PYTHON, "-c", "print('ready'); print('partial', end=''); input()"]
    with running(command, repository, stdin=subprocess.PIPE) as process:
        assert process.stdout and process.stdin
        assert b"partial" == process.stdout.read(7)
        wait_until(lambda: b"ready\npartial" == kept(only_run(repository)))
        process.stdin.write(b"\n")
        assert 0 == process.wait(DEADLINE_S)


# Our own streams in trouble


def test_reader_that_leaves_does_not_end_the_capture(repository: Path) -> None:
    script = f"{shlex.join([*RUN, 'seq', '200000'])} | head -n 1; echo ${{PIPESTATUS[0]}}"
    assert (0, b"1\n0\n", b"") == natively(["bash", "-c", script], repository)
    run = only_run(repository)
    assert kept(run).endswith(b"\n199999\n200000\n")
    assert ("SUCCESS", "") == run.read_status()


def test_reader_of_stderr_that_leaves_does_no_harm(repository: Path) -> None:
    command = [*METICULOUS, "run", "--", "sh", "-c", "seq 50000 >&2; echo out; exit 3"]
    script = f"{shlex.join(command)} 2> >(head -n 1 >/dev/null)"
    assert (3, b"out\n", b"") == natively(["bash", "-c", script], repository)
    assert kept(only_run(repository), "stderr").endswith(b"\n50000\n")


@pytest.mark.parametrize(
    "redirection", [">/dev/full", "2>/dev/full", ">/dev/full 2>&1", ">&- 2>&-"]
)
def test_full_or_closed_streams_of_ours_do_no_harm(redirection: str, repository: Path) -> None:
    command = [*METICULOUS, "run", "--", "sh", "-c", "echo out; echo err >&2; echo more; exit 5"]
    seen = natively(["sh", "-c", f"{shlex.join(command)} {redirection}"], repository)
    assert seen.code == 5
    run = only_run(repository)
    assert (b"out\nmore\n", b"err\n") == (kept(run), kept(run, "stderr"))
    assert ("ERROR", "exit code 5") == run.read_status()


def test_non_blocking_stdout_loses_nothing(repository: Path) -> None:
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with subprocess.Popen([*RUN, "seq", "100000"], cwd=repository, stdout=theirs) as process:
        os.close(theirs)
        settle(0.3)  # so that the pipe is full
        with os.fdopen(ours, "rb") as file:
            content = file.read()
        assert 0 == process.wait(DEADLINE_S)
    assert "".join(f"{number}\n" for number in range(1, 100_001)).encode() == content


def test_slow_reader_of_stderr_does_not_hold_up_stdout(repository: Path) -> None:
    script = "head -c 500000 /dev/zero >&2 & seq 100000; echo all; wait"
    command = [*RUN, "sh", "-c", script]
    with running(command, repository, ready=b"", stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        while process.stdout.readline() != b"all\n":
            pass
        assert 500_000 == len(process.stderr.read())
        assert 0 == process.wait(DEADLINE_S)


def test_both_streams_into_one_pipe_hold_everything(repository: Path) -> None:
    script = "for n in 1 2 3; do echo out$n; echo err$n >&2; done"
    seen = natively(
        [*RUN, "sh", "-c", script],
        repository,
        stderr=subprocess.STDOUT,
        capture_output=False,
        stdout=-1,
    )
    words = seen.stdout.decode().split()
    assert ["out1", "out2", "out3"] == [word for word in words if word.startswith("out")]
    assert ["err1", "err2", "err3"] == [word for word in words if word.startswith("err")]


# The run folder in trouble


@pytest.fixture
def small_disk(repository: Path) -> Iterator[Path]:
    """An experiments directory of 1 MiB."""
    path = repository / "experiments"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("a small file system can be mounted by root only")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_full_disk_changes_nothing_for_the_command(small_disk: Path, repository: Path) -> None:
    command = [*child("printer"), "random", str(2 * MIB)]
    native = natively(command, repository)
    seen = recorded(command, repository)
    assert (native.code, native.stdout) == (seen.code, seen.stdout)
    assert seen.stderr.endswith(native.stderr[-MIB:])
    ours = seen.stderr.replace(native.stderr, b"") if native.stderr in seen.stderr else seen.stderr
    assert 1 == ours.count(b"meticulous: cannot record")
    run = only_run(repository)
    assert native.stdout.startswith(kept(run))
    assert len(kept(run)) > MIB / 2
    assert ("SUCCESS", "") == run.read_status()


def test_full_disk_at_the_start_is_refused(small_disk: Path, repository: Path) -> None:
    content = b"x" * (2 * MIB)
    with (
        pytest.raises(OSError, match="space"),
        (small_disk / "filler").open("wb", buffering=0) as file,
    ):
        while content:
            content = content[file.write(content) :]
    seen = recorded(["touch", "ran"], repository)
    assert 125 == seen.code
    assert 1 == seen.stderr.count(b"meticulous: ")
    assert b"No space left" in seen.stderr
    assert not (repository / "ran").exists()
    assert ["filler"] == [name for name in os.listdir(small_disk) if not name.startswith(".")]


def test_folder_that_becomes_read_only_does_no_harm(small_disk: Path, repository: Path) -> None:
    path = str(small_disk)
    with running(
        [*RUN, "sh", "-c", "echo ready; read line; seq 1000; exit 4"],
        repository,
        stdin=-1,
        stderr=-1,
    ) as process:
        subprocess.run(["mount", "--bind", path, path], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", path], check=True)
        stdout, stderr = process.communicate(b"\n", timeout=DEADLINE_S)
        subprocess.run(["umount", "-l", path], check=True)
    assert stdout.endswith(b"\n1000\n")
    assert 4 == process.returncode
    assert 1 == stderr.count(b"meticulous: cannot record")
    assert kept(only_run(repository)).endswith(b"\n1000\n")


def test_limit_on_file_sizes_does_no_harm(repository: Path) -> None:
    """As a quota does, it makes writing fail in the middle of the run."""
    under = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash"]
    seen = recorded(["seq", "100000"], repository, under)
    assert 0 == seen.code
    assert seen.stdout.endswith(b"\n100000\n")
    assert 1 == seen.stderr.count(b"meticulous: cannot record stdout: File too large")
    run = only_run(repository)
    assert 100 * 1024 == len(kept(run))
    assert ("SUCCESS", "") == run.read_status()
    assert ["stdout: File too large"] == run.read_metadata()["recording-trouble"]
    assert 100 * 1024 == sum(line[3] for line in timeline(run))


@pytest.mark.parametrize("what", ["run", "experiments"])
def test_removed_folder_does_no_harm(what: str, repository: Path) -> None:
    with running(
        [*RUN, "sh", "-c", "echo ready; read line; seq 1000; exit 4"],
        repository,
        stdin=-1,
        stderr=-1,
    ) as process:
        run = only_run(repository)
        wait_until(lambda: "args-source" in kept(run, "metadata.json").decode())
        wait_until(lambda: Path(run.file("environment.json")).exists())
        shutil.rmtree(run.path if what == "run" else repository / "experiments")
        stdout, stderr = process.communicate(b"\n", timeout=DEADLINE_S)
    assert stdout.endswith(b"\n1000\n")
    assert 4 == process.returncode
    assert 1 == stderr.count(b"meticulous: cannot record")
    assert not (repository / "experiments" / "1").exists()


# Processes that outlive the command


def test_grandchild_that_holds_the_pipes_does_not_hang_us(repository: Path) -> None:
    script = "sleep 60 & echo pid $!; exit 3"
    seen = recorded(["sh", "-c", script], repository)
    pid = int(seen.stdout.split()[1])
    try:
        assert 3 == seen.code
        assert is_running(pid)
        assert (
            f"still running after the command has ended: {pid} (sleep 60)" in seen.stderr.decode()
        )
        (survivor,) = only_run(repository).read_metadata()["survivors"]
        assert {"pid": pid, "command": "sleep 60"} == survivor
    finally:
        os.kill(pid, signal.SIGKILL)


def test_what_a_grandchild_prints_in_the_grace_is_kept(repository: Path) -> None:
    seen = recorded(["sh", "-c", "(sleep 0.3; echo late) & echo early"], repository)
    assert (0, b"early\nlate\n", b"") == seen
    assert b"early\nlate\n" == kept(only_run(repository))


def test_daemon_survives_and_is_named(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    daemon = f"trap 'touch {shlex.quote(str(mark))}; exit' USR1; while :; do sleep 0.05; done"
    script = f"setsid sh -c {shlex.quote(daemon)} </dev/null >/dev/null 2>&1 & echo $!"
    seen = recorded(["sh", "-c", script], repository)
    pid = int(seen.stdout)
    try:
        assert 0 == seen.code
        assert f"{pid} (sh -c" in seen.stderr.decode()
        survivors = only_run(repository).read_metadata()["survivors"]
        assert pid in [survivor["pid"] for survivor in survivors]
        os.kill(pid, signal.SIGUSR1)
        wait_until(mark.exists)
    finally:
        wait_until(lambda: not is_running(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="the process is watched in /proc")
def test_a_process_that_is_just_ending_is_no_survivor(repository: Path) -> None:
    (repository / "train.py").write_text(
        "import os\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    os.close(1), os.close(2)\n"
        "    filled = bytearray(b'x') * (1 << 30)  # to be given back takes the kernel a while\n"
        "    os._exit(0)\n"
        "while not open(f'/proc/{pid}/statm').read().startswith('0 '): pass\n"
    )
    git(repository, "commit", "-qam", "change")
    seen = recorded([PYTHON, "train.py"], repository)
    assert (0, b"", b"") == seen


def test_usage_counts_grandchildren(repository: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    recorded(["sh", "-c", f"{shlex.join([PYTHON, '-c', burn])} & wait"], repository)
    usage = only_run(repository).read_metadata()["usage"]
    assert usage["user"] + usage["system"] >= 0.3
    assert usage["wall"] >= 0.2
    assert usage["peak_memory"] > 5_000_000


def test_orphan_that_ends_before_the_command_is_counted_and_not_named(repository: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    orphan = shlex.join([PYTHON, "-c", burn])
    # The pipe ends when the orphan does, whose parent is gone by then.
    recorded(["sh", "-c", f"mkfifo pipe; ({orphan} >pipe &); cat pipe; sleep 0.5"], repository)
    metadata = only_run(repository).read_metadata()
    assert [] == metadata["survivors"]
    assert metadata["usage"]["user"] + metadata["usage"]["system"] >= 0.3


def test_many_processes_that_print_at_once_lose_nothing(repository: Path) -> None:
    script = f"for n in 1 2 3 4 5 6; do {shlex.join(child('printer'))} random 200000 & done; wait"
    seen = recorded(["sh", "-c", script], repository)
    assert (0, 1_200_000, 1_200_000) == (seen.code, len(seen.stdout), len(seen.stderr))
    run = only_run(repository)
    assert (seen.stdout, seen.stderr) == (kept(run), kept(run, "stderr"))
    check_timeline(run)
