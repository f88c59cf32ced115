"""kill -9 of the recorder, of the command and of both, at random moments of many runs.

Afterwards every folder must read, every status must be true, and `meticulous doctor` must say the
same. A restart of the machine is simulated by another boot id in the metadata, a recycled process
id by that of a living process. Repeatable: the moments come from ``--seed``.

    python -m tests.faults.kills                   200 moments, some minutes
    python -m tests.faults.kills --moments 20 --seed 7 --keep DIRECTORY
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

WORK = str(Path(__file__).with_name("work.py"))
COMMAND = [sys.executable, "-m", "meticulous"]
DEADLINE_S = 60.0
VICTIMS = ("recorder", "command", "both")
STEPS = 40


class Story(NamedTuple):
    """What was done to one run, and what is known of it from outside."""

    id: str
    victim: str
    moment_s: float
    recorder_code: int
    notes: str
    exit_code: int


class Store:
    """A project of its own in which runs are killed."""

    def __init__(self, directory: Path) -> None:
        self.project = directory / "project"
        self.runs = self.project / "experiments"
        self.project.mkdir(parents=True)
        (self.project / "file").write_text("x\n")
        identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
        for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", "first")):
            subprocess.run(["git", *words], cwd=self.project, check=True)

    def start(self, run_id: str, *command: str) -> subprocess.Popen[bytes]:
        """Start the recorded `command` as the run `run_id`; nothing is shown of it."""
        null = subprocess.DEVNULL
        words = [*COMMAND, "run", "-q", "--experiment-id", run_id, "--", *command]
        return subprocess.Popen(words, cwd=self.project, stdin=null, stdout=null, stderr=null)

    def ask(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        """Ask `meticulous` for JSON."""
        done = subprocess.run(
            [*COMMAND, *words, "--json"], cwd=self.project, capture_output=True, check=False
        )
        assert done.returncode in codes, (words, done.returncode, done.stderr.decode())
        assert not done.stderr, (words, done.stderr.decode())
        return json.loads(done.stdout)

    def rows(self) -> dict[str, dict[str, Any]]:
        """What `ls` says of each run."""
        return {row["expid"]: row for row in self.ask("ls", "experiments")}


def kill_one(store: Store, run_id: str, moment_s: float, victim: str, exit_code: int) -> Story:
    """Record a run, kill `victim` after `moment_s`, and wait until all of it is gone."""
    notes = store.project.parent / f"notes-{run_id}"
    recorder = store.start(run_id, sys.executable, WORK, str(notes), str(STEPS), str(exit_code))
    time.sleep(moment_s)  # the moment itself, not a wait for something
    workers = _workers(recorder.pid)
    if victim in ("recorder", "both"):
        recorder.kill()
    if victim in ("command", "both"):
        for worker in workers:
            _kill(worker)
    code = recorder.wait(DEADLINE_S)
    _, alive = psutil.wait_procs(workers, DEADLINE_S)
    assert not alive, f"{alive} lives on after the recorder was killed"
    said = notes.read_text().split("\n")[0] if notes.exists() else ""
    return Story(run_id, victim, moment_s, code, said, exit_code)


def _workers(recorder: int) -> list[psutil.Process]:
    try:
        children = psutil.Process(recorder).children(recursive=True)
        return [child for child in children if WORK in child.cmdline()]
    except psutil.Error:
        return []


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        pass  # it had ended


def check(store: Store, story: Story, row: dict[str, Any] | None) -> str:
    """Hold the folder of one run against its story; return its status, or ``no run``."""
    folder = store.runs / story.id
    if row is None:
        # Killed before the folder said anything: the command had not begun.
        names = [] if not folder.exists() else os.listdir(folder)
        assert not [name for name in names if ".tmp" not in name], names
        assert (story.recorder_code, story.notes) == (-signal.SIGKILL, "")
        return "no run"
    for path in folder.glob("*.json"):
        json.loads(path.read_bytes())
    _check_streams(folder, story)
    status, message = row["status"] or "", row["status_message"] or ""
    if story.recorder_code == -signal.SIGKILL and story.victim != "command":
        _check_killed_recorder(folder, story, status, message)
    elif story.recorder_code == -signal.SIGKILL:
        assert (status, "SIGKILL" in message) == ("ERROR", True)
    else:
        # The command had ended before it could be killed.
        assert story.recorder_code == story.exit_code
        assert status == ("ERROR" if story.exit_code else "SUCCESS")
    return str(status or "empty")


def _check_killed_recorder(folder: Path, story: Story, status: str, message: str) -> None:
    on_disk = (folder / "STATUS").read_text().split("\n")[0] if _has_status(folder) else ""
    if on_disk == "RUNNING":
        pid = json.loads((folder / "metadata.json").read_bytes())["pid"]
        assert (status, str(pid) in message) == ("LOST", True), (status, message)
    elif on_disk:
        assert story.notes == "done" or story.victim == "both"
        if story.notes == "done":
            assert status == on_disk == ("ERROR" if story.exit_code else "SUCCESS")
    else:
        assert status in ("", "LOST"), status  # killed while the folder was being made
        assert not story.notes, "the command had begun, and nothing says so"


def _has_status(folder: Path) -> bool:
    return (folder / "STATUS").exists()


def _check_streams(folder: Path, story: Story) -> None:
    """What is there is what was printed; where the recorder lived on, all that was printed."""
    is_kept_whole = story.victim == "command"
    printed = STEPS if story.notes == "done" else int(story.notes or 0)
    for name in ("stdout", "stderr"):
        path = folder / name
        found = path.read_bytes() if path.exists() else b""
        word = name[3:]
        whole = b"".join(b"%s %d\n" % (word.encode(), step) for step in range(STEPS))
        assert whole.startswith(found), (name, found[-80:])
        if is_kept_whole:
            assert found.count(b"\n") >= printed, (name, found[-80:], printed)


def check_impostors(store: Store, lost: str, living: str) -> None:
    """A restarted machine and a recycled process id must not make a lost run seem to run."""
    with_other_boot, recycled = store.runs / "restarted", store.runs / "recycled"
    for source, copy, changes in (
        (living, with_other_boot, {"boot-id": "00000000-0000-4000-8000-000000000000"}),
        (lost, recycled, {"pid": os.getpid()}),
    ):
        shutil.copytree(store.runs / source, copy)
        path = copy / "metadata.json"
        path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))
        if (copy / "resources.jsonl").exists():  # the last heartbeat was before the restart
            os.utime(copy / "resources.jsonl", (1, psutil.boot_time() - 5))
    rows = store.rows()
    assert rows["restarted"]["status"] == "LOST", rows["restarted"]
    assert "restart" in rows["restarted"]["status_message"], rows["restarted"]
    assert rows["recycled"]["status"] == "LOST", rows["recycled"]
    assert rows[living]["status"] == "RUNNING", rows[living]


def main(
    description: str, act: Callable[..., Counter[Any]], only: Sequence[str] = (), words: Any = None
) -> int:
    """Kill, check, and tell what was seen: the command line of the programs of this package."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--moments", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="leave the runs there")
    if only:
        parser.add_argument("--only", choices=only, help="one kind alone")
    arguments = vars(parser.parse_args(words))
    keep = arguments.pop("keep")
    directory = keep or Path(tempfile.mkdtemp(prefix="meticulous-faults-"))
    try:
        seen = act(directory, **arguments)
    finally:
        if not keep:
            shutil.rmtree(directory)
    counts = [f"{count} {' '.join(key[:-1])} → {key[-1]}" for key, count in sorted(seen.items())]
    print(f"{arguments['moments']} kills, seed {arguments['seed']}: " + ", ".join(counts))
    return 0


