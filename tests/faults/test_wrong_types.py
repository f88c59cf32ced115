"""The short form of the fuzz of types: every key of every JSON file, with some values and commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import wrong_types


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that has every file."""
    return wrong_types.make_good(tmp_path_factory.mktemp("good"))


def test_no_value_of_a_wrong_type_ends_a_command_in_a_traceback(good: Path) -> None:
    every = list(wrong_types.cases(good))
    commands = wrong_types.COMMANDS
    # 13 is prime to the number of values, so every key meets another value and command.
    chosen = [(case, [commands[n % len(commands)]]) for n, case in enumerate(every)][::13]
    failed: list[str] = []

    tried = wrong_types.run_all(good, chosen, failed.append)

    assert failed == []
    assert tried > 100
    assert {case.file for case, _ in chosen} == set(wrong_types.FILES)


@pytest.mark.parametrize("key", ["command", "cwd", "githead-sha", "description"])
def test_half_a_character_can_be_printed(good: Path, key: str) -> None:
    case = wrong_types.Case("metadata.json", key, "half a character", is_running=False)
    failed: list[str] = []

    wrong_types.run_all(good, [(case, [("script", "2"), ("show", "2")])], failed.append)

    assert failed == []
