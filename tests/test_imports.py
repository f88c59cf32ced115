"""What is loaded before the command starts, in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "argparse",
    "dataclasses",
    "numpy",
    "pandas",
    "pathlib",
    "psutil",
    "pygit2",
    "subprocess",
    "tabulate",
    "typing",
    "yaml",
}
"""Modules that cost milliseconds each and that a start of `run` does without."""


@pytest.mark.parametrize(
    "module", ["meticulous", "meticulous.child.helper", "meticulous.commands.run"]
)
def test_nothing_heavy_is_loaded_before_the_command(module: str) -> None:
    assert set() == HEAVY & _loaded_by(module)


def test_the_overview_of_the_commands_needs_next_to_nothing() -> None:
    assert set() == (HEAVY | {"collections", "importlib", "json", "re"}) & _loaded_by(
        "meticulous.cli"
    )


def _loaded_by(module: str) -> set[str]:
    """Return what a fresh interpreter, without site, loads for `module`."""
    code = f"import sys; before = set(sys.modules); import {module}; print(*sys.modules.keys() - before)"
    printed = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return set(printed.split())


def test_a_whole_run_loads_nothing_heavy(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", "-m", "meticulous", "run", "-q", "--", "true"],
        check=True,
        capture_output=True,
        text=True,
        cwd=repository,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert "meticulous.runner.launch" in loaded
    # runpy, of `python -m`, brings typing's relatives; argparse and pandas nobody.
    assert set() == (HEAVY - {"typing", "pathlib"}) & loaded


def test_the_contract_of_independence_lists_every_command() -> None:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11 and later
    root = Path(__file__).parent.parent
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    (listed,) = (one["modules"] for one in contracts["contracts"] if one["type"] == "independence")
    commands = (path.stem for path in (root / "meticulous" / "commands").glob("[a-z]*.py"))

    assert sorted(listed) == sorted(f"meticulous.commands.{name}" for name in commands)
