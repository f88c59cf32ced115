"""kill -9 at random moments of everything that is not a plain `run`.

Runs in the background, with attempts, resumed ones, those of several ranks, scripts that record
themselves, and the commands that edit, remove and pack runs. As in :mod:`tests.faults.kills`, of
which this is the second half: afterwards every folder must read, every status must be true, and
`meticulous doctor` must say the same.

    python -m tests.faults.kinds                   200 moments, some minutes
    python -m tests.faults.kinds --moments 20 --seed 7 --keep DIRECTORY --only ranks
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.faults.kills import COMMAND, DEADLINE_S, STEPS, WORK, Store, check_doctor, main

ITSELF = """
import runpy, sys
from meticulous import Experiment
name, words = sys.argv[1], sys.argv[2:]
with Experiment({}, experiment_id=name):
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")
"""
NULL = subprocess.DEVNULL
RANKS = 3


class Scene(NamedTuple):
    """A store, the chance of this moment, and how long a whole run takes."""

    store: Store
    chance: random.Random
    duration_s: float

    def notes(self, run_id: str) -> str:
        """The file in which the work of a run notes how far it is; no other run has that word."""
        return str(self.store.project.parent / f"notes-{run_id}.")

    def work(self, run_id: str, code: int = 0) -> list[str]:
        """The command that is recorded."""
        return [sys.executable, WORK, self.notes(run_id), str(STEPS), str(code)]

    def start(self, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a process in the project; nothing is shown of it."""
        environ = {**os.environ, **variables}
        project = self.store.project
        return subprocess.Popen(
            words, cwd=project, env=environ, stdin=NULL, stdout=NULL, stderr=NULL
        )

    def pause(self) -> None:
        """Wait for the moment: it is chosen by chance, and not a wait for something."""
        time.sleep(self.chance.uniform(0, self.duration_s * 1.1))

    def kill(self, run_id: str, victim: str) -> None:
        """Kill the recorders of a run, its commands, or both."""
        for process, is_recorder in self._processes(run_id):
            if victim == "both" or is_recorder == (victim == "recorder"):
                try:
                    process.kill()
                except psutil.Error:
                    pass  # it had ended

    def end(self, run_id: str) -> None:
        """Wait until no process of the run is left."""
        deadline = time.monotonic() + DEADLINE_S
        while left := self._processes(run_id):
            assert time.monotonic() < deadline, f"{left} lives on"
            time.sleep(0.02)

    def _processes(self, run_id: str) -> list[tuple[psutil.Process, bool]]:
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
                is_zombie = process.status() == psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            if any(word.startswith(self.notes(run_id)) for word in words) and not is_zombie:
                found.append((process, "meticulous" in words))
        return found

    def done(self, run_id: str) -> bool:
        """Return whether the work was done to its end."""
        path = Path(self.notes(run_id))
        return path.exists() and path.read_text().startswith("done")


def detached(scene: Scene, run_id: str) -> str:
    """In the background: the launcher that prints the id, the recorder, the command."""
    victim = scene.chance.choice(("recorder", "command", "both"))
    words = ("run", "-q", "-d", "--experiment-id", run_id, "--", *scene.work(run_id))
    launcher = scene.start(*COMMAND, *words)
    scene.pause()
    scene.kill(run_id, victim)
    launcher.wait(DEADLINE_S)
    scene.end(run_id)
    return victim


def retried(scene: Scene, run_id: str) -> str:
    """A command that fails each time."""
    victim = scene.chance.choice(("recorder", "command", "both"))
    words = ("run", "-q", "--retries", "2", "--experiment-id", run_id, "--")
    recorder = scene.start(*COMMAND, *words, *scene.work(run_id, 3))
    for _ in range(scene.chance.randint(1, 3)):
        scene.pause()
    scene.kill(run_id, victim)
    code = recorder.wait(DEADLINE_S)
    scene.end(run_id)
    row = scene.store.rows().get(run_id)
    assert code in (3, -9), code
    if code == 3:
        assert row is not None
        assert (row["status"], len(_metadata(scene, run_id)["attempts"])) == ("ERROR", 2)
    return victim


