"""Every way out of a process that records itself has its verdict."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.runfolder import RunFolder, liveness
from tests.conftest import meticulous, only_run, runs_of, wait_until
from tests.experiment_support import run_script, start_script

OPEN = """
import atexit, os, signal, sys, threading, time
from meticulous import Experiment
experiment = Experiment({})
"""


def ended(run: RunFolder) -> tuple[str, str, int | None]:
    """Return (state, last line of the message, exit code) of a run that has an end time."""
    state, message = run.read_status()
    metadata = run.read_metadata()
    assert metadata["end-time"]
    return state, (message.splitlines() or [""])[-1], metadata["exit-code"]


@pytest.mark.parametrize(
    ("code", "state", "message", "exit_code"),
    [
        ("pass", "SUCCESS", "", 0),
        ("sys.exit()", "SUCCESS", "", 0),
        ("sys.exit(0)", "SUCCESS", "", 0),
        ("sys.exit(3)", "ERROR", "exit code 3", 3),
        ("sys.exit(-1)", "ERROR", "exit code 255", 255),
        ("sys.exit(True)", "ERROR", "exit code 1", 1),
        ("sys.exit('no data')", "ERROR", "no data", 1),
        ("exit(4)", "ERROR", "exit code 4", 4),
        ("1 / 0", "ERROR", "ZeroDivisionError: division by zero", 1),
        ("try:\n    sys.exit(5)\nexcept SystemExit:\n    pass", "SUCCESS", "", 0),
        ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    sys.exit(6)", "ERROR", "exit code 6", 6),
        ("def main():\n    return 7\nsys.exit(main())", "ERROR", "exit code 7", 7),
        ("import argparse; argparse.ArgumentParser().error('x')", "ERROR", "exit code 2", 2),
    ],
)
def test_the_end_of_the_process_is_the_verdict(
    code: str, state: str, message: str, exit_code: int, repository: Path
) -> None:
    done = run_script(repository, OPEN + code)
    assert exit_code == done.returncode
    assert (state, message, exit_code % 256) == ended(only_run(repository))


MAIN = """
import sys
from sys import exit as leave
from meticulous import Experiment

def main():
    Experiment({})
    with Experiment({"k": 1}):
        pass
    Experiment({})
    return code

