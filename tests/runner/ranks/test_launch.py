"""Several recorders of one run: with the variables of launchers, and under Open MPI."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from meticulous.runfolder import RunFolder
from meticulous.schedulers.ranks import Rank, find
from tests.conftest import git, meticulous, only_run, runs_of, wait_until

PATIENT = "from meticulous.cli import main"
IMPATIENT = (
    "from meticulous.runner.ranks import rendezvous, waiting; from meticulous.cli import main; "
    "rendezvous.COME_S = 0.3; waiting.ATTACH_S = 0"
)
PROGRAM = """
import argparse, os, pathlib, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--fail", type=int, default=-1)
parser.add_argument("--gate", default="")
arguments = parser.parse_args()
rank = int(os.environ["METICULOUS_RANK"])
print("rank", rank, "of", os.environ["METICULOUS_RUN_DIR"], flush=True)
print("error", rank, file=sys.stderr, flush=True)
while rank and arguments.gate and not os.path.exists(arguments.gate):
    time.sleep(0.01)
if rank == arguments.fail:
    raise ValueError(f"bad luck of {rank}")
"""


def slurm_step(number: int, size: int, step: int = 0) -> dict[str, str]:
    """Return what srun tells a task."""
    return {
        "SLURM_JOB_ID": "77",
        "SLURM_STEP_ID": str(step),
        "SLURM_STEP_NUM_TASKS": str(size),
        "SLURM_PROCID": str(number),
    }


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(repository: Path) -> Iterator[Start]:
    """Return a function that starts one rank: (number, size, words of `run`, …)."""
    (repository / "train.py").write_text(PROGRAM)
    git(repository, "commit", "-qam", "ranks")
    started: list[subprocess.Popen[bytes]] = []

    def start_one(
        number: int, size: int, words: Sequence[str], code: str = PATIENT, host: str = ""
    ) -> subprocess.Popen[bytes]:
        python = [sys.executable, "-c", f"import sys; {code}; sys.exit(main())", "run", *words]
        process = subprocess.Popen(
            [*ELSEWHERE, host, *python] if host else python,
            cwd=repository,
            env={**os.environ, **slurm_step(number, size)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


MOVE = (
    'hostname "$0"; mount --bind /etc/hostname /proc/sys/kernel/random/boot_id || exit 3; exec "$@"'
)
ELSEWHERE = ["unshare", "--uts", "--mount", "sh", "-c", MOVE]


def can_be_another_machine() -> bool:
    """Return whether a process can have another host name and boot id than ours."""
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run([*ELSEWHERE, "node2", "true"], check=False, capture_output=True).returncode
        == 0
    )


def run_all(start: Start, size: int, *words: str, code: str = PATIENT) -> list[tuple[int, str]]:
    """Run all ranks to their end: exit code and stderr of each."""
    processes = [start(number, size, words, code) for number in range(size)]
    ends = [process.communicate(timeout=60) for process in processes]
    return [
        (process.returncode, error.decode())
        for process, (_, error) in zip(processes, ends, strict=True)
    ]


def text(folder: RunFolder, name: str) -> str:
    """Return what a stream of a run, or of a rank, holds."""
    return Path(folder.file(name)).read_text()


def test_ranks_are_one_run(repository: Path, start: Start) -> None:
    ends = run_all(start, 4, sys.executable, "train.py", "--fail", "9")

    run = only_run(repository)
    assert [code for code, _ in ends] == [0, 0, 0, 0]
    assert run.read_status() == ("SUCCESS", "")
    assert run.read_metadata()["ranks"] == {
        "size": 4, "came": 4, "failed": [], "exit-codes": [0, 0, 0, 0],
    }  # fmt: skip
    assert run.read_json("args.json") == {"fail": 9, "gate": ""}
    for number in range(4):
        folder = run.rank(number) if number else run
        assert text(folder, "stdout") == f"rank {number} of {os.path.abspath(run.path)}\n"
        assert text(folder, "stderr") == f"error {number}\n"
        assert "stdout 0" in text(folder, "timeline")
        said = [line for line in ends[number][1].splitlines() if line.startswith("meticulous:")]
        assert len(said) == (0 if number else 2)
    assert run.rank(3).read_metadata()["scheduler"]["SLURM_PROCID"] == "3"
    assert not (repository / "experiments" / ".ranks").exists()
    script = meticulous("script", "1", cwd=repository)
    assert b"run 1 had 4 ranks, and is one process in the script" in script.stderr


def test_a_rank_that_fails_is_named_and_rank_0_keeps_its_exit_code(
    repository: Path, start: Start
) -> None:
    ends = run_all(start, 3, sys.executable, "train.py", "--fail", "2")

    run = only_run(repository)
    assert [code for code, _ in ends] == [0, 0, 1]
    state, message = run.read_status()
    assert state == "ERROR"
    assert message.startswith("Traceback")
    assert message.splitlines()[-1] == "rank 2: ValueError: bad luck of 2"
    metadata = run.read_metadata()
    assert metadata["ranks"]["failed"] == [2]
    assert metadata["ranks"]["exit-codes"] == [0, 0, 1]
    assert (metadata["exit-code"], metadata["reason"]) == (1, "rank 2: ValueError: bad luck of 2")
    assert run.rank(2).read_status()[0] == "ERROR"
    assert run.rank(1).read_status() == ("SUCCESS", "")


def test_a_run_is_running_until_the_last_rank_has_ended(repository: Path, start: Start) -> None:
    gate = repository / "gate"
    words = [sys.executable, "train.py", "--gate", str(gate), "--fail", "1"]
    processes = [start(number, 2, words) for number in range(2)]
    wait_until(lambda: runs_of(repository) and run_has_printed(only_run(repository).rank(1)))
    run = only_run(repository)
    wait_until(lambda: text(run, "stdout"))
    assert processes[0].poll() is None
    assert run.read_status()[0] == "RUNNING"
    gate.touch()
    assert [process.wait(60) for process in processes] == [0, 1]
    assert run.read_status()[1].splitlines()[-1] == "rank 1: ValueError: bad luck of 1"


def run_has_printed(folder: RunFolder) -> bool:
    """Return whether there is a line on stdout."""
    path = Path(folder.file("stdout"))
    return path.exists() and path.read_bytes().endswith(b"\n")


def test_uncommitted_changes_refuse_all_ranks_and_are_said_once(
    repository: Path, start: Start
) -> None:
    (repository / "train.py").write_text("changed")
    ends = run_all(start, 3, sys.executable, "train.py")
    assert [code for code, _ in ends] == [125, 125, 125]
    assert "uncommitted changes" in ends[0][1]
    assert [error for _, error in ends[1:]] == ["", ""]
    assert runs_of(repository) == []


def test_a_command_that_is_not_found_refuses_all_ranks(repository: Path, start: Start) -> None:
    ends = run_all(start, 2, "no-such-program")
    assert [code for code, _ in ends] == [127, 127]
    assert ends[1][1] == ""


def test_without_a_rank_0_a_rank_is_a_run_of_its_own(repository: Path, start: Start) -> None:
    process = start(1, 2, ["true"], IMPATIENT)
    _, error = process.communicate(timeout=60)
    assert b"meticulous: rank 1: no rank 0 has begun a run" in error
    assert process.returncode == 0
    assert only_run(repository).read_status() == ("SUCCESS", "")


def test_each_turn_of_a_loop_in_a_step_is_a_run(repository: Path, start: Start) -> None:
    for turn in (1, 2, 3):
        run_all(start, 2, sys.executable, "train.py")
        assert len(runs_of(repository)) == turn
    assert all(run.rank(1).read_status() == ("SUCCESS", "") for run in runs_of(repository))


def test_a_rank_whose_recorder_is_killed_is_lost(repository: Path, start: Start) -> None:
    words = [sys.executable, "train.py", "--gate", str(repository / "never")]
    first, second = (start(number, 2, words) for number in range(2))
    wait_until(lambda: runs_of(repository) and run_has_printed(only_run(repository).rank(1)))
    run = only_run(repository)
    child = run.rank(1).read_metadata()["child-pid"]
    second.kill()
    os.kill(child, signal.SIGKILL)
    assert first.wait(60) == 0
    state, message = run.read_status()
    assert state == "ERROR"
    assert message.startswith("rank 1: ")
    assert "gone" in message
    assert run.read_metadata()["ranks"]["failed"] == [1]


def test_a_rank_on_another_machine_is_lost_when_it_gives_no_sign(
    repository: Path, start: Start
) -> None:
    if not can_be_another_machine():
        pytest.skip("to be another machine needs the right to unshare and mount")
    words = [sys.executable, "train.py", "--gate", str(repository / "gate")]
    code = "from meticulous.runner.ranks import launch, waiting; launch.BEAT_S = 0.2; "
    code += "waiting.SILENCE_S = 3; " + PATIENT
    first, second = (start(n, 2, words, code, host) for n, host in ((0, ""), (1, "node2")))
    wait_until(lambda: runs_of(repository) and run_has_printed(only_run(repository).rank(1)))
    rank = only_run(repository).rank(1)
    assert rank.read_metadata()["host"] == "node2"
    child = rank.read_metadata()["child-pid"]
    beat = os.stat(rank.file("STATUS")).st_mtime_ns
    wait_until(lambda: os.stat(rank.file("STATUS")).st_mtime_ns > beat)
    second.kill()
    os.kill(child, signal.SIGKILL)
    assert first.wait(60) == 0
    assert "rank 1: no sign of life from node2" in only_run(repository).read_status()[1]


def test_a_rank_that_cannot_be_recorded_runs_all_the_same(repository: Path, start: Start) -> None:
    gate = repository / "gate"
    script = 'echo > "$METICULOUS_RUN_DIR/ranks"; while ! [ -e "$0" ]; do sleep 0.1; done'
    first = start(0, 2, ["sh", "-c", script, str(gate)])
    wait_until(lambda: runs_of(repository) and Path(only_run(repository).file("ranks")).exists())
    second = start(
        1, 2, ["sh", "-c", 'echo "rank $METICULOUS_RANK in $METICULOUS_RUN_DIR"; exit 7']
    )
    output, error = second.communicate(timeout=60)
    assert second.returncode == 7
    assert output.decode() == f"rank 1 in {os.path.abspath(only_run(repository).path)}\n"
    assert error.decode().startswith("meticulous: rank 1: not recorded: ")
    gate.touch()
    assert first.wait(60) == 0


def test_stop_ends_all_ranks(repository: Path, start: Start) -> None:
    words = [sys.executable, "train.py", "--gate", str(repository / "never")]
    processes = [start(number, 3, words) for number in range(3)]
    wait_until(lambda: all_have_printed(repository, 3))
    stopped = meticulous("stop", "1", cwd=repository)
    assert [process.wait(60) for process in processes] == [0, -signal.SIGINT, -signal.SIGINT]
    assert stopped.returncode == 0, stopped
    assert stopped.stdout.count(b"\n") == 1
    assert only_run(repository).read_metadata()["ranks"]["failed"] == [1, 2]


def all_have_printed(repository: Path, size: int) -> bool:
    """Return whether each rank has printed a line."""
    runs = runs_of(repository)
    folders = [runs[0], *(runs[0].rank(number) for number in range(1, size))] if runs else []
    return bool(folders) and all(run_has_printed(folder) for folder in folders)


def test_a_rank_that_comes_late_and_fails_corrects_the_verdict(
    repository: Path, start: Start
) -> None:
    words = [sys.executable, "train.py", "--fail", "1"]
    assert start(0, 2, words, IMPATIENT).wait(60) == 0
    run = only_run(repository)
    assert run.read_status() == ("SUCCESS", "")
    assert run.read_metadata()["ranks"]["came"] == 1
    assert b"\nother ranks\n  1  has not come\n" in meticulous("show", "1", cwd=repository).stdout
    assert start(1, 2, words).wait(60) == 1
    assert only_run(repository).read_status()[1].endswith("rank 1: ValueError: bad luck of 1")
    assert run.read_metadata()["ranks"]["exit-codes"] == [0, 1]
    assert not (repository / "experiments" / ".ranks").exists()


def test_ranks_that_come_late_and_still_run_have_not_failed(repository: Path, start: Start) -> None:
    gate = repository / "gate"
    assert start(0, 3, [sys.executable, "train.py"], IMPATIENT).wait(60) == 0
    late = start(2, 3, [sys.executable, "train.py", "--gate", str(gate)])
    assert late.stdout is not None
    assert late.stdout.readline().startswith(b"rank 2 of")
    assert start(1, 3, [sys.executable, "train.py"]).wait(60) == 0
    run = only_run(repository)
    assert run.read_status() == ("SUCCESS", "")
    assert run.read_metadata()["ranks"]["came"] == 2
    gate.touch()
    assert late.wait(60) == 0
    assert run.read_status() == ("SUCCESS", "")
    assert run.read_metadata()["ranks"]["exit-codes"] == [0, 0, 0]


def test_a_run_that_is_told_to_end_does_not_wait_for_ever(repository: Path, start: Start) -> None:
    words = [sys.executable, "train.py", "--gate", str(repository / "never")]
    code = "from meticulous.runner.ranks import waiting; waiting.FAREWELL_S = 0.2; " + PATIENT
    first, second = (start(number, 2, words, code) for number in range(2))
    wait_until(lambda: runs_of(repository) and run_has_printed(only_run(repository).rank(1)))
    first.terminate()
    assert first.wait(60) in (0, -signal.SIGTERM)
    state, message = only_run(repository).read_status()
    assert state == "ERROR"
    assert "rank 1: had not ended" in message or "rank 0: killed" in message
    second.terminate()
    assert second.wait(60) == -signal.SIGTERM
    assert only_run(repository).rank(1).read_metadata()["signal"] == "SIGTERM"


def test_no_ranks_makes_each_a_run(repository: Path, start: Start) -> None:
    run_all(start, 3, "--no-ranks", "true")
    assert [run.read_status()[0] for run in runs_of(repository)] == ["SUCCESS"] * 3


def test_what_a_rank_starts_is_a_run_of_its_own(repository: Path, start: Start) -> None:
    inner = "[ $METICULOUS_RANK = 1 ] || exec $0 -m meticulous run -- echo inner"
    ends = run_all(start, 2, "sh", "-c", inner, sys.executable)
    assert [code for code, _ in ends] == [0, 0], ends
    outer, nested = runs_of(repository)
    assert nested.read_metadata()["parent"] == outer.id
    assert "ranks" not in nested.read_metadata()
    assert outer.read_metadata()["ranks"]["came"] == 2


def test_results_of_several_ranks_are_merged(repository: Path, start: Start) -> None:
    program = (
        "import meticulous, os; rank = os.environ['METICULOUS_RANK']; "
        "meticulous.summary({f'loss_{rank}': int(rank)})"
    )
    run_all(start, 3, sys.executable, "-c", program)
    assert only_run(repository).read_json("summary.json") == {"loss_0": 0, "loss_1": 1, "loss_2": 2}


def test_what_makes_no_sense_with_ranks_is_said(repository: Path, start: Start) -> None:
    ends = run_all(start, 2, "--detach", "true")
    assert [code for code, _ in ends] == [125, 125]
    assert "--detach is not for the ranks of one run" in ends[0][1]
    ends = run_all(start, 2, "--retries", "2", "true")
    assert [code for code, _ in ends] == [0, 0]
    assert "--retries is for one process alone" in ends[0][1]
    assert len(runs_of(repository)) == 1


@pytest.mark.skipif(shutil.which("mpirun") is None, reason="no mpirun (apt: openmpi-bin)")
def test_mpirun_starts_the_ranks_of_one_run(repository: Path, start: Start) -> None:
    del start
    words = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "3", sys.executable]
    done = subprocess.run(
        [*words, "-m", "meticulous", "run", sys.executable, "train.py"],
        cwd=repository,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = only_run(repository)
    assert run.read_metadata()["ranks"]["came"] == 3
    assert done.stderr.count(b"SUCCESS") == 1


MPI = {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4", "PMIX_NAMESPACE": "1@x/y"}
TORCH = {
    "TORCHELASTIC_RUN_ID": "abc", "RANK": "3", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "node1", "MASTER_PORT": "29500",
}  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"RANK": "0", "WORLD_SIZE": "4"}, None),
        ({"SLURM_JOB_ID": "1", "SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, None),
        (slurm_step(0, 1), None),
        (slurm_step(1, 4), Rank(1, 4, "slurm-0-77-0-0")),
        ({**slurm_step(1, 4), "SLURM_RESTART_COUNT": "2"}, Rank(1, 4, "slurm-0-77-0-2")),
        ({**slurm_step(1, 4), "METICULOUS_STEP": "slurm-0-77-0-0"}, None),
        ({**slurm_step(1, 4), "METICULOUS_STEP": "slurm-0-77-1-0"}, Rank(1, 4, "slurm-0-77-0-0")),
        (MPI, Rank(2, 4, "mpi-1_x_y-")),
        ({**MPI, "SLURM_JOB_ID": "5", "SLURM_PROCID": "0"}, Rank(2, 4, "mpi-1_x_y-5")),
        ({**slurm_step(1, 2), **MPI}, Rank(2, 4, "mpi-1_x_y-77")),
        (TORCH, Rank(3, 8, "torch-abc-node1-29500---0")),
        ({**TORCH, "WORLD_SIZE": "1", "RANK": "0"}, None),
        ({**slurm_step(2, 4), "PMI_RANK": "2", "PMI_SIZE": "4"}, Rank(2, 4, "slurm-0-77-0-0")),
        ({"FLUX_TASK_RANK": "1", "FLUX_JOB_SIZE": "2", "FLUX_JOB_ID": "f3"}, Rank(1, 2, "flux-f3")),
        ({"SLURM_STEP_NUM_TASKS": "x", "SLURM_PROCID": "-1"}, None),
    ],
)
def test_launchers_are_known_by_their_variables(
    environ: Mapping[str, str], expected: Rank | None
) -> None:
    assert find(environ) == expected


def test_the_launcher_on_this_machine_is_found_above_a_shell() -> None:
    code = "import os; from meticulous.schedulers.ranks import find; print(find(os.environ).key, flush=True)"
    ranks = [
        subprocess.Popen(
            ["sh", "-c", f'"{sys.executable}" -c "{code}"; true'],
            env={**os.environ, "PMI_RANK": str(n), "PMI_SIZE": "2", "MPI_LOCALNRANKS": "2"},
            stdout=subprocess.PIPE,
        )
        for n in range(2)
    ]
    keys = {rank.communicate(timeout=60)[0] for rank in ranks}
    assert len(keys) == 1
    assert f"-{os.getpid()}-".encode() in keys.pop()


def test_each_rank_can_be_read_and_is_shown(repository: Path, start: Start) -> None:
    run_all(start, 3, sys.executable, "train.py", "--fail", "2")
    said = meticulous("logs", "--rank", "2", "--stdout", cwd=repository)
    assert said.stdout.startswith(b"rank 2 of "), said
    assert meticulous("logs", "--rank", "0", "--stderr", cwd=repository).stdout == b"error 0\n"
    wrong = meticulous("logs", "--rank", "5", cwd=repository)
    assert wrong.returncode == 2
    assert wrong.stderr == b"meticulous: run 1 has no rank 5. There is: 0, 1, 2\n"
    shown = meticulous("show", "last", cwd=repository).stdout.decode()
    assert "\nother ranks\n  1  SUCCESS on " in shown
    assert shown.count("rank 2: ValueError: bad luck of 2") == 2
    assert "ranks/1" not in shown
