"""RUNNING or LOST, judged on real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from meticulous import liveness
from meticulous.liveness import judge, this_boot, this_host
from meticulous.runfolder import LOST, RUNNING


def _started(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _recorder(**changes: object) -> dict[str, object]:
    mine = {
        "host": this_host(),
        "boot-id": this_boot(),
        "pid": os.getpid(),
        "pid-start-time": _started(os.getpid()),
    }
    return {**mine, **{name.replace("_", "-"): value for name, value in changes.items()}}


def test_a_recorder_that_lives_is_running(tmp_path: Path) -> None:
    assert (RUNNING, "") == judge(_recorder(), str(tmp_path))


def test_a_recorder_that_was_killed_is_lost(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record = _recorder(pid=child.pid, pid_start_time=_started(child.pid))

    before = judge(record, str(tmp_path))
    child.kill()
    child.wait()
    child.stdin.close()

    assert (RUNNING, "") == before
    assert LOST == judge(record, str(tmp_path))[0]


def test_a_dead_recorder_that_nobody_waited_for_is_lost(tmp_path: Path) -> None:
    child = subprocess.Popen(["true"])
    record = _recorder(pid=child.pid, pid_start_time=_started(child.pid))
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    state, _ = judge(record, str(tmp_path))
    child.wait()

    assert LOST == state


def test_another_process_with_the_same_number_is_not_the_recorder(tmp_path: Path) -> None:
    state, message = judge(_recorder(pid_start_time=1.0), str(tmp_path))

    assert (LOST, f"its recorder (process {os.getpid()}) is gone") == (state, message)


def test_nothing_survives_a_restart(tmp_path: Path) -> None:
    assert (LOST, "the machine was restarted") == judge(_recorder(boot_id="x"), str(tmp_path))


def test_a_run_of_another_host_is_believed_while_its_heart_beats(tmp_path: Path) -> None:
    record = _recorder(host="elsewhere", pid_start_time=1.0)
    heartbeat = tmp_path / "resources.jsonl"

    without = judge(record, str(tmp_path))
    heartbeat.write_text("")
    beating = judge(record, str(tmp_path))
    long_ago = time.time() - liveness.HEARTBEAT_MARGIN_S - 60
    os.utime(heartbeat, (long_ago, long_ago))

    assert (RUNNING, "") == without == beating
    assert LOST == judge(record, str(tmp_path))[0]


def test_a_run_that_says_nothing_of_its_recorder_is_believed(tmp_path: Path) -> None:
    assert (RUNNING, "") == judge({}, str(tmp_path))
    assert (RUNNING, "") == judge({"host": this_host()}, str(tmp_path))