code = int(sys.argv[1])
"""
GLIBC = sys.version_info >= (3, 12) or platform.libc_ver()[0] == "glibc"
STALE = "try:\n    sys.exit(9)\nexcept SystemExit:\n    "


@pytest.mark.skipif(not GLIBC, reason="only glibc and Python 3.12 show the exit code")
@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize(
    "line",
    [
        "sys.exit(main())",
        "raise SystemExit(main())",
        "leave(main())",
        "main()\nraise SystemExit(code) from None",
        "main()\n" + STALE + "pass\nraise SystemExit(code)",
        "main()\n" + STALE + "raise SystemExit(code)",
        "main()\nwith Experiment({}):\n    raise SystemExit(code)",
    ],
)
def test_the_exit_code_is_known_however_systemexit_was_raised(
    line: str, code: int, repository: Path
) -> None:
    done = run_script(repository, MAIN + line, str(code))
    assert (code, b"") == (done.returncode, done.stderr)
    for run in runs_of(repository):
        if not run.read_json("args.json"):
            message = f"exit code {code}" if code else ""
            assert ("ERROR" if code else "SUCCESS", message, code) == ended(run)
            assert run.read_metadata()["reason"] == (message or None)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python shows every SystemExit")
def test_where_the_exit_code_cannot_be_known_the_verdict_says_so(repository: Path) -> None:
    (repository / "ctypes.py").write_text("raise ImportError('built without libffi')")
    run_script(repository, MAIN + "sys.exit(main())", "0")
    state, message, exit_code = ended(runs_of(repository)[0])
    assert ("ERROR", None) == (state, exit_code)
    assert "whose exit code Python 3." in message


@pytest.mark.parametrize("code", [0, 3])
def test_any_systemexit_that_leaves_a_block_is_recorded_and_goes_on_up(
    code: int, repository: Path
) -> None:
    script = f"""
        from meticulous import Experiment
        with Experiment({{}}):
            raise SystemExit({code})
        print("not reached")
    """
    done = run_script(repository, script)
    assert (code, b"") == (done.returncode, done.stdout)
    state, _, exit_code = ended(only_run(repository))
    assert ("ERROR" if code else "SUCCESS", code) == (state, exit_code)


def test_an_interrupted_process_ends_by_the_signal(repository: Path) -> None:
    done = run_script(repository, OPEN + "raise KeyboardInterrupt")
    assert -signal.SIGINT == done.returncode
    assert ("ERROR", "KeyboardInterrupt", None) == ended(only_run(repository))
    assert "SIGINT" == only_run(repository).read_metadata()["signal"]


def test_keyboardinterrupt_leaves_the_loop(repository: Path) -> None:
    script = """
        from meticulous import Experiment
        for k in range(3):
            with Experiment({"k": k}):
                raise KeyboardInterrupt
    """
    done = run_script(repository, script)
    assert -signal.SIGINT == done.returncode
    assert ("ERROR", "KeyboardInterrupt", None) == ended(only_run(repository))


def test_an_exception_in_python_m_is_recorded(repository: Path) -> None:
    run_script(repository, OPEN + "1 / 0")
    subprocess.run(
        [sys.executable, "-m", "train"], cwd=repository, capture_output=True, check=False
    )
    first, second = runs_of(repository)
    assert ended(first) == ended(second)


def test_a_run_that_goes_on_in_nondaemon_threads_ends_with_them(repository: Path) -> None:
    code = "threading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()"
    run_script(repository, OPEN + code)
    run = only_run(repository)
    assert "SUCCESS" == run.read_status()[0]
    assert b"late\n" == Path(run.file("stdout")).read_bytes()


@pytest.mark.parametrize("code", ["os._exit(3)", "os.kill(os.getpid(), 9)", "os.abort()"])
def test_a_sudden_end_is_read_as_lost_and_keeps_what_was_written(
    code: str, repository: Path
) -> None:
    done = run_script(repository, OPEN + f"print('x' * 100000)\nprint('last')\n{code}")
    run = only_run(repository)
    content = b"x" * 100_000 + b"\nlast\n"
    assert content == done.stdout
    wait_until(lambda: content == Path(run.file("stdout")).read_bytes())
    assert "RUNNING" == run.read_status()[0]
    assert "LOST" == liveness.judge(run.read_metadata(), run.path)[0]
    assert b"LOST" in meticulous("ls", cwd=repository).stdout


def test_a_segmentation_fault_keeps_what_was_written_and_its_trace(repository: Path) -> None:
    code = "import ctypes, faulthandler; faulthandler.enable(); print('last'); ctypes.string_at(1)"
    done = run_script(repository, OPEN + code)
    assert -signal.SIGSEGV == done.returncode
    run = only_run(repository)
    assert b"last\n" == done.stdout
    assert b"Segmentation fault" in done.stderr
    wait_until(lambda: done.stderr == Path(run.file("stderr")).read_bytes())
    wait_until(lambda: done.stdout == Path(run.file("stdout")).read_bytes())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_fatal_signal_is_recorded_and_then_kills(
    number: signal.Signals, repository: Path
) -> None:
    started = start_script(repository, OPEN + "print('up', flush=True)\ntime.sleep(60)")
    assert started.stdout is not None
    assert b"up\n" == started.stdout.readline()
    started.send_signal(number)
    _, said = started.communicate()
    assert -number == started.returncode, said.decode()
    state, message, exit_code = ended(only_run(repository))
    assert ("ERROR", None) == (state, exit_code)
    assert f"killed by signal {int(number)} ({number.name})" == message
    assert number.name == only_run(repository).read_metadata()["signal"]


def test_a_fatal_signal_ends_the_experiments_of_threads_too(repository: Path) -> None:
    code = """
thread = threading.Thread(target=Experiment, args=({"k": 1},))
thread.start()
thread.join()
experiment = Experiment({"k": 2})
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""
    done = run_script(repository, OPEN.replace("experiment =", "#") + code)
    assert -signal.SIGTERM == done.returncode
    assert ["SIGTERM"] * 2 == [run.read_metadata()["signal"] for run in runs_of(repository)]


def test_a_signal_handler_of_the_program_is_kept_and_called(repository: Path) -> None:
    code = """
signal.signal(signal.SIGTERM, lambda *_: (print("saving"), sys.exit(9)))
with Experiment({}):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
"""
    done = run_script(repository, OPEN.replace("experiment =", "#") + code)
    assert (9, b"saving\n") == (done.returncode, done.stdout)
    assert ("ERROR", "exit code 9", 9) == ended(only_run(repository))


