"""Last, lowest and highest values of a run, kept up to date while its file grows."""

from __future__ import annotations

import json
import math
import os
import random
from pathlib import Path
from typing import Any

import pytest

from meticulous.metrics import best, table
from meticulous.metrics.best import Follower


def write(run: Path, *lines: dict[str, Any]) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def columns(run: Path) -> dict[str, Any]:
    return Follower().columns(str(run))


def test_the_columns_of_a_name(tmp_path: Path) -> None:
    write(tmp_path, *({"step": step, "loss": loss} for step, loss in enumerate([3, 1, 5, 1, 2])))

    assert columns(tmp_path) == {
        "loss": 2,
        "loss_step": 4,
        "loss_min": 1,
        "loss_min_step": 1,
        "loss_max": 5,
        "loss_max_step": 2,
    }


def test_not_a_number_is_neither_lowest_nor_highest(tmp_path: Path) -> None:
    values = ["NaN", 2, "-Infinity", 1, "NaN"]
    write(tmp_path, *({"step": step, "x": x} for step, x in enumerate(values)))
    write(tmp_path, {"step": 0, "y": "NaN"})

    found = columns(tmp_path)
    assert math.isnan(found["x"])
    assert (4, -math.inf, 2, 2, 1) == tuple(
        found["x" + end] for end in ("_step", "_min", "_min_step", "_max", "_max_step")
    )
    assert "y_min" not in found
    assert math.isnan(found["y"])


def test_text_has_a_last_value_only(tmp_path: Path) -> None:
    write(tmp_path, {"step": 0, "x": 1, "t": "a"}, {"step": 1, "x": "broken", "t": "b"})
    write(tmp_path, {"step": 2, "t": "x" * 5000, "l": [1]})

    found = columns(tmp_path)
    assert ("broken", 1, 1) == (found["x"], found["x_step"], found["x_min"])
    assert {"t_step": 2, "l_step": 2} == {n: v for n, v in found.items() if n[0] in "tl"}


def test_the_program_s_own_name_stays(tmp_path: Path) -> None:
    write(tmp_path, {"step": 0, "loss": 1, "loss_min": 7}, {"step": 1, "loss": 2, "loss_min": 8})

    found = columns(tmp_path)
    assert (8, 7, 1) == (found["loss_min"], found["loss_min_min"], found["loss_min_step"])


def test_rank_0_counts_and_without_it_the_lowest(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"step": 0, "rank": 2, "a": 1, "b": 1},
        {"step": 1, "rank": 1, "a": 2, "b": 2},
        {"step": 2, "a": 3},
        {"step": 3, "rank": 1, "a": 4, "b": 4},
    )

    found = columns(tmp_path)
    assert (3, 3, 3) == (found["a"], found["a_min"], found["a_max"])
    assert (4, 2, 4) == (found["b"], found["b_min"], found["b_max"])


def test_what_a_later_attempt_repeats_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, *({"step": step, "x": -step} for step in range(10)))
    write(tmp_path, *({"step": step, "x": step, "attempt": 2} for step in range(5, 8)))

    found = columns(tmp_path)
    assert (-9, 9, 7, 7) == (found["x_min"], found["x_min_step"], found["x"], found["x_step"])
    assert (7, 7) == (found["x_max"], found["x_max_step"])


def test_a_thousand_names_are_columns(tmp_path: Path) -> None:
    write(tmp_path, {"step": 0, **{f"n{number}": number for number in range(1500)}})

    found = columns(tmp_path)
    assert 6 * best.MOST_NAMES == len(found)
    assert "n999" in found


def test_a_half_written_line_waits(tmp_path: Path) -> None:
    follower = Follower()
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 0, "x": 1}\n{"step": 1, "x": ')
    assert 1 == follower.columns(str(tmp_path))["x"]

    path.write_text('{"step": 0, "x": 1}\n{"step": 1, "x": 2}\n')
    assert 2 == follower.columns(str(tmp_path))["x"]


def test_a_run_that_grows_has_the_same_columns_as_one_that_is_read_at_once(tmp_path: Path) -> None:
    generator = random.Random(2)
    for number in range(40):
        run = tmp_path / str(number)
        run.mkdir()
        state = None
        for _ in range(generator.randrange(1, 6)):
            lines = [
                {"step": generator.randrange(9), generator.choice("ab"): generator.choice([*range(9), "NaN", "t"])}
                | ({"rank": generator.randrange(3)} if generator.random() < 0.3 else {})
                | ({"attempt": 2} if generator.random() < 0.05 else {})
                for _ in range(generator.randrange(6))
            ]  # fmt: skip
            write(run, *lines)
            # What is kept of it is JSON.
            follower = Follower(json.loads(json.dumps(state)))
            found = follower.columns(str(run))
            state = follower.state

        assert repr(found) == repr(columns(run))


def test_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, *({"step": step, "x": step} for step in range(1000)))
    follower = Follower()
    follower.columns(str(tmp_path))
    write(tmp_path, {"step": 1000, "x": -1})
    counts: list[int] = []
    parse = table.parse
    monkeypatch.setattr(best, "parse", lambda text, n: counts.append(len(text)) or parse(text, n))

    assert (-1, 1000) == tuple(follower.columns(str(tmp_path))[n] for n in ("x_min", "x_min_step"))
    assert sum(counts) < 50


@pytest.mark.parametrize("same_file", [False, True])
def test_a_file_that_has_become_another_is_read_anew(tmp_path: Path, same_file: bool) -> None:
    write(tmp_path, *({"step": step, "x": -step} for step in range(100)))
    follower = Follower()
    follower.columns(str(tmp_path))
    path = tmp_path / "metrics.jsonl"
    if same_file:
        os.truncate(path, 0)
    else:
        path.unlink()
    write(tmp_path, *({"step": step, "x": step} for step in range(200)))

    assert 0 == follower.columns(str(tmp_path))["x_min"]
    path.unlink()
    assert {} == follower.columns(str(tmp_path))
