"""`ps`: what is running, and how far it is."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import meticulous, wait_until
from tests.control_support import end_all, has_printed, kill_recorder, say, start


@pytest.fixture(autouse=True)
def nothing_left(repository: Path) -> Iterator[None]:
    yield
    end_all(repository)


def test_ps_shows_what_is_running_and_how_far(repository: Path) -> None:
    assert "no run is running\n" == say(repository, "ps")
    run = start(
        repository, "sh", "-c", "echo epoch 3/10; exec sleep 1000", options=("-m", "a long one")
    )
    meticulous("run", "-q", "true", cwd=repository)
    has_printed(run, "3/10")
    wait_until(lambda: json.loads(say(repository, "ps", "--json"))[0]["memory"])
    (one,) = json.loads(say(repository, "ps", "--json"))
    assert (1, 0.3, "3/10", "a long one") == (
        one["expid"], one["progress"], one["progress_text"], one["description"],
    )  # fmt: skip
    assert 0 < one["elapsed"]
    assert one["left"] == pytest.approx(one["elapsed"] * 7 / 3, rel=0.2)
    header, line = say(repository, "ps").splitlines()
    assert ["expid", "elapsed", "cpu", "memory", "progress", "left"] == header.split()[:6]
    assert "3/10" in line
    say(repository, "stop", "1")
    assert "no run is running\n" == say(repository, "ps")


def test_a_bar_that_is_full_is_over(repository: Path) -> None:
    code = "echo ' 100%|##| 9/9 [00:01<00:00, 9it/s]' >&2; echo epoch 3/10; exec sleep 1000"
    has_printed(start(repository, "sh", "-c", code), "3/10")
    assert "3/10" == json.loads(say(repository, "ps", "--json"))[0]["progress_text"]


def test_ps_does_not_show_a_lost_run(repository: Path) -> None:
    child = kill_recorder(start(repository, "sleep", "1000"))
    assert "no run is running\n" == say(repository, "ps")
    os.kill(child, signal.SIGKILL)
