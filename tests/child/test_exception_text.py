"""How a program ended, and where else the shim reaches: threads, children, other interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.shim_support import environment, run_child, run_script

PARSE = "import argparse; p = argparse.ArgumentParser(); p.add_argument('--lr'); p.parse_args()\n"


def traceback_of(tmp_path: Path, text: str, *words: str) -> str:
    child = run_script(tmp_path, textwrap.dedent(text), *words)
    assert child.report.traceback is not None
    return child.report.traceback


def test_an_uncaught_exception(tmp_path: Path) -> None:
    got = traceback_of(tmp_path, "def f():\n    1 / 0\nf()\n")

    assert got.startswith("Traceback (most recent call last):\n")
    assert got.endswith("ZeroDivisionError: division by zero")
    assert "_meticulous" not in got


def test_a_replaced_excepthook_hides_nothing(tmp_path: Path) -> None:
    got = traceback_of(
        tmp_path, "import sys; sys.excepthook = lambda *a: None\nraise KeyError('x')\n"
    )

    assert got.endswith("KeyError: 'x'")


def test_rich_tracebacks_are_plain_in_the_report(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    text = "import sys; from rich.traceback import install; install()\nraise ValueError('x')\n"

    got = traceback_of(tmp_path, text)

    assert got.splitlines()[-1] == "ValueError: x"
    assert "\x1b" not in got
    assert "╭" not in got


def test_causes_notes_and_groups_are_kept(tmp_path: Path) -> None:
    got = traceback_of(
        tmp_path,
        """
        error = ValueError("one")
        if hasattr(error, "add_note"):
            error.add_note("a note")
            error = ExceptionGroup("many", [error, KeyError("two")])
        try:
            1 / 0
        except ZeroDivisionError as cause:
            raise error from cause
        """,
    )

    assert "ZeroDivisionError" in got
    assert "direct cause" in got
    if sys.version_info >= (3, 11):
        assert "a note" in got
        assert "KeyError: 'two'" in got


def test_a_program_that_ctrl_c_ends_dies_of_the_signal(tmp_path: Path) -> None:
    text = "import os, signal; os.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n"

    child = run_script(tmp_path, text)

    assert child.code == -2
    assert child.report.traceback is None


def test_an_endless_message_is_cut(tmp_path: Path) -> None:
    got = traceback_of(tmp_path, "raise ValueError('x' * 10_000_000)")

    assert len(got) < 300_000
    assert "characters left out" in got


def test_a_file_called_as_one_of_the_library_s_is_not_run(tmp_path: Path) -> None:
    for name in ("token", "linecache", "traceback", "json", "copy"):
        (tmp_path / f"{name}.py").write_text("print('run at exit')\n")

    child = run_script(tmp_path, PARSE + "1 / 0\n", "--lr", "1")

    assert child.stdout == ""
    assert child.report.traceback is not None
    assert child.report.traceback.endswith("ZeroDivisionError: division by zero")


def test_an_exception_in_a_thread_is_kept_for_a_bad_end(tmp_path: Path) -> None:
    got = traceback_of(
        tmp_path,
        """
        import sys, threading
        threading.excepthook = lambda args: None
        thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()
        sys.exit(3)
        """,
    )

    assert got.endswith("ZeroDivisionError: division by zero")


def test_a_good_end_has_no_traceback(tmp_path: Path) -> None:
    for end in (
        "",
        "raise SystemExit(3)",
        "import sys; sys.exit('message')",
        "try: 1/0\nexcept: pass",
    ):
        assert run_script(tmp_path, PARSE + end).report.traceback is None


def test_a_syntax_error_in_the_script(tmp_path: Path) -> None:
    assert "SyntaxError" in traceback_of(tmp_path, "x = = 1\n")


def test_children_of_every_kind_do_not_take_the_program_s_place(tmp_path: Path) -> None:
    text = """
        import argparse, multiprocessing, os, sys, threading
        def work(x):
            return os.environ.get("PYTHONPATH"), sys.path[0], x
        if __name__ == "__main__":
            parser = argparse.ArgumentParser(); parser.add_argument("--lr"); parser.parse_args()
            for method in ("fork", "spawn", "forkserver"):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    print(method, pool.map(work, [1])[0][2], flush=True)
            pid = os.fork()
            if not pid:
                raise ValueError("of the child")
            os.waitpid(pid, 0)
    """

    child = run_script(tmp_path, textwrap.dedent(text), "--lr", "1", PYTHONWARNINGS="ignore")

    assert child.code == 0, child.stderr
    assert child.stdout == "fork 1\nspawn 1\nforkserver 1\n"
    assert child.report.arguments is not None
    assert child.report.arguments.values == {"lr": "1"}
    assert 1 == sum(bool(file["parses"]) for file in child.files)


def test_a_lock_held_at_a_fork_does_not_hang_the_child(tmp_path: Path) -> None:
    text = PARSE + (
        "import os, sys\nlock = sys.modules['_meticulous_report']._lock()\nlock.acquire()\n"
        "pid = os.fork()\nif not pid: 1 / 0\nos.waitpid(pid, 0)\nlock.release()\n"
    )

    child = run_script(tmp_path, text)

    assert child.code == 0, child.stderr
    assert 1 == sum("exception" in file for file in child.files)


@pytest.mark.parametrize("runner", [["-m", "cProfile", "-o", os.devnull], ["-m", "pdb", "-c", "c"]])
def test_a_program_run_within_a_tool_is_recorded(tmp_path: Path, runner: list[str]) -> None:
    (tmp_path / "train.py").write_text(PARSE + "import os; os._exit(0)")

    child = run_child(tmp_path / "run", *runner, "train.py", "--lr", "3", cwd=tmp_path)

    assert child.report.arguments is not None
    assert child.report.arguments.values == {"lr": "3"}
    assert child.report.arguments.source.startswith("argparse in train.py (pid ")


def test_the_memory_of_a_thread_that_failed_is_freed(tmp_path: Path) -> None:
    text = """
        import threading, weakref, gc
        class Big: pass
        seen = []
        def work():
            big = Big(); seen.append(weakref.ref(big)); raise ValueError("x")
        threading.excepthook = lambda args: None
        thread = threading.Thread(target=work); thread.start(); thread.join(); del thread; gc.collect()
        print(seen[0]())
    """

    child = run_script(tmp_path, textwrap.dedent(text))

    assert child.stdout == "None\n"


def test_a_parse_in_a_forked_child_is_its_own_report(tmp_path: Path) -> None:
    text = "import os\npid = os.fork()\nif not pid:\n    " + PARSE.replace(";", "\n   ")
    text += "    raise ValueError('child')\nos.waitpid(pid, 0)\n"

    child = run_script(tmp_path, text, "--lr", "1")

    assert {len(file["parses"]) for file in child.files} == {0, 1}
    assert len({file["pid"] for file in child.files}) == 2


def test_the_shim_reaches_through_shells_and_make(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("#!" + sys.executable + "\n" + PARSE)
    (tmp_path / "train.py").chmod(0o755)
    (tmp_path / "run.sh").write_text("./train.py --lr 5\n")
    (tmp_path / "Makefile").write_text("train:\n\t@sh run.sh\n")
    run = tmp_path / "run"
    run.mkdir()

    subprocess.run(["make", "-s", "train"], cwd=tmp_path, env=environment(run), check=True)

    child = run_child(run, "-c", "pass")
    assert child.report.arguments is not None
    assert child.report.arguments.values == {"lr": "5"}


def test_a_build_of_many_pythons_leaves_few_files(tmp_path: Path) -> None:
    text = (
        "import subprocess, sys\nfor _ in range(20): subprocess.run([sys.executable, '-c', ''])\n"
    )

    assert 10 < len(run_script(tmp_path, text).files) <= 16


def test_without_a_run_directory_nothing_happens(tmp_path: Path) -> None:
    env = environment(tmp_path)
    del env["METICULOUS_RUN_DIR"]
    text = "import sys; print([m for m in sys.modules if 'meticulous' in m], sys.meta_path[0])"

    out = subprocess.run(
        [sys.executable, "-c", text], env=env, capture_output=True, check=True
    ).stdout

    assert out.startswith(b"[] ")
    assert b"meticulous" not in out
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["points nowhere", "is a file", "is read-only", "is removed"])
def test_a_run_directory_that_is_no_use_harms_nothing(tmp_path: Path, damage: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    text = PARSE + "print('done')\n1 / 0"
    if damage == "points nowhere":
        run = tmp_path / "nowhere"
    elif damage == "is a file":
        run = tmp_path / "file"
        run.write_text("")
    elif damage == "is read-only":
        (run / "reports").mkdir()
        (run / "reports").chmod(0o500)
        if os.access(run / "reports", os.W_OK):
            (run / "reports").rmdir()
            (run / "reports").write_text("")
    else:
        text = f"import shutil; shutil.rmtree({str(run)!r})\n" + text
    env = environment(run)

    done = subprocess.run(
        [sys.executable, "-c", text, "--lr", "1"], env=env, capture_output=True, check=False
    )

    assert done.stdout == b"done\n"
    assert done.stderr.endswith(b"ZeroDivisionError: division by zero\n")
    assert b"meticulous" not in done.stderr
    assert 1 == done.returncode


def test_imports_behave_as_without_us(tmp_path: Path) -> None:
    """Reload, lazy loading, resources, specs and failing imports of a watched module."""
    (tmp_path / "fire").mkdir()
    (tmp_path / "fire" / "__init__.py").write_text("")
    (tmp_path / "fire" / "core.py").write_text("1 / 0\n")
    text = """
        import argparse, importlib, importlib.util, importlib.metadata, inspect, pickle, pkgutil, sys, traceback
        first = argparse.ArgumentParser
        importlib.reload(argparse)
        print(first is not argparse.ArgumentParser, pickle.loads(pickle.dumps(argparse.ArgumentParser)))
        spec = importlib.util.find_spec("argparse")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = sys.modules["argparse"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(module.ArgumentParser.__name__, inspect.signature(module.ArgumentParser.parse_args))
        print(inspect.getsource(argparse.ArgumentParser.parse_args)[:60], len(inspect.getsource(argparse)) > 1000)
        print(sum(1 for _ in pkgutil.iter_modules()) > 10, len(list(importlib.metadata.distributions())))
        try:
            import fire.core
        except ZeroDivisionError:
            traceback.print_exc()
        try:
            argparse.ArgumentParser().parse_args(object())
        except TypeError:
            if sys.version_info >= (3, 11):
                traceback.print_exc()
        sys.stderr.write("end")
    """
    script = tmp_path / "look.py"
    script.write_text(textwrap.dedent(text))
    run = tmp_path / "run"
    run.mkdir()

    native, wrapped = (
        subprocess.run(
            [sys.executable, str(script)], env=environment(folder), capture_output=True, check=False
        )
        for folder in (None, run)
    )

    assert native.stdout.decode() == wrapped.stdout.decode()
    assert native.stderr.decode() == wrapped.stderr.decode()
    assert native.stderr.endswith(b"end")


def test_no_file_is_left_open(tmp_path: Path) -> None:
    text = PARSE + "import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])"

    native = subprocess.run(
        [sys.executable, "-c", text], env=environment(None), capture_output=True, check=True
    )
    child = run_child(tmp_path / "run", "-c", text)

    assert native.stdout.decode() == child.stdout


def test_the_helper_stands_in_where_meticulous_is_missing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = str(tmp_path / "env" / "bin" / "python")
    text = "import meticulous; meticulous.summary({'a': 1}); print(meticulous.run_id())\n"
    text += "try: meticulous.Experiment\nexcept AttributeError as error: print(error)"

    child = run_child(tmp_path / "run", "-c", text, python=python, cwd=tmp_path)

    assert child.stdout.startswith("run\nmodule 'meticulous' has no attribute 'Experiment'; ")
    assert "not installed" in child.stdout
    assert '{\n    "a": 1\n}\n' == (tmp_path / "run" / "summary.json").read_text()


def test_an_installed_meticulous_wins_over_the_helper(tmp_path: Path) -> None:
    (tmp_path / "meticulous.py").write_text("mine = True\n")

    child = run_child(
        tmp_path / "run", "-c", "import meticulous; print(meticulous.mine)", cwd=tmp_path
    )

    assert child.stdout == "True\n"