def test_a_signal_handler_in_c_is_kept_and_called(repository: Path) -> None:
    code = """
import faulthandler
faulthandler.register(signal.SIGTERM)  # a handler of which signal.getsignal knows nothing
for _ in range(2):
    with Experiment({}):
        os.kill(os.getpid(), signal.SIGTERM)
"""
    done = run_script(repository, OPEN.replace("experiment =", "#") + code)
    assert (0, 2) == (done.returncode, done.stderr.count(b"most recent call first"))
    assert [("SUCCESS", "")] * 2 == [run.read_status() for run in runs_of(repository)]


def test_hooks_of_the_program_are_kept_and_called(repository: Path) -> None:
    code = """
atexit.register(print, "registered after")
sys.excepthook = lambda *_: print("hooked")
1 / 0
"""
    before = "import atexit; atexit.register(print, 'registered before')"
    done = run_script(repository, before + OPEN + code)
    assert b"hooked\nregistered after\nregistered before\n" == done.stdout
    run = only_run(repository)
    assert b"hooked\nregistered after\n" == Path(run.file("stdout")).read_bytes()
    assert "ZeroDivisionError: division by zero" == ended(run)[1]


def test_an_ended_experiment_leaves_nothing_behind(repository: Path) -> None:
    code = """
        import os, signal, sys
        from meticulous import Experiment
        def state():
            return (sys.exit, sys.excepthook, signal.getsignal(signal.SIGTERM), dict(os.environ),
                    sys.stdout.line_buffering, os.fstat(1).st_ino, os.fstat(2).st_ino,
                    len(os.listdir("/proc/self/fd")))
        before = state()
        with Experiment({}):
            assert state() != before
        *others, descriptors = state()
        # By one more the process waits at its end for what is still to be written.
        print(others == [*before[:-1]] and descriptors <= before[-1] + 1)
    """
    assert b"True\n" == run_script(repository, code).stdout


def test_a_fork_neither_ends_nor_goes_on_with_its_parents_experiment(repository: Path) -> None:
    code = """
        import os, sys
        from meticulous import Experiment
        for k in range(2):
            with Experiment({"k": k}) as experiment:
                pid = os.fork()
                if not pid:
                    print("child", flush=True)
                    experiment.finish()
                    raise ValueError("in the child")
                os.waitpid(pid, 0)
                print("parent")
    """
    done = run_script(repository, code)
    assert b"child\nparent\nchild\nparent\n" == done.stdout
    assert 0 == done.returncode
    assert ["SUCCESS", "SUCCESS"] == [run.read_status()[0] for run in runs_of(repository)]


def test_experiments_in_forks_are_runs_of_their_own(repository: Path) -> None:
    code = """
        import multiprocessing
        from meticulous import Experiment
        def work(k):
            with Experiment({"k": k}):
                print("work", k)
        if __name__ == "__main__":
            with Experiment({}):
                with multiprocessing.get_context("fork").Pool(2) as pool:
                    pool.map(work, range(4))
    """
    done = run_script(repository, code, env={"PYTHONWARNINGS": "ignore"})
    assert (0, b"") == (done.returncode, done.stderr)
    outer, *inner = runs_of(repository)
    assert {"SUCCESS"} == {run.read_status()[0] for run in (outer, *inner)}
    assert [0, 1, 2, 3] == sorted(run.read_json("args.json")["k"] for run in inner)
    for run in inner:
        k = run.read_json("args.json")["k"]
        assert f"work {k}\n" == Path(run.file("stdout")).read_text()
        assert "1" == run.read_metadata()["parent"]
    assert sorted(done.stdout.splitlines()) == sorted(
        Path(outer.file("stdout")).read_bytes().splitlines()
    )


def test_a_worker_can_still_be_terminated(repository: Path) -> None:
    code = """
        import multiprocessing, signal, time
        from meticulous import Experiment
        if __name__ == "__main__":
            with Experiment({}):
                worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
                worker.start()
                worker.terminate()
                worker.join()
                print(worker.exitcode)
    """
    assert b"-15\n" == run_script(repository, code, env={"PYTHONWARNINGS": "ignore"}).stdout


def test_the_recorder_is_no_child_that_the_program_would_wait_for(repository: Path) -> None:
    code = """
        import os, signal
        from meticulous import Experiment
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for _ in range(2):
            with Experiment({}):
                try:
                    os.wait()
                except ChildProcessError:
                    print("no child")
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    """
    done = run_script(repository, code)
    assert (0, b"no child\nno child\n", b"") == (done.returncode, done.stdout, done.stderr)
    assert ["SUCCESS", "SUCCESS"] == [run.read_status()[0] for run in runs_of(repository)]
