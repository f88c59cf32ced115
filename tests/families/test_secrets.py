"""A secret that a real run has is in no file that is written of it, but for what the program wrote itself."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import git, meticulous

S = "hunter2horse"
PROGRAM = f"""
import argparse, subprocess, sys
parser = argparse.ArgumentParser()
parser.add_argument("--how")
parser.add_argument("--db", default="")
parser.add_argument("--passwords", nargs="*")
parser.add_argument("rest", nargs="*")
arguments = parser.parse_args()
print("epochs 137")
if arguments.how == "exit":
    sys.exit("no access: mysql -p{S} table")
if arguments.how == "raise":
    raise ValueError("Command '['mysql', '-p{S}']' failed")
if arguments.how == "subprocess":
    subprocess.run(["false", "--password", "{S}"], check=True)
"""
CONFIG = f'epochs: 137\npassword: {S}\nload: mysql -p{S} table\nfetch: [curl, -u, "bob:{S}"]\n'


@pytest.fixture
def project(repository: Path) -> Path:
    (repository / "work.py").write_text(PROGRAM.replace(S, '" + open("s").read() + "'))
    (repository / "s").write_text(S)
    (repository / "conf.yaml").write_text(CONFIG)
    (repository / ".gitignore").write_text("experiments\ns\nconf.yaml\n*.zip\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", f"connect with password={S}")
    git(repository, "remote", "add", "origin", f"https://bob:{S}@host/x")
    git(repository, "checkout", "-q", "-b", f"password={S}")
    return repository


def test_no_file_of_a_run_and_nothing_made_of_it_holds_a_secret(project: Path) -> None:
    python, work = sys.executable, "work.py"
    runs: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        ((), (python, work, "--how", "exit", "--db", f"mysql -p{S} x")),
        (("--no-shim",), (python, work, "--how", "exit")),
        ((), (python, work, "--how", "raise", "--passwords", S, f"{S}2")),
        (("--no-shim",), (python, work, "--how", "subprocess")),
        ((), (python, work, f'--db={{"passwords": ["{S}"]}}', "--", "curl", "-u", f"bob:{S}")),
        (("-m", f"with --auth bob:{S}"), ("bash", "-c", f"true; curl -u bob:{S} file:///dev/null")),
        (("-t", f"password={S}"), (python, work, "--db", "conf.yaml")),
    ]
    for options, command in runs:
        meticulous("run", "-q", *options, "--", *command, cwd=project, stdin=subprocess.DEVNULL)
    meticulous("note", "last", f"see mysql -p{S}", cwd=project)
    meticulous("tag", "last", f"token={S}", cwd=project)

    store = project / "experiments"
    own = {"stdout", "stderr"}  # what the program printed is kept as it is
    files = [path for path in store.rglob("*") if path.is_file() and path.name not in own]
    assert len(files) > 5 * len(runs)
    assert [] == [str(path) for path in files if S.encode() in path.read_bytes()]
    assert any(b"epochs: 137" in path.read_bytes() for path in files)

    ids = [f"{number}" for number in range(1, len(runs) + 1)]
    for words in (("script", *ids), ("environment", "1"), ("ls", "--args", "all"), ("show", "7")):
        done = meticulous(*words, cwd=project)
        assert (words, 0, 0) == (words, done.returncode, done.stdout.count(S.encode()))
    for options in ((), ("--ro-crate", "--license", "MIT")):
        file = project / f"a{len(options)}.zip"
        words = ("export", *ids, str(file), "--code", "none", *options)
        assert 0 == meticulous(*words, cwd=project).returncode
        with zipfile.ZipFile(file) as packed:
            for name in packed.namelist():
                if Path(name).name not in own:
                    assert S.encode() not in packed.read(name), name
