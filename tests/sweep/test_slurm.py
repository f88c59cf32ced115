"""Workers on a real Slurm: arrays, limits, failures, cancelling, requeueing, time limits."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from pathlib import Path

import pytest

from meticulous.errors import MeticulousError
from meticulous.sweep.engines import slurm as engine
from tests.conftest import runs_of, wait_until
from tests.slurm_support import Slurm, cluster
from tests.sweep.support import folder_of, program, runs_by_point, state_of, statuses, sweep, train

__all__ = ["cluster"]


@pytest.fixture
def project(repository: Path, cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLURM_CONF", str(cluster.configuration))
    return program(repository)


def jobs_of(project: Path) -> list[str]:
    text = Path(folder_of(project).file("engine.jsonl")).read_text()
    return re.findall(r'"job": "(\d+)"', text)


def wait_for_jobs(project: Path, cluster: Slurm) -> None:
    for job in jobs_of(project):
        cluster.wait(job)


def test_an_array_of_workers_does_all_points(project: Path, cluster: Slurm) -> None:
    done = sweep(project, "lr=0.1,0.2", "seed=0..4", "--slurm", "-j", "3", "--mem=10", *train())

    assert 0 == done.returncode, done.stderr
    assert b"submitted 3 workers as job" in done.stderr
    wait_for_jobs(project, cluster)
    assert {"SUCCESS": 10} == dict(statuses(project))
    assert {("SUCCESS",)} == {tuple(states) for states in runs_by_point(project).values()}
    metadata = runs_of(project)[0].read_metadata()
    assert metadata["scheduler"]["SLURM_ARRAY_JOB_ID"] == jobs_of(project)[0]
    assert "ranks" not in metadata
    script = Path(folder_of(project).file("slurm", "1.sh")).read_text()
    assert "#SBATCH --mem=10\n" in script
    assert "#SBATCH --array=0-2\n" in script


def test_one_point_a_job_and_some_at_once(project: Path, cluster: Slurm) -> None:
    sweep(project, "seed=0..9", "--slurm", "--per-job", "1", "-j", "4", *train())

    first, second = (
        Path(folder_of(project).file("slurm", name)).read_text() for name in ("1.sh", "2.sh")
    )
    assert "#SBATCH --array=0-8%4\n" in first, "an array has nine tasks at most here"
    assert "#SBATCH --array=0-0\n" in second
    assert f"#SBATCH --dependency=afterany:{jobs_of(project)[0]}\n" in second
    wait_for_jobs(project, cluster)
    assert {"SUCCESS": 10} == dict(statuses(project))
    found = [run.read_metadata()["scheduler"]["SLURM_JOB_ID"] for run in runs_of(project)]
    assert 10 == len(set(found))


def test_nothing_of_a_job_that_submits_leaks_in(project: Path, cluster: Slurm, monkeypatch) -> None:
    program(
        project, "import os\nprint(os.environ.get('SLURM_MEM_PER_NODE'), os.environ.get('KEPT'))\n"
    )
    for name, value in {"SLURM_JOB_ID": "999", "SLURM_MEM_PER_NODE": "77", "KEPT": "1"}.items():
        monkeypatch.setenv(name, value)

    line = ["--", sys.executable, "train.py", "{a}"]
    assert 0 == sweep(project, "a=1", "--slurm", *line).returncode
    wait_for_jobs(project, cluster)

    printed = Path(runs_of(project)[0].file("stdout")).read_text().split()
    assert "77" != printed[0]
    assert "1" == printed[1]
    assert "999" != runs_of(project)[0].read_metadata()["scheduler"]["SLURM_JOB_ID"]


def test_a_failed_point_does_not_end_the_worker_and_is_resumed(
    project: Path, cluster: Slurm
) -> None:
    sweep(project, "seed=12..14", "--slurm", *train())
    wait_for_jobs(project, cluster)
    assert {"SUCCESS": 2, "ERROR": 1} == dict(statuses(project))

    assert 0 == sweep(project, "resume", "1").returncode
    wait_for_jobs(project, cluster)

    assert 2 == len(jobs_of(project))
    assert 2 == max(state_of(project).claimed.values())
    assert 3 == len(runs_of(project))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--partition", "nowhere"], "invalid partition"),
        (["--mem", "999999999"], "refused"),
        (["--sbatch=--no-such-option"], "refused"),
    ],
)
def test_what_slurm_refuses_is_named(project: Path, options: list[str], what: str) -> None:
    done = sweep(project, "seed=0", "--slurm", *options, *train())

    assert what in done.stderr.decode()
    assert b"sbatch refused" in done.stderr
    assert b"Traceback" not in done.stderr
    assert 1 == done.returncode
    assert {} == dict(statuses(project))
    assert 0 == sweep(project, "resume", "1", "--local", "-j", "1").returncode, (
        "here, as nothing was lost"
    )
    assert {"SUCCESS": 1} == dict(statuses(project))


def test_what_a_job_waits_for_is_shown(project: Path, cluster: Slurm) -> None:
    assert 0 == sweep(project, "seed=0", "--slurm", "--sbatch=--hold", *train()).returncode

    assert b"slurm: 1 workers waiting (JobHeldUser)" in sweep(project, "show", "1").stdout
    cluster.ask("scancel", *jobs_of(project))


def test_without_slurm_it_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(MeticulousError, match="no squeue in PATH|no scontrol in PATH"):
        engine.limits()
    done = sweep(project, "seed=0", "--slurm", *train())
    assert b"there is no sbatch in PATH" in done.stderr
    assert not (project / "sweeps").exists()


def test_the_limits_are_those_of_the_site(project: Path, tmp_path: Path, monkeypatch) -> None:
    assert (9, None) == engine.limits()
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "sacctmgr").write_text("#!/bin/sh\necho '7|'\n")
    (fake / "sacctmgr").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    assert (9, 7) == engine.limits()

    done = sweep(project, "seed=0..19", "--slurm", "--per-job", "1", *train())

    assert b"Slurm takes 7 jobs of yours now, not 20: submitting 7, each for up to 3" in done.stderr


def test_more_tasks_than_an_array_may_have_are_several_arrays() -> None:
    assert [1001, 1001, 498] == list(engine._chunks(2500, 1001))


def test_cancelled_behind_our_back_points_are_given_back(project: Path, cluster: Slurm) -> None:
    flag = project.parent / "flag"
    sweep(project, "seed=0..3", "--slurm", "-j", "2", *train("--wait", str(flag)))
    wait_until(lambda: Path(f"{flag}.0").exists() and Path(f"{flag}.1").exists())

    cluster.ask("scancel", *jobs_of(project))
    wait_for_jobs(project, cluster)

    shown = sweep(project, "show", "1").stdout.decode()
    assert "0 of 4 done" in shown
    assert "running" not in shown
    Path(f"{flag}.go").touch()
    assert 0 == sweep(project, "resume", "1", "--local", "-j", "2").returncode
    assert {"SUCCESS": 4} == dict(statuses(project))
    for states in runs_by_point(project).values():
        assert 1 == states.count("SUCCESS")


def test_a_requeued_job_goes_on_with_its_points(project: Path, cluster: Slurm) -> None:
    flag = project.parent / "flag"
    sweep(project, "seed=0..2", "--slurm", *train("--wait", str(flag)))
    wait_until(lambda: Path(f"{flag}.0").exists())
    (job,) = jobs_of(project)

    cluster.ask("scontrol", "requeue", f"{job}_0")
    wait_until(lambda: cluster.state(f"{job}_0") == "PENDING")
    Path(f"{flag}.go").touch()
    cluster.wait(job, "COMPLETED")

    assert {"SUCCESS": 3} == dict(statuses(project))
    for states in runs_by_point(project).values():
        assert ["SUCCESS"] == states


def test_a_job_that_is_preempted_goes_on_with_its_points(project: Path, cluster: Slurm) -> None:
    flag = project.parent / "flag"
    options = ["--slurm", "--partition", "main", "--cpus-per-task", "32"]
    sweep(project, "seed=0..1", *options, *train("--wait", str(flag)))
    wait_until(lambda: Path(f"{flag}.0").exists())
    (job,) = jobs_of(project)

    urgent = cluster.submit(project.parent, "true", "--partition=urgent", "--cpus-per-task=32")
    cluster.wait(urgent)
    Path(f"{flag}.go").touch()
    cluster.wait(job, "COMPLETED")

    assert {"SUCCESS": 2} == dict(statuses(project))
    for states in runs_by_point(project).values():
        assert ["SUCCESS"] == states


def test_a_time_limit_in_the_midst_of_a_point_gives_it_back(project: Path, cluster: Slurm) -> None:
    flag = project.parent / "flag"
    options = ["--slurm", "--time", "1:00:00"]
    sweep(project, "seed=0..2", *options, *train("--wait", str(flag)))
    wait_until(lambda: Path(f"{flag}.0").exists())
    (job,) = jobs_of(project)
    end = engine.end_of_job({"SLURM_JOB_ID": job})
    assert 3500 < end - time.time() < 3601
    assert 7.0 == engine.end_of_job({"SLURM_JOB_END_TIME": "7"})

    cluster.exhaust(f"{job}_0")
    assert engine.end_of_job({"SLURM_JOB_ID": job}) < end - 3000
    assert "TIMEOUT" == cluster.wait(job)

    assert {"STOPPED": 1} == dict(statuses(project))
    Path(f"{flag}.go").touch()
    sweep(project, "resume", "1")
    wait_for_jobs(project, cluster)
    assert {"SUCCESS": 3} == dict(statuses(project))
    assert 3 == len(runs_of(project))


def test_stop_now_cancels_the_jobs(project: Path, cluster: Slurm) -> None:
    flag = project.parent / "flag"
    sweep(project, "seed=0..3", "--slurm", *train("--wait", str(flag)))
    wait_until(lambda: Path(f"{flag}.0").exists())
    assert b"slurm: 1 workers running" in sweep(project, "show", "1").stdout

    sweep(project, "stop", "1", "--now")
    wait_for_jobs(project, cluster)

    assert 0 == statuses(project)["SUCCESS"]
    assert 0 == statuses(project)["ERROR"]


def test_a_second_resume_does_not_submit_what_waits_already(project: Path, cluster: Slurm) -> None:
    flag = project.parent / "flag"
    sweep(project, "seed=0..3", "--slurm", "-j", "2", *train("--wait", str(flag)))
    wait_until(lambda: Path(f"{flag}.0").exists() and Path(f"{flag}.1").exists())

    done = sweep(project, "resume", "1")

    assert b"2 workers are waiting or running already" in done.stderr
    Path(f"{flag}.go").touch()
    wait_for_jobs(project, cluster)
    assert {"SUCCESS": 4} == dict(statuses(project))


def test_lines_of_shell_come_before_the_worker(project: Path, cluster: Slurm) -> None:
    program(project, "import os\nprint(os.environ['MODULE'])\n")
    line = [
        "--setup",
        f"export MODULE={shlex.quote('a b')}",
        "--",
        sys.executable,
        "train.py",
        "{a}",
    ]

    sweep(project, "a=1", "--slurm", *line)
    wait_for_jobs(project, cluster)

    assert "a b\n" == Path(runs_of(project)[0].file("stdout")).read_text()
