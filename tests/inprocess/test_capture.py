"""The process that carries the output of a script that records itself: killed, orphaned, collected."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import runs_of

KILLED = """
import os, signal, subprocess, sys, time
from meticulous import Experiment

def carriers(wanted):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{pid}/cmdline").read().split("\\0")
            if str(os.getpid()) in words and "-I" in words:
                parent = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
                is_child = str(os.getpid()) in open(f"/proc/{parent}/cmdline").read().split("\\0")
                if wanted == "all" or is_child == (wanted == "the one that carries"):
                    yield int(pid)
        except OSError:
            pass

def is_gone(pid):  # with all its threads, so that its descriptors are closed
    try:
        state = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
        return state == "Z" and len(os.listdir(f"/proc/{pid}/task")) == 1
    except OSError:
        return True

experiment = Experiment({"k": 1}, no_git=True)
print("before", flush=True)
for pid in list(carriers(sys.argv[1])):
    os.kill(pid, signal.SIGKILL)
    while not is_gone(pid): time.sleep(0.01)
for step in range(20000): print("step", step)
sys.stderr.write("on stderr\\n")
subprocess.run(["echo", "of a child"])
experiment.summary({"loss": 0.5})
experiment.finish()
with Experiment({"k": 2}, no_git=True): print("the next one")
"""


def seen_by(sink: str, command: list[str], project: Path) -> tuple[int, str]:
    if sink == "a pipe":
        done = subprocess.run(
            command, check=False, cwd=project, capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout
    if sink == "a file":
        with open(project / "seen", "w") as file:
            code = subprocess.call(command, cwd=project, stdout=file, stderr=file, timeout=60)
        return code, (project / "seen").read_text()
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=project, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        content = b""
        try:
            while chunk := os.read(ours, 1 << 16):
                content += chunk
        except OSError:
            pass  # its last user has closed it
    os.close(ours)
    return process.returncode, content.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("sink", ["a pipe", "a file", "a terminal"])
@pytest.mark.parametrize("victim", ["the one that carries", "the one that stands by", "all"])
def test_a_killed_carrier_does_not_break_the_program(
    tmp_path: Path, sink: str, victim: str
) -> None:
    code, seen = seen_by(sink, [sys.executable, "-c", KILLED, victim], tmp_path)
    assert 0 == code
    assert all(f"step {n}\n" in seen for n in (0, 9999, 19999))
    assert "of a child\n" in seen
    first, second = runs_of(tmp_path)
    assert 0.5 == first.read_json("summary.json")["loss"]
    assert "SUCCESS" == first.read_status()[0] == second.read_status()[0]
    has_gap = "recording-trouble" in first.read_metadata()
    assert has_gap == (victim != "the one that stands by")
    assert b"the next one\n" == Path(second.file("stdout")).read_bytes()


def run_python(code: str, project: Path, *before: str) -> subprocess.CompletedProcess[str]:
    (project / "script.py").write_text(textwrap.dedent(code))
    return subprocess.run(
        [*before, sys.executable, "script.py"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


WORKERS = {
    "process": """
        for k in (1, 2):
            one = context.Process(target=work, args=(k,)); one.start(); one.join()
    """,
    "pool": """
        with context.Pool(1) as pool:
            for k in (1, 2):
                try: pool.apply(work, (k,))
                except ValueError: pass
    """,
    "closed pool": """
        pool = context.Pool(1, maxtasksperchild=1)
        for k in (1, 2):
            try: pool.apply(work, (k,))
            except ValueError: pass
        pool.close(); pool.join()
    """,
    "executor": """
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            for k in (1, 2): pool.submit(work, k).exception()
    """,
}


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("kind", WORKERS)
@pytest.mark.parametrize("is_block", [True, False])
def test_experiments_of_workers_end(tmp_path: Path, kind: str, method: str, is_block: bool) -> None:
    way = "with Experiment({'k': k}, no_git=True): inner(k)"
    if not is_block:
        way = "Experiment({'k': k}, no_git=True); inner(k)"
    code = f"""
import multiprocessing
from meticulous import Experiment
def inner(k):
    print("in worker", k)
    if k == 2: raise ValueError("too much")
def work(k):
    {way}
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
""" + textwrap.indent(textwrap.dedent(WORKERS[kind]), "    ")
    done = run_python(code, tmp_path)
    assert 0 == done.returncode, done.stderr
    first, second = runs_of(tmp_path)
    assert "SUCCESS" == first.read_status()[0]
    assert b"in worker 1\n" in Path(first.file("stdout")).read_bytes()
    # A pool catches the exception of a task, and its worker goes on and ends well.
    is_failed = is_block or kind == "process"
    assert ("ERROR" if is_failed else "SUCCESS") == second.read_status()[0]
    if is_failed:
        assert "ValueError: too much" in second.read_status()[1]
    assert second.read_json("environment.json")


ENDS = {
    "return": "Experiment({}, no_git=True)",
    "block": "with Experiment({}, no_git=True): pass",
    "exit": "Experiment({}, no_git=True); raise SystemExit(3)",
    "exception": "Experiment({}, no_git=True); 1 / 0",
    "signal": "Experiment({}, no_git=True); import os; os.kill(os.getpid(), 15)",
    "two blocks": "[Experiment({}, no_git=True).finish() for _ in range(2)]",
}


@pytest.mark.parametrize("end", ENDS)
def test_the_record_is_complete_when_the_process_has_ended(tmp_path: Path, end: str) -> None:
    run_python(f"from meticulous import Experiment\n{ENDS[end]}\n", tmp_path)
    for run in runs_of(tmp_path):
        assert "python" in run.read_json("environment.json")
        shutil.rmtree(run.path)  # nobody writes there any more
    assert [] == runs_of(tmp_path)


@pytest.mark.parametrize("is_subreaper", [True, False])
def test_orphans_of_ours_are_collected(tmp_path: Path, is_subreaper: bool) -> None:
    """As process 1 of a container does get them, and a subreaper."""
    before = ("unshare", "-pf", "--mount-proc", "--kill-child")
    if (
        not is_subreaper
        and subprocess.run([*before, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no process namespaces here")
    code = f"""
        import ctypes, os
        if {is_subreaper}: ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        from meticulous import Experiment
        for n in range(5):
            with Experiment({{"n": n}}, no_git=True): print(n)
            try: print(os.waitpid(-1, os.WNOHANG))
            except ChildProcessError: print("none")
    """
    done = run_python(code, tmp_path, *(() if is_subreaper else before))
    assert ["0", "none", "1", "none", "2", "none", "3", "none", "4", "none"] == done.stdout.split()


@pytest.mark.parametrize(
    "use", ["with Experiment({}): print('one')", "Experiment({}); print('one')"]
)
def test_gevent_closes_late_and_nothing_hangs(repository: Path, use: str) -> None:
    (repository / "script.py").write_text(
        f"from gevent import monkey; monkey.patch_all()\nfrom meticulous import Experiment\n{use}\n"
    )
    subprocess.run(["git", "add", "-A"], cwd=repository, check=True)
    subprocess.run(["git", "commit", "-qm", "gevent"], cwd=repository, check=True)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=repository, capture_output=True, timeout=60, check=False
    )
    assert (0, b"one\n", b"") == (done.returncode, done.stdout, done.stderr)
    (run,) = runs_of(repository)
    assert ("SUCCESS", b"one\n") == (run.read_status()[0], Path(run.file("stdout")).read_bytes())
