"""The short form of the fault programs in ``tests/faults``, which run for minutes by themselves."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pexpect
import pytest

from tests.conftest import DEADLINE_S, only_run
from tests.experiment_support import add_script
from tests.faults import kills, kinds


def test_after_kills_at_random_moments_every_status_is_true(tmp_path: Path) -> None:
    seen = kills.run(tmp_path, moments=15, seed=1)
    assert 15 == seen.total()
    assert any(status == "LOST" for _, status in seen)


def test_so_is_that_of_runs_of_other_kinds_and_after_killed_commands(tmp_path: Path) -> None:
    assert 12 == kinds.run(tmp_path, moments=12, seed=1).total()


STORM = """
    import sys, time
    if "itself" in sys.argv:
        from meticulous import Experiment
        experiment = Experiment({})
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
"""


@pytest.mark.parametrize("pause_s", [0, 0.001, 0.02])
@pytest.mark.parametrize("command", ["-m meticulous run -q -- {0} train.py", "train.py itself"])
def test_a_storm_of_ctrl_c_ends_with_a_true_status(
    repository: Path, command: str, pause_s: float
) -> None:
    add_script(repository, STORM)
    words = f"trap : INT; {sys.executable} {command.format(sys.executable)}; echo code $?; read _"
    shell = pexpect.spawn("/bin/sh", ["-c", words], cwd=str(repository), encoding="utf-8")
    shell.expect("ready", timeout=DEADLINE_S)
    ended = shell.compile_pattern_list([r"code (\d+)", pexpect.TIMEOUT])
    presses = 0
    while shell.expect_list(ended, timeout=pause_s) != 0:
        shell.send("\x03")
        presses += 1
        assert presses < 100_000
    code = int(shell.match[1])
    shell.sendline()
    shell.expect(pexpect.EOF, timeout=DEADLINE_S)
    shell.close()
    run = only_run(repository)
    assert "ERROR" == run.read_status()[0]
    # The second press sends SIGTERM and the third SIGKILL, if the first has had no time to work.
    assert code - 128 in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
    assert signal.Signals(code - 128).name == run.read_metadata()["signal"]
