"""How a program writes is not changed by being recorded: signals, workers, the parts of its streams."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import only_run
from tests.launch_support import METICULOUS

SLOW_READER = (
    "import os, time\nwhile part := os.read(0, 65536): os.write(1, part); time.sleep(0.002)\n"
)
INTERRUPTED = {
    "a timer": """
import signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for _ in range(300): print("x" * 19999)
signal.setitimer(signal.ITIMER_REAL, 0)
""",
    "a timer, on stderr": """
import signal, sys
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for _ in range(300): print("x" * 19999, file=sys.stderr)
signal.setitimer(signal.ITIMER_REAL, 0)
""",
    "children that end": """
import signal, subprocess
signal.signal(signal.SIGCHLD, lambda *_: None)
for _ in range(60): subprocess.Popen(["sleep", "0.01"]); print("y" * 99999)
""",
    "stopped and continued by a child": """
import os, signal, subprocess, sys
code = "import os, signal, sys, time\\nfor _ in range(100): os.kill(int(sys.argv[1]), signal.SIGSTOP); os.kill(int(sys.argv[1]), signal.SIGCONT); time.sleep(0.003)"
child = subprocess.Popen([sys.executable, "-c", code, str(os.getpid())])
for _ in range(20): print("z" * 299999)
child.wait()
""",
    "raw writes by a thread and prints": """
import signal, sys, threading
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def work():
    for _ in range(50): sys.stdout.buffer.write(b"t" * 19999 + b"\\n"); sys.stdout.buffer.flush()
thread = threading.Thread(target=work); thread.start()
for _ in range(50): print("m" * 19999)
thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
""",
}
SIZES = {
    "a timer": 300 * 20000,
    "a timer, on stderr": 300 * 20000,
    "children that end": 60 * 100000,
    "stopped and continued by a child": 20 * 300000,
    "raw writes by a thread and prints": 100 * 20000,
}


def add(repository: Path, code: str) -> None:
    """Write the program, which git does not know: no run is refused for it."""
    (repository / "program.py").write_text(code)


@pytest.mark.parametrize("kind", INTERRUPTED)
def test_no_byte_is_lost_where_a_signal_cuts_a_write_short(kind: str, repository: Path) -> None:
    add(repository, INTERRUPTED[kind])
    command = [*METICULOUS, "run", "-q", "--", sys.executable, "program.py"]
    is_error = "stderr" in kind
    with subprocess.Popen(
        command,
        cwd=repository,
        stdout=None if is_error else subprocess.PIPE,
        stderr=subprocess.PIPE if is_error else None,
    ) as process:
        taken = process.stderr if is_error else process.stdout
        seen = subprocess.run(
            [sys.executable, "-c", SLOW_READER], stdin=taken, capture_output=True, check=True
        ).stdout
    run = only_run(repository)

    assert process.returncode == 0
    assert len(seen) == SIZES[kind]
    kept = Path(run.file("stderr" if is_error else "stdout")).read_bytes()
    assert kept == seen


WORKERS = {
    "multiprocessing": """
import multiprocessing
def work(rank):
    for step in range(500): print("[rank", rank, "] step", step)
if __name__ == "__main__":
    workers = [multiprocessing.Process(target=work, args=(rank,)) for rank in range(4)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
""",
    "spawned": """
import multiprocessing
def work(rank):
    for step in range(200): print("[rank", rank, "] step", step)
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(4) as pool: pool.map(work, range(4))
""",
    "processes of their own": """
import subprocess, sys
code = 'import sys\\nfor step in range(500): print("[rank", sys.argv[1], "] step", step)'
workers = [subprocess.Popen([sys.executable, "-c", code, str(rank)]) for rank in range(4)]
for worker in workers: worker.wait()
""",
}


@pytest.mark.parametrize("kind", WORKERS)
def test_lines_of_workers_stay_whole(kind: str, repository: Path) -> None:
    add(repository, WORKERS[kind])
    done = subprocess.run(
        [*METICULOUS, "run", "-q", "--", sys.executable, "program.py"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    steps = 200 if kind == "spawned" else 500

    wanted = sorted(f"[rank {rank} ] step {step}" for rank in range(4) for step in range(steps))
    assert sorted(done.stdout.splitlines()) == wanted
    assert Path(only_run(repository).file("stdout")).read_text() == done.stdout


CHOSEN = {
    "nothing": ({}, [], "True False BufferedWriter"),
    "the variable": ({"PYTHONUNBUFFERED": "1"}, [], None),
    "the variable, empty": ({"PYTHONUNBUFFERED": ""}, [], "False False BufferedWriter"),
    "the option": ({}, ["-u"], None),
    "isolated": ({}, ["-I"], "False False BufferedWriter"),
}


@pytest.mark.parametrize("kind", CHOSEN)
def test_who_has_chosen_how_to_buffer_keeps_it(
    kind: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, options, expected = CHOSEN[kind]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    add(
        repository,
        "import sys; print(sys.stdout.line_buffering, sys.stdout.write_through,"
        " type(sys.stdout.buffer).__name__)",
    )
    command = [sys.executable, *options, "program.py"]
    bare = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    seen = subprocess.run(
        [*METICULOUS, "run", "-q", "--", *command],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )

    assert seen.stdout.strip() == (expected or bare.stdout.strip())
