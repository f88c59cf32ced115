"""What a researcher sees: the captures of tables at 80, 120 and 200 columns, compared exactly.

Where a change of a table is wanted, ``python -m tests.views.test_snapshots`` writes them anew; look
at the difference before it is committed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pexpect
import pytest

from tests.views.store import make_store

SNAPSHOTS = Path(__file__).with_name("snapshots")
WIDTHS = (80, 120, 200)
LINES = 50
QUESTIONS = {
    "ls": ["ls"],
    "ls-of-one-program": ["ls", "--filter", "program == 'train.py'"],
    "ls-groupby-args": ["ls", "--groupby", "args"],
    "ls-status-error": ["ls", "--status", "ERROR"],
    "compare": ["compare", "1,7,13,21"],
    "compare-nested": ["compare", "37,41,49"],
    "diff": ["diff", "1", "21"],
    "diff-nested": ["diff", "37", "49"],
    "show": ["show", "37"],
}


def screen(directory: Path, words: list[str], columns: int, environment: Mapping[str, str]) -> str:
    """Return what a terminal of `columns` shows of a command in `directory`, without colours."""
    clean = {"NO_COLOR": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    kept = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "meticulous", *words],
        cwd=str(directory),
        dimensions=(LINES, columns),
        env={**kept, **clean},
        encoding="utf-8",
    )
    shown: str = child.read()
    child.close()
    assert child.exitstatus == 0, shown
    return shown.replace("\r\n", "\n").replace(str(directory), "/home/ada/vision")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the sixty runs."""
    path = tmp_path_factory.mktemp("vision")
    make_store(path / "experiments")
    return path


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("name", QUESTIONS)
def test_tables_are_as_they_were(store: Path, name: str, columns: int) -> None:
    shown = screen(store, QUESTIONS[name], columns, os.environ)

    assert (SNAPSHOTS / f"{name}-{columns}.txt").read_text("utf-8") == shown


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("name", [name for name in QUESTIONS if name != "show"])
def test_no_line_of_a_table_is_wider_than_the_terminal(name: str, columns: int) -> None:
    lines = (SNAPSHOTS / f"{name}-{columns}.txt").read_text("utf-8").splitlines()

    assert columns >= max(map(len, lines))


def test_what_went_wrong_is_told_at_every_width() -> None:
    told = ("FloatingPointError: loss is nan", "OutOfMemoryError: CUDA out of memory",
            "invalid float value: 'fast'", "killed by signal 9", "Key 'dropuot' is not in struct",
            "FileNotFoundError: [Errno 2] No such file or directory")  # fmt: skip

    for columns in WIDTHS:
        shown = " ".join((SNAPSHOTS / f"ls-status-error-{columns}.txt").read_text("utf-8").split())
        assert [line for line in told if line not in shown] == []


def main() -> None:
    """Write all captures anew."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "vision"
        directory.mkdir()
        make_store(directory / "experiments")
        environment = {**os.environ, "HOME": folder, "XDG_CACHE_HOME": f"{folder}/cache"}
        SNAPSHOTS.mkdir(exist_ok=True)
        for name, words in QUESTIONS.items():
            for columns in WIDTHS:
                shown = screen(directory, words, columns, environment)
                (SNAPSHOTS / f"{name}-{columns}.txt").write_text(shown, "utf-8")


if __name__ == "__main__":
    main()