def resumed(scene: Scene, run_id: str) -> str:
    """Killed, resumed and killed, and resumed to the end: each start is an attempt."""
    words = ("run", "-q", "--resume", "--experiment-id", run_id, "--", *scene.work(run_id))
    for _ in range(2):
        recorder = scene.start(*COMMAND, *words)
        scene.pause()
        scene.kill(run_id, "both")
        recorder.wait(DEADLINE_S)
        scene.end(run_id)
        row = scene.store.rows().get(run_id)
        assert row is None or row["status"] in ("LOST", "ERROR", "SUCCESS", None, ""), row
        if row is not None and row["status"] == "SUCCESS":
            return "not again"
    before = Path(scene.store.runs / run_id / "stdout")
    printed = before.read_bytes() if before.exists() else b""
    last = subprocess.run(
        [*COMMAND, *words], cwd=scene.store.project, capture_output=True, timeout=60, check=False
    )
    assert last.returncode == 0, last
    row = scene.store.rows()[run_id]
    assert row["status"] == "SUCCESS", row
    whole = b"".join(b"out %d\n" % step for step in range(STEPS))
    assert before.read_bytes() == printed + whole
    return f"{len(_metadata(scene, run_id)['attempts'])} before"


def ranks(scene: Scene, run_id: str) -> str:
    """Several recorders of one run: one of them, its command, or all of a step."""
    victim = scene.chance.choice(("recorder", "command", "both", "step"))
    number = scene.chance.randrange(RANKS)
    names = [f"{run_id}.{rank}" for rank in range(RANKS)]
    step = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": str(RANKS), "SLURM_JOB_ID": run_id}
    words = ("run", "-q", "--experiment-id", run_id, "--")
    recorders = [
        scene.start(*COMMAND, *words, *scene.work(names[rank]),
                    **step, SLURM_PROCID=str(rank))
        for rank in range(RANKS)
    ]  # fmt: skip
    scene.pause()
    for rank in range(RANKS) if victim == "step" else [number]:
        scene.kill(names[rank], "both" if victim == "step" else victim)
    if recorders[0].wait(DEADLINE_S) == -9:
        for rank in range(1, RANKS):
            if not (scene.store.runs / run_id / "ranks" / str(rank)).exists():
                recorders[rank].kill()  # it waits a minute for a rank 0 that does not come
    codes = [recorder.wait(DEADLINE_S) for recorder in recorders]
    scene.end(run_id)
    row = scene.store.rows().get(run_id)
    if row is not None and row["status"] == "SUCCESS":
        came = [
            code
            for code, told in zip(codes, row["metadata_ranks_exit-codes"], strict=True)
            if told is not None
        ]  # one that is killed before it has come is no part of it
        assert came == [0] * row["metadata_ranks_came"], codes
    elif row is not None and row["status"] == "ERROR":
        assert -9 in codes, codes
    for rank in range(1, RANKS):
        folder = scene.store.runs / run_id / "ranks" / str(rank)
        state = (folder / "STATUS").read_text().split()[0] if (folder / "STATUS").exists() else ""
        assert not (state == "SUCCESS" and codes[rank]), (rank, codes)
        assert state in ("SUCCESS", "") or codes[rank] == -9, (rank, state, codes)
    return f"{victim} of {'all' if victim == 'step' else min(number, 1) * 'others' or '0'}"


def itself(scene: Scene, run_id: str) -> str:
    """A script that records itself, and the process that carries its output."""
    victim = scene.chance.choice(("script", "relay", "both"))
    script = scene.start(sys.executable, "itself.py", run_id, *scene.work(run_id)[1:])
    scene.pause()
    try:
        carriers = psutil.Process(script.pid).children(recursive=True)
    except psutil.Error:
        carriers = []
    for one in [*carriers] if victim != "script" else []:
        try:
            one.kill()
        except psutil.Error:
            pass
    if victim != "relay":
        script.kill()
    code = script.wait(DEADLINE_S)
    psutil.wait_procs(carriers, DEADLINE_S)
    scene.end(run_id)
    row = scene.store.rows().get(run_id)
    if row is not None and row["status"] == "SUCCESS":
        assert scene.done(run_id)
    if code == 0:
        assert row is not None
        assert row["status"] == "SUCCESS", row
    return victim


