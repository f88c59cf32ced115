"""Names of our modules that stand in text, where no tool renames them, are names of modules."""

from __future__ import annotations

import importlib
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOTTED = re.compile(r"\bmeticulous(?:\.[a-z_][a-z_0-9]*)+\b(?!\()")
IMPORT = re.compile(r"\bfrom (meticulous[\w.]*) import (\w+(?:, \w+)*)")
NOT_MODULES = re.compile(
    r"meticulous\.(yaml|summary|log|open|run_directory|run_id|mine|nothing|py)\b"
)
"""What reads like a module: the settings file, the public functions, and what tests know not to exist."""


def python_files() -> list[Path]:
    return [
        path for top in ("meticulous", "tests", "benchmarks") for path in (ROOT / top).rglob("*.py")
    ]


def text_files() -> list[Path]:
    return [ROOT / "pyproject.toml", ROOT / "Makefile", *(ROOT / "docs").glob("*.md")]


def strings_and_comments(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT):
                yield token.string.replace("\\n", "\n")


def names_in(text: str) -> set[str]:
    found = {name for name in DOTTED.findall(text) if not NOT_MODULES.match(name)}
    for module, names in IMPORT.findall(text):
        found.update(f"{module}.{name}" for name in names.split(", "))
    return found


def exists(name: str) -> bool:
    """Return whether `name` is a module, or something in one, such as a class and its method."""
    if name.startswith("meticulous.child.startup") or name == "meticulous.__main__":
        return True  # never imported: found by its path, or a program
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_named_in_strings_and_comments_exist(path: Path) -> None:
    named = set().union(*(names_in(text) for text in strings_and_comments(path)))

    assert [name for name in sorted(named) if not exists(name)] == []


@pytest.mark.parametrize("path", text_files(), ids=lambda path: path.name)
def test_modules_named_in_configuration_and_docs_exist(path: Path) -> None:
    named = names_in(path.read_text(encoding="utf-8"))

    assert [name for name in sorted(named) if not exists(name.removesuffix(".__init__"))] == []


def test_paths_of_modules_in_the_configuration_exist() -> None:
    text = (ROOT / "pyproject.toml").read_text() + (ROOT / "Makefile").read_text()
    named = re.findall(r"\bmeticulous/[\w/]+\.py\b", text)

    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_a_name_of_no_module_is_found_out() -> None:
    package = "meticulous"
    text = f"See :mod:`{package}.asking.index`; from {package}.runner import limit, launch."

    assert [name for name in sorted(names_in(text)) if not exists(name)] == [
        f"{package}.asking.index",
        f"{package}.runner.limit",
    ]
