"""Settings files that a stranger wrote end in one message, or are settings like any other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meticulous.errors import SettingsError
from meticulous.settings.file import from_file, users_file


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


@pytest.mark.parametrize(
    "pattern", ["*", "**", "?*", "*?", "[A-Z]*", "[!a]*", "[A-M]*', '[N-Z]*", "*_*', '[PZ]*"]
)
def test_a_project_cannot_ask_for_every_variable_but_the_user_can(
    tmp_path: Path, pattern: str
) -> None:
    file = tmp_path / "meticulous.yaml"
    file.write_text(f"env: [LR, '{pattern}']\n")

    with pytest.raises(SettingsError) as caught:
        from_file(str(file), users="/home/me/.config/meticulous.yaml")
    assert f"{file}: env " in caught.value.message
    assert "records every variable, secrets too" in caught.value.message
    assert "your own settings, /home/me/.config/meticulous.yaml" in caught.value.hint  # type: ignore[operator]

    assert pattern.split("'")[0] in from_file(str(file))["env"]


def test_patterns_of_some_variables_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "meticulous.yaml"
    file.write_text("env: [LR, 'MY_*', '*_RATE']\n")

    assert {"env": ["LR", "MY_*", "*_RATE"]} == from_file(str(file), users="")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_a_message(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "meticulous.yaml"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        file.mkdir()

    with pytest.raises(SettingsError, match="cannot read"):
        from_file(str(file), users="")


def test_where_the_users_settings_are(tmp_path: Path) -> None:
    assert "/c/meticulous.yaml" == users_file({"XDG_CONFIG_HOME": "/c", "HOME": "/h"})
    assert "/h/.config/meticulous.yaml" == users_file({"XDG_CONFIG_HOME": "c", "HOME": "/h"})
    assert "/h/.config/meticulous.yaml" == users_file({"HOME": "/h"})
    assert {} == from_file("/dev/null/meticulous.yaml")
