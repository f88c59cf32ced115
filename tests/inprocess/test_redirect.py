"""What is printed in an experiment: from Python, C and subprocesses, nested, on terminals, teed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from meticulous import Experiment
from tests.conftest import DEADLINE_S, meticulous, only_run, runs_of, wait_until
from tests.experiment_support import add_script, run_script


def kept(project: Path, number: int = 0, name: str = "stdout") -> bytes:
    """Return what one of the runs has of a stream."""
    return Path(runs_of(project)[number].file(name)).read_bytes()


def test_python_c_and_subprocesses_are_recorded_in_their_order(repository: Path) -> None:
    code = """
        import ctypes, os, subprocess, sys
        from meticulous import Experiment
        libc = ctypes.CDLL(None)
        libc.printf(b"C before\\n")
        with Experiment({}):
            print("python")
            subprocess.run(["echo", "subprocess"])
            os.write(1, b"descriptor\\n")
            sys.stdout.buffer.write(b"\\xff binary\\n")
            libc.printf(b"C inside\\n")
            print("no newline", end="")
            print("error", file=sys.stderr)
            os.system("echo shell >&2")
        libc.printf(b"C after\\n")
        print("after")
    """
    done = run_script(repository, code)
    inside = b"python\nsubprocess\ndescriptor\n\xff binary\nno newlineC inside\n"
    assert sorted(inside.split(b"\n")) == sorted(
        kept(repository).replace(b"C inside\nno newline", b"no newlineC inside\n").split(b"\n")
    )
    assert b"error\nshell\n" == kept(repository, name="stderr") == done.stderr
    assert b"C before\n" + kept(repository) in done.stdout
    assert b"after" not in kept(repository)


def test_stdout_is_left_a_proper_text_stream(repository: Path) -> None:
    code = """
        import sys
        from meticulous import Experiment
        def facts(s):
            return (id(s), s.fileno(), s.isatty(), s.encoding, s.errors, s.newlines, s.name, s.mode,
                    s.writable(), s.readable(), s.closed, id(s.buffer), id(s.buffer.raw))
        before = [facts(sys.stdout), facts(sys.stderr)]
        with Experiment({}):
            assert [facts(sys.stdout), facts(sys.stderr)] == before
            sys.stdout.reconfigure(encoding="latin-1")
            print("\\xe9")
            sys.stdout.reconfigure(encoding="utf-8")
        print("\\xe9")
    """
    done = run_script(repository, code, env={"PYTHONIOENCODING": "utf-8"})
    assert (0, b"\xe9\n\xc3\xa9\n") == (done.returncode, done.stdout)
    assert b"\xe9\n" == kept(repository)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_stream_into_a_file_can_still_be_reconfigured_and_wrapped(
    unbuffered: str, repository: Path, tmp_path: Path
) -> None:
    code = """
        import io, os, sys
        from meticulous import Experiment
        print("before")
        with Experiment({}):
            for stream in (sys.stdout, sys.stderr):
                stream.reconfigure(errors="replace")
                stream.reconfigure(encoding="utf-8")
            assert sys.stdout.tell() == 7
            wrapper = io.TextIOWrapper(sys.stdout.buffer, encoding="latin-1")
            wrapper.write("\xe9\\n")
            wrapper.detach()
            print("\xe9")
        print("after", sys.stdout.seekable(), vars(getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)))
        assert sys.stdout.tell() == os.lseek(1, 0, os.SEEK_CUR)
    """
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("ab") as error:
        done = run_script(
            repository,
            code,
            env={"PYTHONUNBUFFERED": unbuffered, "PYTHONIOENCODING": "utf-8"},
            capture_output=False,
            stdout=out,
            stderr=error,
        )
    assert (0, b"") == (done.returncode, (tmp_path / "err").read_bytes())
    inside = b"\xe9\n\xc3\xa9\n"
    printed = (tmp_path / "out").read_bytes()
    assert b"before\n" + inside + b"after True {'name': '<stdout>'}\n" == printed
    assert inside == kept(repository)


def test_lines_are_in_the_file_as_they_are_printed(repository: Path) -> None:
    code = """
        from meticulous import Experiment
        with Experiment({}) as experiment:
            for number in range(20):
                print(number)
                import time
                deadline = time.monotonic() + 30
                while open(experiment.curexpdir + "/stdout").read().split()[-1:] != [str(number)]:
                    assert time.monotonic() < deadline
    """
    assert 0 == run_script(repository, code).returncode


def test_each_stream_goes_to_every_open_experiment(repository: Path) -> None:
    code = """
        import os
        from meticulous import Experiment
        with Experiment({"at": "outer"}):
            print("one")
            with Experiment({"at": "inner"}):
                os.system("echo two")
            print("three")
    """
    done = run_script(repository, code)
    assert b"one\ntwo\nthree\n" == done.stdout == kept(repository)
    assert b"two\n" == kept(repository, 1)
    assert ["1"] == [run.read_metadata()["parent"] for run in runs_of(repository)[1:]]


def test_experiments_may_overlap_in_any_order(repository: Path) -> None:
    code = """
        from meticulous import Experiment
        one = Experiment({})
        print("1")
        two = Experiment({})
        print("12")
        one.finish()
        print("2")
        three = Experiment({})
        print("23")
        two.finish()
        print("3")
        three.finish()
        print("none")
    """
    done = run_script(repository, code)
    assert b"1\n12\n2\n23\n3\nnone\n" == done.stdout
    assert [b"1\n12\n", b"12\n2\n23\n", b"23\n3\n"] == [kept(repository, n) for n in range(3)]


def test_experiments_in_threads_are_apart_but_for_what_is_printed(repository: Path) -> None:
    code = """
        import threading
        import meticulous
        from meticulous import Experiment
        barrier = threading.Barrier(5)
        def work(k):
            with Experiment({"k": k}) as experiment:
                for _ in range(100):
                    print("thread", k)
                experiment.summary({"k": k})
                barrier.wait()  # all are open
                meticulous.summary({"of": k})
                meticulous.log({"k": k})
                meticulous.log({"k": k})
                barrier.wait()
        threads = [threading.Thread(target=work, args=(k,)) for k in range(5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """
    done = run_script(repository, code)
    assert (0, b"") == (done.returncode, done.stderr)
    assert 500 == len(done.stdout.splitlines())
    for number, run in enumerate(runs_of(repository)):
        k = run.read_json("args.json")["k"]
        assert {"k": k, "of": k} == run.read_json("summary.json")
        metrics = [
            json.loads(line) for line in kept(repository, number, "metrics.jsonl").splitlines()
        ]
        assert [(0, k), (1, k)] == [(line["step"], line["k"]) for line in metrics]
        assert 100 == kept(repository, number).splitlines().count(b"thread %d" % k)
        assert run.read_metadata()["parent"] is None
        assert "SUCCESS" == run.read_status()[0]


def test_a_process_that_outlives_the_experiment_is_heard_but_not_recorded(
    repository: Path,
) -> None:
    code = """
        import os, subprocess
        from meticulous import Experiment
        gate, opener = os.pipe()
        with Experiment({}):
            late = subprocess.Popen(["sh", "-c", "read x; echo late"], stdin=gate)
            print("inside")
        os.write(opener, b"go\\n")
        late.wait()
    """
    done = run_script(repository, code)
    assert b"inside\nlate\n" == done.stdout
    assert b"inside\n" == kept(repository)


def test_the_timeline_orders_both_streams(repository: Path) -> None:
    code = """
        import sys, time
        from meticulous import Experiment
        with Experiment({}) as experiment:
            timeline, printed = experiment.curexpdir + "/timeline", 0
            for k in range(3):
                for name in ("stdout", "stderr"):
                    print(name[3:], k, file=getattr(sys, name))
                    printed += 6
                    deadline = time.monotonic() + 30
                    while printed != sum(int(line.split()[3]) for line in open(timeline)):
                        assert time.monotonic() < deadline
    """
    run_script(repository, code)
    logs = meticulous("logs", "1", cwd=repository).stdout.decode()
    assert re.findall(r"(?:out|err) \d", logs) == [
        f"{s} {k}" for k in range(3) for s in ("out", "err")
    ]


def test_a_reader_who_goes_away_does_not_end_the_record(repository: Path) -> None:
    code = """
        from meticulous import Experiment
        with Experiment({}):
            for k in range(100000):
                print(k)
    """
    add_script(repository, code)
    command = f"'{sys.executable}' train.py | head -n 1"
    done = subprocess.run(["sh", "-c", command], cwd=repository, capture_output=True, check=False)
    assert (b"0\n", b"") == (done.stdout, done.stderr)
    assert 100_000 == len(kept(repository).splitlines())


def test_a_stream_that_cannot_be_kept_is_said_once_and_the_program_goes_on(
    repository: Path,
) -> None:
    code = """
        import os
        from meticulous import Experiment
        with Experiment({}) as experiment:
            print("before")
            inner = Experiment({})
            inner.finish()
            for k in range(3):
                print(k, flush=True)
    """
    os.mkdir(repository / "experiments")
    add_script(
        repository,
        """
        import os, sys
        from meticulous.runfolder import directory
        made = directory.create
        def create(*words):
            run = made(*words)
            os.symlink("/dev/full", run.file("stdout"))
            return run
        directory.create = create
        import runpy
        runpy.run_path("train.py")
        """,
        "full.py",
    )
    add_script(repository, code)
    done = subprocess.run(
        [sys.executable, "full.py"], cwd=repository, capture_output=True, check=False
    )
    assert (0, b"before\n0\n1\n2\n") == (done.returncode, done.stdout)
    assert 2 == done.stderr.count(b"cannot record stdout: it is a link")  # once for each run
    trouble = runs_of(repository)[0].read_metadata()["recording-trouble"]
    assert ["stdout: it is a link"] == trouble


# Terminals


def on_terminal(project: Path, code: str) -> str:
    """Run a script on a terminal of its own and return what is to be seen there."""
    add_script(project, code)
    terminal = pexpect.spawn(
        sys.executable, ["train.py"], cwd=str(project), timeout=DEADLINE_S, encoding="utf-8"
    )
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert 0 == terminal.exitstatus, terminal.before
    return str(terminal.before)


def test_on_a_terminal_both_streams_stay_terminals_of_its_size(repository: Path) -> None:
    code = """
        import os, sys
        from meticulous import Experiment
        size = os.get_terminal_size(1)
        print("before")
        with Experiment({}):
            print(sys.stdout.isatty(), sys.stderr.isatty(), os.get_terminal_size(2) == size)
            os.system("test -t 1 && echo terminal")
        print("after")
    """
    seen = on_terminal(repository, code)
    assert "before\r\nTrue True True\r\nterminal\r\nafter\r\n" == seen
    assert b"True True True\nterminal\n" == kept(repository)


def test_on_a_terminal_two_streams_are_seen_in_their_order(repository: Path) -> None:
    code = """
        import sys
        from meticulous import Experiment
        with Experiment({}):
            for k in range(50):
                print("out", k)
                print("err", k, file=sys.stderr)
    """
    seen = on_terminal(repository, code).split("\r\n")
    assert [f"{name} {k}" for k in range(50) for name in ("out", "err")] == seen[:-1]


def test_on_a_terminal_borders_are_exact(repository: Path) -> None:
    code = """
        from meticulous import Experiment
        with Experiment({}):
            for k in range(30):
                with Experiment({}):
                    print("x" * 5000, k)
    """
    on_terminal(repository, code)
    runs = runs_of(repository)
    for k in range(30):
        assert f"{'x' * 5000} {k}\n" == Path(runs[k + 1].file("stdout")).read_text()


def test_input_asks_and_answers_on_a_terminal(repository: Path) -> None:
    code = """
        from meticulous import Experiment
        with Experiment({}):
            print("hello " + input("name? "))
    """
    add_script(repository, code)
    terminal = pexpect.spawn(
        sys.executable, ["train.py"], cwd=str(repository), timeout=DEADLINE_S, encoding="utf-8"
    )
    terminal.expect_exact("name? ")
    terminal.sendline("you")
    terminal.expect_exact("hello you")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert b"hello you\n" in kept(repository)


def test_a_crash_on_a_terminal_keeps_and_shows_all(repository: Path) -> None:
    code = """
        import os
        from meticulous import Experiment
        experiment = Experiment({})
        for k in range(2000):
            print("line", k)
        os._exit(0)
    """
    add_script(repository, code)
    # In a shell, as ever: at the end of what leads the session the kernel hangs the terminal up.
    words = ["-c", f"{sys.executable} train.py; read -r _"]
    terminal = pexpect.spawn(
        "/bin/sh", words, cwd=str(repository), timeout=DEADLINE_S, encoding="utf-8"
    )
    terminal.expect_exact("line 1999\r\n")
    seen = f"{terminal.before}{terminal.after}"
    terminal.sendline()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert "".join(f"line {k}\r\n" for k in range(2000)) == seen
    wait_until(lambda: seen.replace("\r\n", "\n").encode() == kept(repository))


# Streams without a descriptor


class Notebook(io.TextIOBase):
    """Like ipykernel's: no descriptor, text only."""

    encoding = "UTF-8"

    def __init__(self) -> None:
        self.shown: list[str] = []

    def write(self, text: str) -> int:
        self.shown.append(text)
        return len(text)


def test_a_stream_without_a_descriptor_is_teed_and_stays_itself(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    cell = Notebook()
    monkeypatch.setattr(sys, "stdout", cell)
    with Experiment({}):
        print("in a cell", "ü")
        os.write(1, b"from C\n")
        assert sys.stdout is cell
    print("after")
    assert ["in a cell ü\n", "after\n"] == "".join(cell.shown).splitlines(keepends=True)
    assert [b"from C", "in a cell ü".encode()] == sorted(kept(repository).splitlines())
    assert "write" not in vars(cell)


def test_what_goes_to_a_stream_of_the_programs_own_is_not_shown_besides(
    repository: Path,
) -> None:
    code = """
        import io, sys
        from meticulous import Experiment
        opened = [open("/dev/null") for _ in range(int(sys.argv[1]))]  # they have low numbers
        real, sys.stdout = sys.stdout, io.StringIO()
        with Experiment({}):
            print("inside")
        print(repr(sys.stdout.getvalue()), file=real)
    """
    for opened in range(4):
        done = run_script(repository, code, str(opened))
        assert (0, b"'inside\\n'\n", b"") == (done.returncode, done.stdout, done.stderr)
        assert b"inside\n" == kept(repository, opened)


def test_ipython_may_put_its_own_write_in_the_place_of_ours(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    stream = Notebook()
    monkeypatch.setattr(sys, "stdout", stream)

    def cell(work: Callable[[], object]) -> None:
        found = stream.write
        stream.write = lambda text: found(text)  # type: ignore[method-assign]
        work()
        stream.write = found  # type: ignore[method-assign]

    opened: list[Experiment] = []
    cell(lambda: (opened.append(Experiment({})), print("first")))
    cell(lambda: print("second"))
    cell(lambda: opened[0].finish())
    cell(lambda: print("third"))
    assert b"first\nsecond\n" == kept(repository)
    assert "first\nsecond\nthird\n" == "".join(stream.shown)
    assert Notebook is type(stream)


def test_a_notebook_is_recorded_once(repository: Path) -> None:
    pytest.importorskip("ipykernel")
    client = pytest.importorskip("jupyter_client")
    add_script(repository, "")
    manager, kernel = client.manager.start_new_kernel(kernel_name="python3", cwd=str(repository))
    try:
        for cell in (
            "import os; from meticulous import Experiment; e = Experiment({}); print('text')",
            "os.system('echo shell'); print('more')",
            "e.finish()",
        ):
            reply = kernel.execute_interactive(cell, timeout=DEADLINE_S, output_hook=lambda _: None)
            assert "ok" == reply["content"]["status"]
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
    assert [b"more", b"shell", b"text"] == sorted(kept(repository).splitlines())


def test_a_logger_of_the_programs_own_is_not_recorded_twice(repository: Path) -> None:
    code = """
        import sys
        from meticulous import Experiment
        class Logger:
            def __init__(self):
                self.terminal, self.log = sys.stdout, open("/dev/null", "w")
            def write(self, text):
                self.terminal.write(text)
                self.log.write(text)
            def flush(self):
                self.terminal.flush()
        sys.stdout = Logger()
        with Experiment({}):
            print("once")
    """
    assert b"once\n" == run_script(repository, code).stdout == kept(repository)


@pytest.mark.parametrize("capture", ["fd", "sys", "no", "tee-sys"])
def test_pytests_capture_and_ours_both_work(capture: str, repository: Path) -> None:
    test = """
        import os, sys
        from meticulous import Experiment

        def test_in_pytest(capsys):
            with Experiment({}):
                print("python")
                sys.stdout.buffer.write(b"binary\\n") if hasattr(sys.stdout, "buffer") else None
            print("after")
            out = capsys.readouterr().out
            assert "python" in out and "after" in out

        def test_descriptors(capfd):
            with Experiment({}):
                print("python")
                os.system("echo shell")
            assert capfd.readouterr().out == "python\\nshell\\n"

        def test_failing():
            with Experiment({}):
                print("seen on failure")
            assert False
    """
    (repository / "test_it.py").write_text(textwrap.dedent(test))
    (repository / ".gitignore").write_text("__pycache__\n.pytest_cache\n")
    add_script(repository, "")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--capture={capture}", "-p", "no:xdist"],
        cwd=repository,
        capture_output=True,
        check=False,
    )
    assert b"1 failed, 2 passed" in done.stdout, done.stdout.decode()
    assert b"seen on failure" in done.stdout
    assert b"python\n" in kept(repository, 0)
    assert [b"python", b"shell"] == sorted(kept(repository, 1).splitlines())
    assert b"seen on failure\n" == kept(repository, 2)


@pytest.mark.parametrize("closed", [">&- 2>&-", "<&- >&- 2>&-", "<&-", "2>&-"])
def test_closed_descriptors_do_not_stop_an_experiment(closed: str, repository: Path) -> None:
    code = """
        import threading
        from meticulous import Experiment
        with Experiment({}):
            assert 1 == threading.active_count()  # the relay is a process, as ever
    """
    add_script(repository, code)
    command = f"'{sys.executable}' train.py {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=repository, check=False)
    assert 0 == done.returncode
    assert "SUCCESS" == only_run(repository).read_status()[0]


def test_a_program_that_closes_all_descriptors_goes_on(repository: Path) -> None:
    code = """
        import os
        from meticulous import Experiment
        with Experiment({}) as experiment:
            print("before", flush=True)
            os.closerange(3, 1024)
        print("after")
        print(experiment.metadata["recording-trouble"])
    """
    done = run_script(repository, code)
    said = b"before\nafter\n['streams: Bad file descriptor']\n"
    assert (0, said, b"") == (done.returncode, done.stdout, done.stderr)
    assert "SUCCESS" == only_run(repository).read_status()[0]


@pytest.mark.parametrize("executable", ["", "./engine"])
def test_without_a_python_to_start_threads_carry(executable: str, repository: Path) -> None:
    engine = repository / "engine"
    engine.write_text("#!/bin/sh\nexec sleep 60\n")  # has Python embedded, but is none
    engine.chmod(0o755)
    code = f"""
        import sys
        python, sys.executable = sys.executable, "{executable}"
        from meticulous import Experiment
        for k in range(3):
            with Experiment({{"k": k}}):
                print("inside", k)
            print("outside", k)
    """
    done = run_script(repository, code)
    assert b"".join(b"inside %d\noutside %d\n" % (k, k) for k in range(3)) == done.stdout
    assert [b"inside %d\n" % k for k in range(3)] == [kept(repository, k) for k in range(3)]


# A lot


def test_c_and_python_together_are_exact_to_the_byte(repository: Path) -> None:
    megabytes = int(os.environ.get("TEST_MEGABYTES", "64"))
    code = f"""
        import os, sys, threading
        from meticulous import Experiment
        block = bytes(range(256)) * 256
        with Experiment({{}}) as experiment:
            for k in range({megabytes} * 8):
                os.write(1, block)
                sys.stdout.write("line %d\\n" % k * 4096)
                sys.stdout.flush()
            carriers = []
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    words = open(f"/proc/{{pid}}/cmdline").read().split("\\0")
                    if str(os.getpid()) in words and "-I" in words:
                        lines = open(f"/proc/{{pid}}/status").readlines()
                        carriers += [int(l.split()[1]) for l in lines if l.startswith("VmHWM")]
                except OSError:
                    pass  # it has ended
            experiment.summary({{"carriers": carriers}})
    """
    add_script(repository, code)
    digest, length = hashlib.sha256(), 0
    # By a shell that forks: else Linux would count the memory of this process as the program's.
    words = ["sh", "-c", '"$0" train.py; exit', sys.executable]
    with subprocess.Popen(words, cwd=repository, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while chunk := process.stdout.read(1 << 20):
            digest.update(chunk)
            length += len(chunk)
    recorded = hashlib.sha256()
    with open(only_run(repository).file("stdout"), "rb") as file:
        while chunk := file.read(1 << 20):
            recorded.update(chunk)
    assert length == os.path.getsize(only_run(repository).file("stdout"))
    assert digest.hexdigest() == recorded.hexdigest()
    expected = hashlib.sha256()
    for k in range(megabytes * 8):
        expected.update(bytes(range(256)) * 256)
        expected.update(b"line %d\n" % k * 4096)
    assert expected.hexdigest() == digest.hexdigest()
    carriers = only_run(repository).read_json("summary.json")["carriers"]
    assert 2 == len(carriers)  # the relay, and who stands by
    assert max(carriers) < 32 << 10
    assert only_run(repository).read_metadata()["usage"]["peak_memory"] < 64 << 20
