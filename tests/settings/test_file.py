"""Settings files that a stranger wrote end in one message, or are settings like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from meticulous.errors import SettingsError
from meticulous.settings.file import from_file


def _aliases(start: str, name: str, end: str) -> str:
    lines = [f"{name}0: &n0 [x, x, x, x, x, x, x, x, x, x]"]
    for number in range(1, 9):
        inner = ", ".join([f"*n{number - 1}"] * 10)
        lines.append(f"{name}{number}: &n{number} [{inner}]")
    return start + "\n".join(lines) + end


BOMB = "env: [&a [x, x], &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]" + "".join(
    f", &{after} [{', '.join(['*' + before] * 10)}]"
    for before, after in zip("bcdefgh", "cdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB + "]\n",
        _aliases("", "a", "\n"),
        "tag: &a [*a]\n",
        "tag: " + "[" * 5000 + "]" * 5000 + "\n",
        "tag: " + "{a: " * 3000 + "1" + "}" * 3000 + "\n",
        "tag: [" + "x, " * 20_000 + "x]\n",
        'experiments-directory: "a\\0b"\n',
        'tag: [a, "\\0"]\n',
        "tag: a\0b\n",
        "timeout: " + "9" * 5000 + "\n",
        "retries: " + "9" * 5000 + "\n",
        "description: 2024-99-99\n",
        "x" * 100_000 + ": 1\n",
    ],
)
def test_an_odd_file_is_one_short_message(tmp_path: Path, text: str) -> None:
    file = tmp_path / "meticulous.yaml"
    file.write_text(text)

    with pytest.raises(SettingsError) as caught:
        from_file(str(file))

    assert str(file) in caught.value.message
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize("pattern", ["*", "**", "?*", "*?", "[A-Z]*"])
def test_a_project_cannot_ask_for_every_variable(tmp_path: Path, pattern: str) -> None:
    file = tmp_path / "meticulous.yaml"
    file.write_text(f"env: [LR, '{pattern}']\n")

    with pytest.raises(SettingsError, match="records every variable"):
        from_file(str(file))


def test_patterns_of_some_variables_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "meticulous.yaml"
    file.write_text("env: [LR, 'MY_*', '*_RATE']\n")

    assert {"env": ["LR", "MY_*", "*_RATE"]} == from_file(str(file))
