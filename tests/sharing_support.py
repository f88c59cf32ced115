"""What the tests of shared runs have in common: surroundings in which meticulous is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["bare", "commit", "shell"]

TOOLS = (
    "base64 basename cat chmod cp dash dirname echo env find git grep head ln ls mkdir mktemp mv pwd "
    "rm rmdir sed sh sort tail tar test touch tr true uname unzip zstd"
).split()


def bare(tmp_path: Path) -> dict[str, str]:
    """Return an environment with git, a shell and a bare Python: no meticulous, no settings."""
    tools = tmp_path / "tools"
    if not tools.exists():
        tools.mkdir()
        for name in TOOLS:
            found = shutil.which(name)
            if found:
                (tools / name).symlink_to(found)
        # The interpreter below the virtual environment, with none of its packages.
        python = os.path.realpath(sys.executable)
        (tools / "python3").write_text(f'#!/bin/sh\nexec "{python}" -I "$@"\n')
        (tools / "python3").chmod(0o755)
    environment = {"PATH": str(tools), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    missing = subprocess.run(
        ["python3", "-c", "import meticulous"], env=environment, capture_output=True, check=False
    )
    assert missing.returncode == 1, "meticulous is installed where it should not be"
    return environment


def shell(
    script: Path, cwd: Path, tmp_path: Path, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `script` by dash in bare surroundings."""
    sh = shutil.which("dash") or shutil.which("sh")
    if sh is None:
        pytest.skip("there is no shell")
    subprocess.run([sh, "-n", str(script)], check=True)
    done = subprocess.run(
        [sh, str(script), *words],
        cwd=cwd,
        env={**bare(tmp_path), **variables},
        check=False,
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    stdout, stderr = (os.fsdecode(stream) for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, stdout, stderr)


def commit(repository: Path, **files: str) -> None:
    """Write `files` (name -> text, ``_`` for a dot) and commit them."""
    for name, text in files.items():
        (repository / name.replace("_", ".")).write_text(text)
    for words in (["add", "-A"], ["commit", "-q", "-m", "more"]):
        subprocess.run(["git", *words], cwd=repository, check=True)