def run(directory: Path, moments: int, seed: int) -> Counter[tuple[str, str]]:
    """Do it all in `directory`; count (victim, status). Raises AssertionError for an untruth."""
    store = Store(directory)
    chance = random.Random(seed)
    began_s = time.monotonic()
    kill_one(store, "natural", 0, "nobody", 0)
    duration_s = time.monotonic() - began_s
    living = store.start("living", "sleep", "1000")
    seen: Counter[tuple[str, str]] = Counter()
    lost: list[str] = []
    try:
        _wait_for(lambda: _has_status(store.runs / "living"))
        for number in range(moments):
            victim, run_id = VICTIMS[number % len(VICTIMS)], f"kill-{number}"
            moment_s = chance.uniform(0, duration_s * 1.1)
            story = kill_one(store, run_id, moment_s, victim, chance.choice((0, 3)))
            rows = store.rows()
            try:
                status = check(store, story, rows.get(run_id))
                assert rows["living"]["status"] == "RUNNING", rows["living"]
            except AssertionError as error:
                raise AssertionError(f"{story}, of {rows.get(run_id)}: {error}") from error
            seen[victim, status] += 1
            if status == "LOST":
                lost.append(run_id)
        assert lost, "no run was lost: the kills came too early or too late"
        check_impostors(store, lost[0], "living")
        check_doctor(store)
    finally:
        living.terminate()
        living.wait(DEADLINE_S)
    return seen


def check_doctor(store: Store) -> None:
    """`doctor` must name exactly the runs that `ls` calls LOST, close these truly, and no other."""
    lost = {name for name, row in store.rows().items() if row["status"] == "LOST"}
    found = store.ask("doctor", codes=(0, 1))
    assert {one["run"] for one in found if one["kind"] == "lost"} == lost
    kinds = {one["kind"] for one in found}
    assert kinds <= {"lost", "lost-rank", "half-made", "leftover"}, found
    ends = {name: _end(store.runs / name) for name in lost}
    store.ask("doctor", "--fix", codes=(0, 1))
    rows = store.rows()
    assert {name: rows[name]["status"] for name in lost} == ends
    assert [name for name, row in rows.items() if row["status"] == "RUNNING"] == ["living"]


def _end(folder: Path) -> str:
    """What a lost run becomes: ERROR, unless its recorder was killed between metadata and STATUS."""
    metadata = json.loads((folder / "metadata.json").read_bytes())
    is_half_written = metadata["end-time"] and metadata["reason"] is None
    return "SUCCESS" if is_half_written else "ERROR"


def _wait_for(claim: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", run))
