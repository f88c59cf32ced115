"""Conditions of ``run --alert``: what they may say, and when they hold; and a run that has some."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from meticulous.errors import SettingsError
from meticulous.metrics.alerts import Seen, parse
from tests.conftest import git, meticulous


def seen(**values: Any) -> dict[str, Seen]:
    found = {}
    for name, numbers in values.items():
        first, *others = numbers
        found[name] = Seen(first)
        for number in others:
            found[name].take(number)
    return found


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("loss is nan", {"loss": [1, math.nan]}, True),
        ("loss is nan", {"loss": [math.nan, 1]}, False),
        ("loss is not finite", {"loss": [math.inf]}, True),
        ("loss is inf or loss > 9", {"loss": [10]}, True),
        ("val_loss > 2 * min(val_loss)", {"val_loss": [1, 1.9]}, False),
        ("val_loss > 2 * min(val_loss)", {"val_loss": [1, math.nan, 2.1]}, True),
        ("first(a) == 3 and last(a) == max(a) and mean(a) == 4", {"a": [3, 5]}, True),
        ("not 1 < a <= 2", {"a": [2]}, False),
        ("a - b > -1.5", {"a": [1], "b": [2]}, True),
        ("a > 1", {"b": [2]}, False),
        ("a / b > 1", {"a": [1], "b": [0]}, False),
        ("a.b > 1", {"a.b": [2]}, True),
        ("`val/loss` is nan", {"val/loss": [math.nan]}, True),
        ("min(`val loss`) < 1", {"val loss": [0.5]}, True),
    ],
)
def test_when_a_condition_holds(text: str, values: dict[str, Any], holds: bool) -> None:
    assert holds == parse(text).holds(seen(**values))


def test_silence() -> None:
    assert 1200 == parse("no output for 20m").silence_s
    assert not parse("No output for 1h30m").holds({})


@pytest.mark.parametrize(
    "text",
    [
        "", "loss is", "1 > 0", "os.system('x') > 1", "__import__('os')", "loss ** 9 > 1", "loss > 'a'",
        "(lambda: 1)() > loss", "loss[0] > 1", "min(loss, 1) > 0", "min(1) > 0", "no output for ever",
        "no output for", "[x for x in loss]", "f'{loss}'", "loss := 1", "min(min(loss)) > 1",
        "(" * 300 + "loss" + ")" * 300,
    ],
)  # fmt: skip
def test_what_is_no_condition_is_said_before_anything_starts(text: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(f"{text!r}"[:40])):
        parse(text)


PROGRAM = """
import meticulous, time
for step in range(6):
    meticulous.log({"loss": "NaN" if step == 3 else step, "val/loss": step}, step=step)
"""


def test_a_run_with_alerts(repository: Path) -> None:
    (repository / "train.py").write_text(PROGRAM)
    (repository / "meticulous.yaml").write_text(
        'alert-command: \'printf "%s\\n" "$METICULOUS_ALERT_TEXT" >> "$METICULOUS_RUN_DIR/told"; exit 3\'\n'
        "alert: ['`val/loss` >= 4', loss > 100]\n"
    )
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "alerts")

    done = meticulous("run", "--tag", "mine", "--", "python3", "train.py", cwd=repository)

    assert 0 == done.returncode, done.stderr
    assert b"meticulous: alert: `val/loss` >= 4 (step 4, val/loss = 4)\n" in done.stderr
    assert b"the alert-command ended with exit code 3\n" in done.stderr
    assert 1 == done.stderr.count(b"alert: ")
    run = repository / "experiments" / "1"
    assert "run 1: `val/loss` >= 4 (step 4, val/loss = 4)\n" == (run / "told").read_text()
    metadata = json.loads((run / "metadata.json").read_text())
    assert ["mine", "alert"] == metadata["tags"]
    (alert,) = metadata["alerts"]
    assert ("`val/loss` >= 4", "step 4, val/loss = 4") == (alert["alert"], alert["about"])
    assert [] == metadata["survivors"]


def test_silence_of_a_run_is_told_while_it_lasts(repository: Path) -> None:
    waits = 'i=0; until [ -e "$METICULOUS_RUN_DIR/told" ] || [ $i = 300 ]; do sleep 0.1; i=$((i + 1)); done'
    tells = 'touch "$METICULOUS_RUN_DIR/told"'
    command = ("--alert", "no output for 300ms", "--alert-command", tells)

    done = meticulous("run", *command, "--", "sh", "-c", waits, cwd=repository)

    assert 0 == done.returncode, done.stderr
    assert b"meticulous: alert: no output for 300ms (silent for " in done.stderr
    assert (repository / "experiments" / "1" / "told").exists()


def test_a_condition_that_is_none_starts_nothing(repository: Path) -> None:
    done = meticulous("run", "--alert", "loss is", "--", "touch", "started", cwd=repository)

    assert 125 == done.returncode
    assert b"meticulous: cannot understand the alert 'loss is'" in done.stderr
    assert not (repository / "started").exists()