def edited(scene: Scene, run_id: str) -> str:
    """The commands that change, remove, bring back and pack runs: the run is there, whole, once."""
    runs, pack = scene.store.runs, scene.store.project.parent / f"{run_id}.zip"
    shutil.copytree(runs / "natural", runs / run_id)
    before = {path.name: path.read_bytes() for path in (runs / run_id).glob("*") if path.is_file()}
    steps = (
        ("tag", run_id, "+seen"),
        ("note", run_id, "a note of some words"),
        ("export", run_id, str(pack)),
        ("rm", "-y", run_id),
        ("restore", run_id),
        ("rm", "-y", run_id),
    )
    at = scene.chance.randrange(len(steps))
    for words in steps[:at]:
        subprocess.run([*COMMAND, *words], cwd=scene.store.project, capture_output=True, check=True)
    command = scene.start(*COMMAND, *steps[at])
    scene.pause()
    command.kill()
    command.wait(DEADLINE_S)
    places = [place for place in (runs / run_id, runs / ".trash" / run_id) if place.exists()]
    assert len(places) == 1, places
    for name, content in before.items():
        if name != "metadata.json":
            assert (places[0] / name).read_bytes() == content, name
    said = json.loads((places[0] / "metadata.json").read_bytes())
    assert {**said, "tags": [], "notes": []} == {
        **json.loads(before["metadata.json"]), "tags": [], "notes": [],
    }  # fmt: skip
    if pack.exists():
        assert zipfile.ZipFile(pack).testzip() is None
    return steps[at][0]


KINDS: tuple[Callable[[Scene, str], str], ...] = (
    detached, retried, resumed, ranks, itself, edited,
)  # fmt: skip


def _metadata(scene: Scene, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((scene.store.runs / run_id / "metadata.json").read_bytes())
    return found


def _check(scene: Scene, run_id: str) -> str:
    """Hold the folder against what is true of every run that has no process left."""
    folder = scene.store.runs / run_id
    for path in folder.rglob("*.json"):
        json.loads(path.read_bytes())
    row = scene.store.rows().get(run_id)
    if row is None:
        return "no run"
    on_disk = (folder / "STATUS").read_text().split("\n")[0] if (folder / "STATUS").exists() else ""
    assert row["status"] != "RUNNING", row
    assert row["status"] == ("LOST" if on_disk == "RUNNING" else on_disk or row["status"]), row
    return str(row["status"] or "empty")


def run(
    directory: Path, moments: int, seed: int, only: str | None = None
) -> Counter[tuple[str, ...]]:
    """Do it all in `directory`; count (kind, victim, status). Raises AssertionError for an untruth."""
    store = Store(directory)
    (store.project / "itself.py").write_text(ITSELF)
    subprocess.run(["git", "add", "-A"], cwd=store.project, check=True)
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    subprocess.run(["git", *identity, "commit", "-qm", "second"], cwd=store.project, check=True)
    chance = random.Random(seed)
    scene = Scene(store, chance, 0.0)
    for name in ("first", "natural"):  # the second takes the usual time
        began_s = time.monotonic()
        store.start(name, *scene.work(name)).wait(DEADLINE_S)
        scene = scene._replace(duration_s=time.monotonic() - began_s)
    living = store.start("living", "sleep", "1000")
    seen: Counter[tuple[str, ...]] = Counter()
    kinds = [kind for kind in KINDS if only in (None, kind.__name__)]
    try:
        for number in range(moments):
            kind = kinds[number % len(kinds)]
            run_id = f"{kind.__name__}-{number}"
            try:
                victim = kind(scene, run_id)
                status = _check(scene, run_id)
                assert store.rows()["living"]["status"] == "RUNNING"
            except AssertionError as error:
                raise AssertionError(f"{run_id}, of {store.rows().get(run_id)}: {error}") from error
            seen[kind.__name__, victim, status] += 1
        check_doctor(store)
    finally:
        living.terminate()
        living.wait(DEADLINE_S)
    return seen


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", run, [kind.__name__ for kind in KINDS]))
