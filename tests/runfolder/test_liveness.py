"""RUNNING or LOST, judged on real processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous.runfolder import LOST, RUNNING, liveness
from meticulous.runfolder.liveness import judge, this_boot, this_host
from meticulous.schedulers import slurm
from tests.launch_support import AS_ANOTHER_USER


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

    assert (LOST, f"its recorder (process {os.getpid()} on {this_host()}) is gone") == (
        state,
        message,
    )


def test_nothing_survives_a_restart(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_text("")
    os.utime(tmp_path / "stdout", (1, time.time() - 7200))
    state, message = judge(_recorder(boot_id="x"), str(tmp_path))
    assert LOST == state
    assert message.endswith("is gone: the machine was restarted, last heard of 2h00m ago")


def test_a_machine_that_has_another_name_now_is_still_the_same(tmp_path: Path) -> None:
    assert (RUNNING, "") == judge(_recorder(host="old-name"), str(tmp_path))
    assert LOST == judge(_recorder(host="old-name", pid_start_time=1.0), str(tmp_path))[0]


def test_two_machines_of_one_name_are_told_apart_by_the_heartbeat(tmp_path: Path) -> None:
    heartbeat = tmp_path / "resources.jsonl"
    heartbeat.write_text("")
    assert (RUNNING, "") == judge(_recorder(boot_id="of the other machine"), str(tmp_path))
    before = liveness.boot_time() - 5
    os.utime(heartbeat, (before, before))
    assert LOST == judge(_recorder(boot_id="of the other machine"), str(tmp_path))[0]


def test_a_process_of_another_container_is_not_looked_for_here(tmp_path: Path) -> None:
    record = _recorder(pid_namespace="pid:[1]", pid_start_time=1.0)
    assert (RUNNING, "") == judge(record, str(tmp_path))
    (tmp_path / "resources.jsonl").write_text("")
    os.utime(tmp_path / "resources.jsonl", (1, 1))
    state, message = judge(record, str(tmp_path))
    assert LOST == state
    assert "is in another container, and gives no sign of life" in message
    assert not liveness.examine(record, str(tmp_path)).is_certain


_HIDDEN = """
import json, sys
from meticulous.runfolder.liveness import examine
print(json.dumps(examine(json.loads(sys.argv[1]), sys.argv[2])))
"""


@pytest.mark.parametrize("hidepid", [1, 2])
def test_what_may_not_be_looked_at_is_judged_by_its_heart(tmp_path: Path, hidepid: int) -> None:
    mount = f"mount -t proc -o hidepid={hidepid} proc /proc || exit 77; exec"
    unshared = ["unshare", "-m", "sh", "-c", f'{mount} "$@"', "sh", *AS_ANOTHER_USER]
    probe = [*unshared, "true"]
    if shutil.which(probe[0]) is None or subprocess.run(probe, check=False).returncode:
        pytest.skip("mounting /proc and becoming another user needs root")
    beat = tmp_path / "resources.jsonl"
    beat.write_text("")
    words = [sys.executable, "-c", _HIDDEN, json.dumps(_recorder()), str(tmp_path)]
    for moment, state in ((time.time(), RUNNING), (1.0, LOST)):
        os.utime(beat, (moment, moment))
        told = subprocess.run([*unshared, *words], capture_output=True, check=True).stdout
        found = liveness.Judgement(*json.loads(told))
        assert (state, False) == (found.state, found.is_certain)
    assert "may not be looked at, and gives no sign of life" in found.message


def test_a_clock_that_was_set_back_makes_nothing_lost(tmp_path: Path) -> None:
    (tmp_path / "resources.jsonl").write_text("")
    future = time.time() + 86_400
    os.utime(tmp_path / "resources.jsonl", (future, future))
    record = _recorder(host="elsewhere", boot_id="of another machine")
    assert (RUNNING, "") == judge(record, str(tmp_path))


def forget_answers() -> None:
    """Make Slurm be asked anew."""
    for answer in (slurm._our_cluster, slurm._in_queue, slurm._accounted):
        answer.cache_clear()
    slurm._silent.clear()


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a directory whose programs are found first; Slurm is asked anew before and after."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    forget_answers()
    yield directory
    forget_answers()


def program(path: Path, script: str) -> None:
    """Write a shell script that notes each time it is started in the file ``NAME.calls``."""
    path.write_text(f'#!/bin/sh\necho "$*" >> "$0.calls"\n{script}\n')
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("queue", "accounts", "state", "evidence"),
    [
        ("7|RUNNING", "", RUNNING, ""),
        ("8|RUNNING", "CANCELLED by 1000", LOST, "Slurm says CANCELLED of its job 7"),
        ("8|RUNNING", "", LOST, "Slurm says nothing of its job 7"),
        ("7|TIMEOUT", "", LOST, "Slurm says TIMEOUT of its job 7"),
        ("7|SUSPENDED", "", RUNNING, ""),
        (
            "7|PENDING",
            "",
            LOST,
            "Slurm says PENDING of its job 7, which is to be started again",
        ),
    ],
)
def test_the_scheduler_is_asked_about_a_job_elsewhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    queue: str,
    accounts: str,
    state: str,
    evidence: str,
) -> None:
    for name, text in (("squeue", queue), ("sacct", accounts)):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{text}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    forget_answers()
    record = _recorder(host="node9", boot_id="other", scheduler={"SLURM_JOB_ID": "7"})
    assert (state, evidence) == judge(record, str(tmp_path))
    forget_answers()


def test_a_scheduler_that_hangs_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "squeue").write_text("#!/bin/sh\nexec sleep 1000\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "_PATIENCE_S", 0.2)
    forget_answers()
    record = _recorder(host="node9", boot_id="other", scheduler={"SLURM_JOB_ID": "7"})
    assert (RUNNING, "") == judge(record, str(tmp_path))
    forget_answers()


def test_a_job_that_runs_does_not_vouch_for_a_run_in_it_that_is_silent(
    tmp_path: Path, fake_slurm: Path
) -> None:
    program(fake_slurm / "squeue", "echo '7|RUNNING'")
    record = _recorder(host="node9", boot_id="other", scheduler={"SLURM_JOB_ID": "7"})
    heartbeat = tmp_path / "resources.jsonl"
    heartbeat.write_text("")
    for age_s, expected in ((120, RUNNING), (liveness.HEARTBEAT_MARGIN_S + 60, LOST)):
        os.utime(heartbeat, (time.time() - age_s, time.time() - age_s))
        assert expected == judge(record, str(tmp_path))[0]


def test_a_job_of_another_cluster_is_not_asked_for_here(tmp_path: Path, fake_slurm: Path) -> None:
    program(fake_slurm / "squeue", "echo '7|CANCELLED'")
    program(fake_slurm / "scontrol", "echo 'ClusterName             = here'")
    for cluster, expected in (("there", RUNNING), ("here", LOST)):
        ids = {"SLURM_JOB_ID": "7", "SLURM_CLUSTER_NAME": cluster}
        record = _recorder(host="node9", boot_id="other", scheduler=ids)
        assert expected == judge(record, str(tmp_path))[0]


def test_accounts_that_do_not_answer_are_asked_once(tmp_path: Path, fake_slurm: Path) -> None:
    program(fake_slurm / "squeue", "echo '7|RUNNING'")
    program(fake_slurm / "sacct", "exit 1")
    for job in range(20, 40):
        record = _recorder(host="node9", boot_id="x", scheduler={"SLURM_JOB_ID": str(job)})
        assert LOST == judge(record, str(tmp_path))[0]
    assert len((fake_slurm / "squeue.calls").read_text().splitlines()) <= 2
    assert len((fake_slurm / "sacct.calls").read_text().splitlines()) <= 2


def test_who_looks_for_long_hears_that_a_job_has_ended(
    tmp_path: Path, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "_FRESH_S", 0.05)
    program(fake_slurm / "squeue", "echo '7|RUNNING'")
    record = _recorder(host="node9", boot_id="other", scheduler={"SLURM_JOB_ID": "7"})
    assert (RUNNING, "") == judge(record, str(tmp_path))
    program(fake_slurm / "squeue", "echo '7|CANCELLED'")
    deadline = time.monotonic() + 10
    while judge(record, str(tmp_path))[0] == RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_run_of_another_host_is_believed_while_its_heart_beats(tmp_path: Path) -> None:
    record = _recorder(host="elsewhere", boot_id="other", pid_start_time=1.0)
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
