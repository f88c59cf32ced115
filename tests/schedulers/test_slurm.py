"""Runs under a real Slurm: jobs, arrays, signals, cancelling, requeueing."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import git, meticulous, only_run, runs_of, wait_until
from tests.slurm_support import Slurm, cluster

__all__ = ["cluster"]

pytestmark = pytest.mark.xdist_group("slurm")

RUN = shlex.join([sys.executable, "-m", "meticulous", "run"])

SIGNALLED = """
import signal, sys, time
def show(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit(3)
for name in ("SIGUSR1", "SIGUSR2", "SIGTERM"):
    signal.signal(getattr(signal, name), show)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def write_program(repository: Path, text: str) -> str:
    """Make `text` the program of the repository; return the command that runs it."""
    (repository / "train.py").write_text(text)
    git(repository, "commit", "-qam", "the program of the test")
    return f"{RUN} {shlex.quote(sys.executable)} train.py"


def printed(repository: Path, job: str) -> str:
    """Return what the job has printed."""
    file = repository / f"job-{job}.out"
    return file.read_text() if file.exists() else ""


def has_printed(repository: Path, line: bytes) -> bool:
    """Return whether the program of the one run has printed `line`."""
    return any(
        Path(run.file("stdout")).exists() and line in Path(run.file("stdout")).read_bytes()
        for run in runs_of(repository)
    )


def test_a_batch_job_is_one_run_with_the_ids_of_the_job(cluster: Slurm, repository: Path) -> None:
    job = cluster.submit(repository, f"{RUN} -- echo hello", "--ntasks=2", "--job-name=first")
    assert cluster.wait(job) == "COMPLETED", printed(repository, job)
    run = only_run(repository)
    assert run.read_status() == ("SUCCESS", "")
    scheduler = run.read_metadata()["scheduler"]
    assert scheduler["SLURM_JOB_ID"] == job
    assert scheduler["SLURM_JOB_NAME"] == "first"
    assert scheduler["SLURM_JOB_PARTITION"] == "main"
    assert scheduler["SLURM_CLUSTER_NAME"] == "test"
    assert scheduler["SLURMD_NODENAME"] == cluster.host
    assert "hello\n" in printed(repository, job)


def test_the_tasks_of_an_array_are_runs_that_can_be_asked_for(
    cluster: Slurm, repository: Path
) -> None:
    job = cluster.submit(
        repository, f"{RUN} -- echo --seed $SLURM_ARRAY_TASK_ID", "--array=1-8", "--output=%a.out"
    )
    assert cluster.wait(job) == "COMPLETED", cluster.logs()
    runs = runs_of(repository)
    assert [run.id for run in runs] == [str(number) for number in range(1, 9)]
    tasks = {run.read_metadata()["scheduler"]["SLURM_ARRAY_TASK_ID"] for run in runs}
    assert tasks == {str(number) for number in range(1, 9)}
    name = "metadata_scheduler_SLURM_ARRAY"
    asked = meticulous(
        *("ls", "--json", "--columns", f"expid,args_seed,{name}_TASK_ID"),
        *("--filter", f"{name}_TASK_ID == '3' and {name}_JOB_ID == '{job}'"),
        cwd=repository,
    )
    (row,) = json.loads(asked.stdout)
    assert (row["args_seed"], row[f"{name}_TASK_ID"]) == (3, "3"), asked


def test_warnings_before_the_end_reach_the_program(cluster: Slurm, repository: Path) -> None:
    command = write_program(repository, SIGNALLED)
    job = cluster.submit(repository, f"exec {command}")
    wait_until(lambda: has_printed(repository, b"ready\n"), "the program has not started")
    for name in ("USR1", "USR2"):
        cluster.ask("scancel", "--batch", f"--signal={name}", job)
        wait_until(lambda name=name: has_printed(repository, b"SIG%b\n" % name.encode()), name)
    cluster.ask("scancel", job)
    assert cluster.wait(job) == "CANCELLED"
    run = only_run(repository)
    wait_until(lambda: run.read_status()[0] != "RUNNING")
    assert run.read_status() == ("ERROR", "exit code 3")
    assert Path(run.file("stdout")).read_text().split() == [
        "ready",
        "SIGUSR1",
        "SIGUSR2",
        "SIGTERM",
    ]


def test_the_warning_before_the_time_limit_reaches_the_program(
    cluster: Slurm, repository: Path
) -> None:
    command = write_program(repository, SIGNALLED)
    # Slurm may send it a minute early: here, soon after the start.
    job = cluster.submit(repository, f"exec {command}", "--time=1", "--signal=B:USR1@55")
    wait_until(lambda: has_printed(repository, b"SIGUSR1\n"), "no warning")
    cluster.ask("scancel", job)
    assert cluster.wait(job) == "CANCELLED"


def test_a_job_that_is_killed_after_the_warning_is_lost(cluster: Slurm, repository: Path) -> None:
    command = write_program(repository, SIGNALLED.replace("sys.exit(3)", "pass"))
    job = cluster.submit(repository, f"exec {command}")
    wait_until(lambda: has_printed(repository, b"ready\n"), "the program has not started")
    cluster.ask("scancel", job)
    assert cluster.wait(job) == "CANCELLED"
    wait_until(lambda: not cluster.ask("squeue", "-h"), "the job has not gone")
    asked = meticulous("ls", "--json", "--columns", "status,status_message", cwd=repository)
    (row,) = json.loads(asked.stdout)
    assert row["status"] == "LOST", row
    assert has_printed(repository, b"SIGTERM")


RESUMING = """
import os, pathlib, sys, time
attempt = int(os.environ["METICULOUS_ATTEMPT"])
rank = os.environ.get("METICULOUS_RANK", "0")
checkpoint = pathlib.Path(os.environ["METICULOUS_RUN_DIR"], "checkpoint-" + rank)
print("attempt", attempt, "from", checkpoint.read_text() if checkpoint.exists() else "0", flush=True)
checkpoint.write_text("10")
while attempt == 1:
    time.sleep(60)
"""


@pytest.mark.parametrize("start", ["exec", "srun --ntasks=2 --overlap"])
def test_a_requeued_job_goes_on_in_its_run(cluster: Slurm, repository: Path, start: str) -> None:
    command = write_program(repository, RESUMING)
    job = cluster.submit(repository, f"{start} {command}", "--requeue", "--ntasks=2")
    wait_until(lambda: has_printed(repository, b"attempt 1 from 0\n"), "it has not started")
    if "srun" in start:
        other = Path(only_run(repository).rank(1).file("stdout"))
        wait_until(lambda: other.exists() and other.read_bytes().endswith(b"\n"), "no rank 1")
    cluster.ask("scontrol", "requeue", job)
    assert cluster.wait(job) == "COMPLETED", printed(repository, job)

    run = only_run(repository)
    assert run.read_status() == ("SUCCESS", "")
    assert Path(run.file("stdout")).read_text() == "attempt 1 from 0\nattempt 2 from 10\n"
    metadata = run.read_metadata()
    (first,) = metadata["attempts"]
    assert first["status"] in ("ERROR", "LOST")
    assert first["reason"].endswith("the job was requeued (restart 1)")
    assert metadata["scheduler"]["SLURM_RESTART_COUNT"] == "1"
    if "srun" in start:
        assert metadata["ranks"]["exit-codes"] == [0, 0]
        inner = Path(run.rank(1).file("stdout")).read_text().splitlines()
        assert [line.split()[1] for line in inner] == ["1", "2"]


def test_the_tasks_of_a_step_are_one_run(cluster: Slurm, repository: Path) -> None:
    command = write_program(
        repository,
        "import os, sys; print('rank', os.environ['SLURM_PROCID']); "
        "sys.exit(int(os.environ['SLURM_PROCID']) * 5)\n",
    )
    job = cluster.submit(repository, f"srun --ntasks=4 {command}", "--ntasks=4")
    assert cluster.wait(job) == "FAILED"
    run = only_run(repository)
    assert run.read_metadata()["ranks"]["exit-codes"] == [0, 5, 10, 15]
    assert run.read_status()[0] == "ERROR"
    for number in (1, 2, 3):
        assert Path(run.rank(number).file("stdout")).read_text() == f"rank {number}\n"
    assert printed(repository, job).count("meticulous: run 1 ERROR") == 1


def test_srun_within_a_run_is_one_run(cluster: Slurm, repository: Path) -> None:
    write_program(repository, "import os; print('rank', os.environ['SLURM_PROCID'])\n")
    job = cluster.submit(
        repository, f"{RUN} -- srun --ntasks=3 {sys.executable} train.py", "--ntasks=3"
    )
    assert cluster.wait(job) == "COMPLETED", printed(repository, job)
    run = only_run(repository)
    assert sorted(Path(run.file("stdout")).read_text().split()) == ["0", "1", "2"] + ["rank"] * 3
    assert "ranks" not in run.read_metadata()


def test_a_job_that_is_preempted_goes_on_in_its_run(cluster: Slurm, repository: Path) -> None:
    command = write_program(repository, RESUMING)
    job = cluster.submit(repository, f"exec {command}", "--requeue", "--ntasks=32")
    wait_until(lambda: has_printed(repository, b"attempt 1 from 0\n"), "it has not started")
    urgent = cluster.submit(repository, "true", "--partition=urgent", "--ntasks=32")
    assert cluster.wait(urgent) == "COMPLETED"
    assert cluster.wait(job) == "COMPLETED", printed(repository, job)
    run = only_run(repository)
    assert run.read_status() == ("SUCCESS", "")
    assert Path(run.file("stdout")).read_text() == "attempt 1 from 0\nattempt 2 from 10\n"
    assert "the job was requeued" in run.read_metadata()["attempts"][0]["reason"]


def seen_from_elsewhere(cluster: Slurm, repository: Path, age_s: float) -> tuple[str, str]:
    """Return status and message of the run as another machine sees them, its heartbeat `age_s` old."""
    (run,) = [run for run in runs_of(repository) if run.id != "copy"]
    copy = repository / "experiments" / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run.path, copy)
    changes = {"host": "node9", "boot-id": "of node9"}
    (copy / "metadata.json").write_text(json.dumps({**run.read_metadata(), **changes}))
    (copy / "resources.jsonl").touch()
    os.utime(copy / "resources.jsonl", (time.time() - age_s, time.time() - age_s))
    words = ("ls", "--json", "--filter", "expid == 'copy'", "--columns", "status,status_message")
    asked = meticulous(*words, cwd=repository, env=cluster.environ)
    (row,) = json.loads(asked.stdout)
    return row["status"], row["status_message"]


def test_from_another_machine_the_word_of_slurm_counts(cluster: Slurm, repository: Path) -> None:
    job = cluster.submit(repository, f"exec {RUN} -- sleep 1000", "--requeue")
    wait_until(
        lambda: runs_of(repository) and only_run(repository).read_metadata().get("child-pid")
    )

    def seen(age_s: float) -> tuple[str, str]:
        return seen_from_elsewhere(cluster, repository, age_s)

    assert seen(30)[0] == seen(600)[0] == "RUNNING"
    assert "gives no sign of life" in seen(3600)[1]  # the job goes on, its command may not
    cluster.ask("scontrol", "suspend", job)
    assert cluster.wait(job, "SUSPENDED")
    assert seen(3600) == ("RUNNING", "")
    cluster.ask("scontrol", "resume", job)
    cluster.ask("scontrol", "requeuehold", job)
    assert cluster.wait(job, "PENDING", "REQUEUE_HOLD")
    assert seen(600)[0] == "LOST"
    assert "of its job" in seen(600)[1] and "which is to be started again" in seen(600)[1]
    cluster.ask("scancel", job)
    assert cluster.wait(job) == "CANCELLED"
    assert seen(600) == ("LOST", f"Slurm says CANCELLED of its job {job}")
