"""Wrong types in every key of every JSON file of a run, and what each command makes of them.

`python -m tests.faults.wrong_types` tries every key with every value on every command: minutes. Each command runs in
a process of its own, forked from one that has imported everything, and is ended when it takes too long.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from meticulous.runfolder import METADATA_KEYS

FILES = ("metadata.json", "args.json", "default_args.json", "summary.json", "environment.json")
VALUES: dict[str, str] = {
    "null": "null",
    "true": "true",
    "negative": "-1",
    "beyond a process id": "2147483648",
    "beyond 64 bits": "9" * 30,
    "beyond a float": "9" * 400,
    "not finite": "NaN",
    "infinite": "-Infinity",
    "empty text": '""',
    "text": '"x"',
    "control characters": '"\\u0000\\u001b[2J\\n"',
    "half a character": '"\\ud800"',
    "empty list": "[]",
    "list of numbers": "[1, 2.5]",
    "list of lists": '[[1], ["a"]]',
    "list of objects": '[{"path": 5, "start-time": 5, "text": {}, "pid": "x", "status": []}, {}]',
    "empty object": "{}",
    "object": '{"size": "x", "wall": [], "id": {}, "": {"a": [1]}, "version": 3}',
    "nested": "[" * 400 + "]" * 400,
}
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("ls",),
    ("ls", "--args", "all"),
    ("ls", "--filter", "metadata_pid > 5 or args_lr == 0.1"),
    ("ls", "--groupby", "args_lr"),
    ("ls", "--export", "out.csv"),
    ("ls", "--export", "out.json"),
    ("ps",),
    ("ps", "--json"),
    ("show", "2"),
    ("show", "2", "--json"),
    ("metrics", "2"),
    ("logs", "2"),
    ("doctor",),
    ("doctor", "--fix"),
    ("du",),
    ("compare", "1", "2"),
    ("diff", "1", "2"),
    ("verify", "1", "2"),
    ("script", "2"),
    ("environment", "2"),
    ("path", "2"),
    ("wait", "2", "--timeout", "0s"),
    ("stop", "2", "--grace", "0s"),
    ("tag", "2", "new"),
    ("note", "2", "words"),
    ("gc", "--older-than", "1d", "--dry-run"),
    ("rm", "-y", "--dry-run", "2"),
    ("rm", "-y", "2"),
    ("export", "2", "sent.zip"),
    ("rerun", "2", "--dry-run"),
)
LIMIT_S = 30


class Case(NamedTuple):
    """Which file of the run 2 has what under which key, and whether it says RUNNING."""

    file: str
    key: str
    value: str
    is_running: bool


def cases(good: Path) -> Iterator[Case]:
    """Every key that the run at `good` has, or may have, with every value."""
    for file in FILES:
        path = good / file
        keys = set(json.loads(path.read_text())) if path.exists() else {"a"}
        keys |= set(METADATA_KEYS) if file == "metadata.json" else {"new"}
        for key, value in itertools.product(sorted(keys), VALUES):
            yield Case(file, key, value, is_running=False)
            if file == "metadata.json":
                yield Case(file, key, value, is_running=True)


def put(case: Case, good: Path, store: Path) -> None:
    """Make `store` anew: the run 1 as it was, the run 2 as `case` has it."""
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(good, store / "1")
    shutil.copytree(good, store / "2")
    path = store / "2" / case.file
    values = json.loads(path.read_text()) if path.exists() else {}
    values.pop(case.key, None)
    if case.is_running:
        (store / "2" / "STATUS").write_text("RUNNING\n")
        values.pop("end-time", None)
    rest = json.dumps(values)[1:-1]
    inner = f"{json.dumps(case.key)}: {VALUES[case.value]}"
    path.write_text("{" + ", ".join(filter(None, [rest, inner])) + "}")


def trouble(words: Iterable[str], folder: Path) -> str | None:
    """Run a command in `folder`; return what is wrong with how it ended, None for nothing."""
    said = folder / "said"
    child = os.fork()
    if child == 0:
        _run([*words], folder, said)
    _, status = os.waitpid(child, 0)
    text = said.read_text(errors="replace")
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    if "Traceback" in text:
        return text.strip().splitlines()[-1]
    return f"{text.count(chr(10))} lines" if text.count("\n") > 8 else None


def _run(words: list[str], folder: Path, said: Path) -> None:
    """Be the command: nothing of this process is left behind."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIMIT_S)
    code = 1
    try:
        os.chdir(folder)
        os.environ["METICULOUS_CACHE_DIR"] = str(folder / "cache")
        for number, path in ((0, os.devnull), (1, "answer"), (2, str(said))):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(path, flags, 0o600), number)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        sys.argv = ["meticulous", *words]
        from meticulous.cli import main

        main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001, whatever it is, it is what we look for
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        sys.stdout.flush()
        os._exit(code)


def run_all(
    good: Path,
    chosen: Iterable[tuple[Case, Iterable[tuple[str, ...]]]],
    report: Callable[[str], None],
) -> int:
    """Try each case with its commands; `report` each that fails. Return how many were tried."""
    tried = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case, commands in chosen:
            put(case, good, folder / "experiments")
            for words in commands:
                tried += 1
                shutil.rmtree(folder / "cache", ignore_errors=True)
                wrong = trouble([*words], folder)
                if wrong:
                    report(f"{case.file} {case.key!r} {case.value}"
                           f"{' RUNNING' if case.is_running else ''}: {' '.join(words)}: {wrong}")  # fmt: skip
    return tried


def make_good(folder: Path) -> Path:
    """Record a run that has every file, and return its folder."""
    import subprocess

    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    program = folder / "train.py"
    program.write_text(
        "import argparse, meticulous\n"
        "p = argparse.ArgumentParser(); p.add_argument('--lr', type=float); p.parse_args()\n"
        "meticulous.summary({'loss': 0.5}); print('said')\n"
    )
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(
        ["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True, cwd=folder
    )
    words = [
        sys.executable,
        "-m",
        "meticulous",
        "run",
        "-q",
        "--dirty",
        "ignore",
        "--tag",
        "a",
        "--",
    ]
    subprocess.run(
        [*words, sys.executable, "train.py", "--lr", "0.1"],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    return folder / "experiments" / "1"


def main() -> int:
    """Try everything, or every Nth combination where N is given."""
    import meticulous.experiments
    import meticulous.query.frames  # noqa: F401

    step = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        good = make_good(Path(name))
        every = [(case, [words]) for case in cases(good) for words in COMMANDS][::step]
        tried = run_all(good, every, lambda line: (failed.append(line), print(line, flush=True))[0])
    print(f"{tried} tried, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
