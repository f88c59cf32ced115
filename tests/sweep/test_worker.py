"""Workers: claims, death at any moment, what is given back; no point twice, none lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from meticulous.base.process_id import start_time
from meticulous.sweep import claims
from meticulous.sweep.chooser import Chooser
from meticulous.sweep.directory import create
from meticulous.sweep.folder import Point, SweepFolder, key_of
from meticulous.sweep.state import SUCCESS, Outcome, State, outcome_line
from tests.conftest import DEADLINE_S, runs_of, wait_until
from tests.launch_support import METICULOUS
from tests.sweep.support import (
    folder_of,
    program,
    runs_by_point,
    state_of,
    statuses,
    sweep,
    train,
)

BARE = """
import os, sys
from meticulous.sweep import worker
from meticulous.sweep.directory import create
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.state import Outcome, SUCCESS, append, outcome_line

class Bare(worker.Worker):
    # What a worker does but for the run itself: its try is written down by one who had it.
    def _run(self, point, number):
        descriptor = os.open(self.folder.file("tries"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, f"{point.key} {number}\\n".encode())
        os.close(descriptor)
        self.note(Outcome(point.key, number, SUCCESS))

for line in sys.stdin:
    word, pid = line.split()
    answer = 0
    if word == "start":
        answer = os.fork()
        if answer == 0:
            code = 1
            try:
                code = Bare(SweepFolder(sys.argv[1])).work()
            finally:
                os._exit(code)
    elif word == "wait":
        answer = os.waitstatus_to_exitcode(os.waitpid(int(pid), 0)[1])
    print(answer, flush=True)
"""


class Forked:
    """Workers that are started by fork: what takes long of a start is to import."""

    def __init__(self, folder: SweepFolder) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", BARE, folder.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _ask(self, word: str, pid: int = 0) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(word, pid, file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def start(self) -> int:
        """Start a worker; return its process id."""
        return self._ask("start")

    def wait(self, pid: int) -> int:
        """Wait for its end; return the exit code."""
        return self._ask("wait", pid)

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()


def bare_folder(place: Path, count: int) -> SweepFolder:
    folder = create(str(place / "experiments"))
    folder.append_points(Point(key_of("true", {"n": str(n)}), {"n": str(n)}) for n in range(count))
    content = {
        "template": ["true"],
        "experiments": "../../experiments",
        "project": "../..",
        "cwd": ".",
    }
    folder.write_specification(content)
    return folder


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory where there is such: 30,000 files are made in it."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        yield Path(place)


@pytest.mark.parametrize("is_noted", [True, False])
def test_what_the_dead_noted_after_others_looked_is_not_done_again(
    tmp_path: Path, *, is_noted: bool
) -> None:
    folder = bare_folder(tmp_path, 1)
    (point,) = folder.points()
    process = subprocess.Popen(["sleep", "1000"])
    ours = claims.holder_here("living")
    dead = {**ours, "worker": "dead", "pid": process.pid, "pid-start-time": start_time(process.pid)}
    assert claims.Claimant(folder, dead).take(point.key, 1)
    state = State(folder)
    state.look()
    assert [point.key] == state.held()
    if is_noted:
        outcome = Outcome(point.key, 1, SUCCESS)
        Path(folder.file("workers", "dead.jsonl")).write_text(outcome_line(outcome) + "\n")
    process.kill()
    process.wait()

    chooser = Chooser(state, claims.Claimant(folder, ours), again_only=False)
    chooser.new()

    assert ([] if is_noted else [(point, 1)]) == list(chooser.of_dead(time.time))


def test_twenty_workers_that_are_killed_at_random_do_each_point_once(quick_path: Path) -> None:
    chance = random.Random(7)
    folder = bare_folder(quick_path, 10_000)
    forked = Forked(folder)
    try:
        workers = [forked.start() for _ in range(20)]
        kills = 0
        deadline = time.monotonic() + 150
        while kills < 40:
            assert time.monotonic() < deadline
            time.sleep(0.02)
            victim = chance.randrange(len(workers))
            os.kill(workers[victim], signal.SIGKILL)
            kills += forked.wait(workers[victim]) == -signal.SIGKILL  # else it had ended already
            workers[victim] = forked.start()
        for worker in workers:
            forked.wait(worker)
        # Whoever comes last finds what the dead have held.
        for _ in range(2):
            assert 0 == forked.wait(forked.start())
    finally:
        forked.close()

    state = State(folder)
    state.look()
    tries = Counter((folder.path / Path("tries")).read_text().splitlines())
    assert {1} == set(tries.values())  # no try was had by two
    done = Counter(one["point"] for one in state.order if one["status"] == "SUCCESS")
    assert {point.key for point in folder.points()} == set(done)
    assert {1} == set(done.values())  # none has ended well twice


def test_real_runs_of_workers_that_are_killed_are_taken_over(repository: Path) -> None:
    chance = random.Random(3)
    program(repository)
    assert 0 == sweep(repository, "seed=0", *train()).returncode
    sweep(repository, "add", "1", "seed=1..30")
    words = [*METICULOUS, "sweep", "work", "1"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(words, cwd=repository, stderr=subprocess.DEVNULL)

    workers = [start() for _ in range(4)]
    for _ in range(12):
        time.sleep(0.15)
        victim = chance.randrange(len(workers))
        workers[victim].kill()
        workers[victim].wait()
        workers[victim] = start()
    for worker in workers:
        worker.wait()
    wait_until(lambda: start().wait() == 0 and statuses(repository)["HELD"] == 0)

    found = runs_by_point(repository)
    assert {"SUCCESS": 30, "ERROR": 1} == dict(statuses(repository))
    assert 31 == len(found)
    for states in found.values():  # LOST ones had no recorder any more; none has ended well twice
        assert states.count("SUCCESS") + states.count("ERROR") == 1


def test_a_run_that_goes_on_without_its_worker_is_waited_for(repository: Path) -> None:
    program(repository)
    flag = repository.parent / "flag"
    started = subprocess.Popen(
        [sys.executable, "-m", "meticulous", "sweep", "seed=1", *train("--wait", str(flag))],
        cwd=repository,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: Path(f"{flag}.1").exists())
    assert state_of(repository).held()
    (worker,) = _workers(repository)
    os.kill(worker, signal.SIGKILL)
    second = subprocess.Popen(
        [sys.executable, "-m", "meticulous", "sweep", "work", "1"], cwd=repository
    )
    wait_until(lambda: claims.claimed(folder_of(repository)).popitem()[1] == 2)
    Path(f"{flag}.go").touch()

    assert 0 == second.wait(DEADLINE_S)
    assert 0 == started.wait(DEADLINE_S)
    assert {"SUCCESS": 1} == dict(statuses(repository))
    assert ["SUCCESS"] == [run.read_status()[0] for run in runs_of(repository)]


def _workers(project: Path) -> list[int]:
    files = Path(folder_of(project).file("workers")).glob("*.jsonl")
    return [json.loads(path.read_text().splitlines()[0])["pid"] for path in files]


def test_a_run_of_which_the_claim_was_not_told_is_found(repository: Path) -> None:
    program(repository)
    sweep(repository, "seed=1", *train())
    state = state_of(repository)
    ((key, number),) = state.claimed.items()
    claim = Path(claims.path(state.folder, key, number))
    lines = claim.read_text().splitlines()
    claim.write_text("\n".join(line for line in lines if '"run":' not in line) + "\n")
    for journal in Path(state.folder.file("workers")).iterdir():
        journal.unlink()  # its worker could not say either how it ended

    assert 0 == sweep(repository, "resume", "1").returncode

    assert {"SUCCESS": 1} == dict(statuses(repository))
    assert [[]] == [run.read_metadata()["attempts"] for run in runs_of(repository)]


def test_a_point_whose_recorders_are_killed_again_and_again_is_given_up(repository: Path) -> None:
    program(repository, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n")

    done = sweep(repository, "seed=1", *train())

    assert 1 == done.returncode
    assert b"lost 3 times" in done.stderr
    assert {"ERROR": 1} == dict(statuses(repository))
    assert 1 == len(runs_of(repository))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_end_gives_its_point_back(repository: Path, number: int) -> None:
    program(repository)
    flag = repository.parent / "flag"
    line = [sys.executable, "-m", "meticulous", "sweep", "seed=1,2", *train("--wait", str(flag))]
    started = subprocess.Popen(
        line, cwd=repository, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_until(lambda: Path(f"{flag}.1").exists())
    wait_until(lambda: runs_of(repository) and "run" in _details(repository))
    (worker,) = _workers(repository)
    os.kill(worker, number)

    # The one that has started it sees that points are left, and starts another worker.
    wait_until(lambda: statuses(repository)["STOPPED"] == 1 or len(_workers(repository)) == 2)
    Path(f"{flag}.go").touch()
    assert 0 == started.wait(DEADLINE_S)
    assert {"SUCCESS": 2} == dict(statuses(repository))
    assert 2 == len(runs_of(repository))  # the second try went on in the folder of the first


def _details(project: Path) -> dict[str, object]:
    state = state_of(project)
    return claims.details(state.folder, *next(iter(state.claimed.items())))


def test_no_point_is_started_that_would_not_end_before_the_job(repository: Path) -> None:
    program(repository)
    sweep(repository, "seed=0", *train())
    sweep(repository, "add", "1", "seed=1..3")
    soon = {"SLURM_JOB_ID": "1", "SLURM_JOB_END_TIME": str(int(time.time()))}

    done = sweep(repository, "work", "1", env={**os.environ, **soon})

    assert 0 == done.returncode
    assert {"SUCCESS": 2} == dict(statuses(repository))  # how long one takes was not known before


def test_a_worker_ends_where_the_one_that_has_started_it_is_gone(repository: Path) -> None:
    program(repository)
    flag = repository.parent / "flag"
    line = [sys.executable, "-m", "meticulous", "sweep", "seed=1..5", *train("--wait", str(flag))]
    started = subprocess.Popen(
        line, cwd=repository, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_until(lambda: Path(f"{flag}.1").exists())
    started.kill()
    started.wait()
    Path(f"{flag}.go").touch()

    wait_until(lambda: statuses(repository)["SUCCESS"] == 1 and not statuses(repository)["HELD"])
    (worker,) = _workers(repository)
    wait_until(lambda: not os.path.exists(f"/proc/{worker}"))
    assert {"SUCCESS": 1} == dict(statuses(repository))
    assert 0 == sweep(repository, "resume", "1").returncode
    assert {"SUCCESS": 5} == dict(statuses(repository))


def test_a_holder_on_another_machine_is_believed_until_its_file_is_old(tmp_path: Path) -> None:
    folder = bare_folder(tmp_path, 1)
    (point,) = folder.points()
    elsewhere = {"worker": "w", "host": "elsewhere", "boot-id": "other", "pid": 1}
    claims.Claimant(folder, elsewhere).take(point.key, 1)
    beat = Path(folder.file("workers", "w.jsonl"))
    beat.write_text("{}\n")
    claim = claims.path(folder, point.key, 1)

    assert not claims.is_dead(folder, point.key, 1)
    for path in (beat, claim):
        os.utime(path, (time.time() - claims.LEASE_S - 60,) * 2)
    assert claims.is_dead(folder, point.key, 1)
    # By the server's clock, whatever ours says.
    assert not claims.is_dead(folder, point.key, 1, beat.stat().st_mtime + 1)


def test_a_clock_that_is_ahead_takes_no_point_away(tmp_path: Path) -> None:
    folder = bare_folder(tmp_path, 1)
    (point,) = folder.points()
    elsewhere = {"worker": "w", "host": "elsewhere", "boot-id": "other", "pid": 1}
    claims.Claimant(folder, elsewhere).take(point.key, 1)
    Path(folder.file("workers", "w.jsonl")).write_text("{}\n")
    line = [sys.executable, "-c", BARE, folder.path]
    # A worker compares files of the server: its own clock, a day ahead, is not asked.
    ahead = "import time; real = time.time; time.time = lambda: real() + 86400\n"
    line[2] = ahead + BARE

    assert 0 == subprocess.run(line, check=False).returncode
    assert {point.key: 1} == claims.claimed(folder)


@pytest.mark.parametrize("has_links", [True, False])
def test_a_try_has_one_holder(tmp_path: Path, monkeypatch, has_links: bool) -> None:
    folder = bare_folder(tmp_path, 1)
    one, other = (claims.Claimant(folder, {"worker": name}) for name in "ab")
    if not has_links:

        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)

    assert one.take("x", 1)
    assert not other.take("x", 1)
    assert other.take("x", 2)
    assert not one.take("x", 2)
    assert {"x": 2} == claims.claimed(folder)
    assert {"worker": "a"} == claims.details(folder, "x", 1)
