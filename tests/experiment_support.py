"""Scripts that record themselves, run as users run them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.conftest import DEADLINE_S, git

__all__ = ["add_script", "commit_all", "run_script", "start_script"]


def add_script(project: Path, code: str, name: str = "train.py") -> None:
    """Put `code` into the project as a committed script."""
    (project / name).write_text(textwrap.dedent(code))
    commit_all(project)


def commit_all(project: Path) -> None:
    """Commit all that has changed, if anything has."""
    git(project, "add", "-A")
    git(project, "commit", "-q", "--allow-empty", "-m", "work")


def run_script(
    project: Path,
    code: str,
    *words: str,
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    **options: object,
) -> subprocess.CompletedProcess[bytes]:
    """Commit `code` as train.py, run it with `words`, and return what came out, as bytes."""
    add_script(project, code)
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*prefix, sys.executable, "train.py", *words],
        cwd=project,
        check=False,
        env={**os.environ, **(env or {})},
        **{"capture_output": True, "timeout": DEADLINE_S * 2, **options},
    )


def start_script(project: Path, code: str, *words: str) -> subprocess.Popen[bytes]:
    """Commit `code` as train.py and start it; its streams are pipes."""
    add_script(project, code)
    return subprocess.Popen(
        [sys.executable, "train.py", *words],
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
