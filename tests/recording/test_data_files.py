"""Data files that the arguments name are recorded: which they were."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import git, meticulous, only_run, runs_of

READ = """
import sys
for name in sys.argv[1:]:
    if name.startswith("--out="):
        open(name[6:], "a").write("more")
"""


@pytest.fixture
def project(repository: Path) -> Path:
    (repository / "train.py").write_text(READ)
    (repository / ".gitignore").write_text("*.csv\n*.bin\n")
    git(repository, "commit", "-q", "-a", "-m", "read")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "ignore")
    return repository


def data(project: Path, *words: str, **options: Any) -> dict[str, dict[str, Any]]:
    command = (sys.executable, str(project / "train.py"), *words)
    done = meticulous("run", "--", *command, **{"cwd": project, **options})
    assert done.returncode == 0, done.stderr
    return {one["path"]: one for one in runs_of(project)[-1].read_metadata().get("data") or []}


def test_files_that_are_named_are_described(project: Path, tmp_path: Path) -> None:
    (project / "data").mkdir()
    (project / "data" / "x.csv").write_bytes(b"1,2\n")
    outside = tmp_path / "y.csv"
    outside.write_bytes(b"3\n")

    found = data(project, "--data", "data/x.csv", f"--other={outside}", "missing.csv", "data")

    assert set(found) == {"data/x.csv", str(outside)}
    one = found["data/x.csv"]
    assert one["size"] == 4
    assert one["sha256"] == hashlib.sha256(b"1,2\n").hexdigest()
    assert one["mtime"].startswith("20")


def test_a_path_is_relative_to_the_project_wherever_the_run_is(project: Path) -> None:
    (project / "sub").mkdir()
    (project / "x.csv").write_text("1")

    assert set(data(project, "../x.csv", cwd=project / "sub")) == {"x.csv"}


def test_code_and_outputs_are_no_data(project: Path) -> None:
    (project / "old.bin").write_text("old")

    found = data(project, "train.py", "--out=new.bin")
    assert found == {}
    assert data(project, "--out=old.bin").get("old.bin", {"size": 3})["size"] == 3


def test_a_large_file_has_no_hash(project: Path) -> None:
    with open(project / "large.csv", "wb") as file:
        file.truncate(200_000_000)

    found = data(project, "large.csv")

    assert found["large.csv"]["size"] == 200_000_000
    assert "sha256" not in found["large.csv"]


def test_what_is_named_may_be_anything(project: Path) -> None:
    os.mkfifo(project / "pipe.csv")
    odd = "bad\udcff.csv"
    (project / odd).write_text("1")

    found = data(project, "pipe.csv", "x" * 5000, "", "~nobody/x", odd, "/proc/self/mem")

    assert not {"pipe.csv", "/proc/self/mem"} & set(found)
    assert "recording-trouble" not in only_run(project).read_metadata()


def test_a_rerun_names_what_changed_or_is_gone(project: Path) -> None:
    (project / "x.csv").write_text("1")
    (project / "y.csv").write_text("2")
    data(project, "x.csv", "y.csv")
    (project / "x.csv").write_text("9")
    (project / "y.csv").unlink()

    done = meticulous("rerun", "1", cwd=project)

    said = done.stderr.decode()
    assert "x.csv has changed: the same size, another content" in said
    assert "y.csv, which the run read, cannot be: No such file or directory" in said
    assert "linked from your project: x.csv" in said
    assert "data x.csv" in done.stdout.decode()


def test_data_that_stayed_is_not_named(project: Path) -> None:
    (project / "x.csv").write_text("1")
    first = data(project, "x.csv")

    done = meticulous("rerun", "1", cwd=project)

    assert done.returncode == 0, done.stderr
    assert "changed" not in done.stderr.decode()
    assert [first["x.csv"]] == runs_of(project)[1].read_metadata()["data"]
