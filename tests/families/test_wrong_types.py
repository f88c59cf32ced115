"""Every key of every JSON file of a run × every wrong type × every command: no traceback, no end of all.

All bad runs lie in one store, so each command that lists must also show the good run. The long form
tries every value for every key: ``WRONG_TYPES=all``.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from meticulous import cli
from meticulous.runfolder import METADATA_KEYS
from tests.conftest import meticulous

WRONG: list[Any] = [
    None, True, -1, 2**31, 10**30, 0.5, "text", "\x1b[2J", "", [], [1], [[]], [None], {}, {"a": [1]},
    {"size": 3 * 10**7}, {"wall": "x"}, ["2020"], {"1": {}}, [{"path": 5}],
]  # fmt: skip
WHOLE: list[Any] = [[], [1], "x", 3, None, {"a": {"b": [{}]}}]
EACH = ["show", "logs", "script", "path", "environment", "export"]
ALL = [
    ["ls"], ["ls", "--args", "all"], ["ls", "--groupby", "args"], ["ls", "--json"], ["ps"],
    ["doctor"], ["du"], ["ls", "--filter", "args_lr < 1"], ["ls", "--list-columns"],
]  # fmt: skip


def chosen(place: int) -> list[Any]:
    """Return the values that are tried for a key: all, or another few of them for each."""
    if os.environ.get("WRONG_TYPES") == "all":
        return WRONG
    return [WRONG[(place * 5 + step * 7) % len(WRONG)] for step in range(3)]


@pytest.fixture
def store(repository: Path) -> Path:
    """Return a project with one good run, and a bad one for each key and value."""
    words = ["run", "-q", "--", "sh", "-c", "echo said", "sh", "--lr", "0.1"]
    assert meticulous(*words, cwd=repository).returncode == 0
    experiments = repository / "experiments"
    good = json.loads((experiments / "1" / "metadata.json").read_text())
    number = 1
    for place, key in enumerate(METADATA_KEYS):
        for value in chosen(place):
            number += 1
            shutil.copytree(experiments / "1", experiments / str(number))
            content = json.dumps({**good, key: value})
            (experiments / str(number) / "metadata.json").write_text(content)
            if place % 3 == 0:
                (experiments / str(number) / "STATUS").write_text("RUNNING\n")
    for name in ("args.json", "default_args.json", "summary.json", "environment.json"):
        for value in WHOLE:
            number += 1
            shutil.copytree(experiments / "1", experiments / str(number))
            (experiments / str(number) / name).write_text(json.dumps(value))
    (experiments / ".highest-id").write_text(f"{number}\n")
    return repository


def call(words: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Call a command in this process; whatever is raised but SystemExit is a traceback."""
    capfd.readouterr()
    with pytest.raises(SystemExit):
        cli.main(words)
    return capfd.readouterr()


def test_no_command_falls_over_a_value(
    store: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(store)
    runs = sorted(int(path.name) for path in (store / "experiments").glob("[0-9]*"))
    fallen = []
    for words in ALL:
        out, err = call(words, capfd)
        if "Traceback" in out + err or (words[0] == "ls" and not out):
            fallen.append((words, err[-300:]))
    for command in EACH:
        for run in runs[1:]:
            words = [command, str(run)]
            if command == "export":
                words.append(str(tmp_path / f"{run}.zip"))
            try:
                out, err = call(words, capfd)
            except Exception as error:  # noqa: BLE001
                fallen.append((words, repr(error)[:300]))
                continue
            if "Traceback" in err:
                fallen.append((words, err[-300:]))

    assert fallen == []
