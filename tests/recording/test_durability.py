"""A power cut at any moment: no verdict without what it speaks of.

The system calls of a recorder are recorded and replayed on a disk that may have lost, at each moment,
any of the writes, creations and renamings that were not synced, and may have made them in any order.
"""

from __future__ import annotations

import itertools
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import only_run
from tests.launch_support import METICULOUS

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
CALLS = "openat,write,pwrite64,rename,renameat,renameat2,unlink,unlinkat,syncfs,fsync,fdatasync"
FAILING = "import sys; print('out'); sys.exit('no more')"
ITSELF = (
    "from meticulous import Experiment\nwith Experiment({'lr': 0.1}, no_git=True) as one:\n"
    "    print('said ' * 500)\n    one.summary({'loss': 1})\n"
)
FILE_BY_FILE = """
import sys
from meticulous.recording import durability
durability._MUCH_KB = -1
from meticulous.cli import main
sys.exit(main(["run", "-q", "--no-git", "--", "seq", "4000"]))
"""
"""As where much else is waiting to be written."""


class Op(NamedTuple):
    """A change that is in memory; on the disk it may be there, or not, or before an earlier one.

    `kind` is ``name`` (the name `name` is the file `inode`), ``gone`` (it is no more), or ``bytes``
    (`length` of them at `offset`).
    """

    kind: str
    inode: int
    name: str = ""
    offset: int = 0
    length: int = 0
    text: str = ""


class State:
    """Files by name, and what is in them."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.bytes: dict[int, dict[int, tuple[int, str]]] = {}

    def copy(self) -> State:
        other = State()
        other.names = dict(self.names)
        other.bytes = {inode: dict(parts) for inode, parts in self.bytes.items()}
        return other

    def apply(self, op: Op) -> None:
        if op.kind == "name":
            self.names[op.name] = op.inode
        elif op.kind == "gone":
            if self.names.get(op.name) == op.inode:
                del self.names[op.name]
        else:
            self.bytes.setdefault(op.inode, {})[op.offset] = (op.length, op.text)

    def size(self, name: str) -> int:
        """Return how many bytes are really there; a hole does not count."""
        return sum(length for length, _ in self.bytes.get(self.names.get(name, -1), {}).values())

    def text(self, name: str) -> str:
        parts = self.bytes.get(self.names.get(name, -1), {})
        return "".join(text for _, (_, text) in sorted(parts.items()))


class Disk:
    """What the recorded calls make: `memory`, what is surely on the disk, and what may be."""

    def __init__(self) -> None:
        self.memory, self.sure = State(), State()
        self.pending: list[Op] = []
        self._inodes = itertools.count()

    def _do(self, op: Op) -> None:
        self.memory.apply(op)
        self.pending.append(op)

    def _sync(self, reaches: Callable[[Op], bool]) -> None:
        for op in filter(reaches, self.pending):
            self.sure.apply(op)
        self.pending = [op for op in self.pending if not reaches(op)]

    def apply(self, call: str, words: str, result: int) -> None:
        names = re.findall(r'"((?:[^"\\]|\\.)*)"', words)
        opened = re.match(r"\d+<([^>]*)>", words)
        inode = self.memory.names.get(opened[1]) if opened else None
        if call == "openat" and "O_CREAT" in words and names[0].startswith("/"):
            if "O_TRUNC" in words or names[0] not in self.memory.names:
                self._do(Op("name", next(self._inodes), names[0]))
        elif call in ("write", "pwrite64") and inode is not None and opened:
            end = self.memory.size(opened[1])
            offset = int(words.rpartition(", ")[2]) if call == "pwrite64" else end
            self._do(Op("bytes", inode, "", offset, result, names[0] if names else ""))
        elif call.startswith("rename") and names[0] in self.memory.names:
            moved = self.memory.names[names[0]]
            self._do(Op("name", moved, names[1]))
            self._do(Op("gone", moved, names[0]))
        elif call.startswith("unlink") and names[0] in self.memory.names:
            self._do(Op("gone", self.memory.names[names[0]], names[0]))
        elif call == "syncfs":
            self._sync(lambda op: True)
        elif call in ("fsync", "fdatasync") and opened:
            folder = f"{opened[1]}/"
            self._sync(
                lambda op: (
                    op.inode == inode
                    if op.kind == "bytes"
                    else op.name.startswith(folder) and "/" not in op.name[len(folder) :]
                )
            )

    def after_a_power_cut(self, chance: random.Random) -> Iterator[State]:
        """Yield what may be found: of the pending changes none, all, all but one, one, or some.

        They come in any order.
        """
        pending = self.pending
        choices = [[], pending]
        choices += [[op] for op in pending]
        choices += [pending[:n] + pending[n + 1 :] for n in range(len(pending))]
        verdict = [op for op in pending if op.text.startswith(("SUCCESS", "ERROR"))]
        verdict += [op for op in pending if op.name.endswith("/STATUS")]
        choices += [verdict, verdict[::-1]]
        choices += [chance.sample(pending, chance.randint(0, len(pending))) for _ in range(20)]
        for chosen in choices:
            state = self.sure.copy()
            for op in chosen:
                state.apply(op)
            yield state


def calls(trace: Path) -> Iterator[tuple[str, str, int]]:
    waiting: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        pid, _, rest = line.partition(" ")
        if "<unfinished ...>" in rest:
            waiting[pid] = rest.partition("<unfinished ...>")[0]
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest.strip()):
            rest = waiting.pop(pid, "") + resumed[1]
        if found := re.match(r"\s*(\w+)\((.*)\)\s+= (\d+)", rest):
            yield found[1], found[2], int(found[3])


def verdicts_without_content(trace: Path, run: Path) -> tuple[int, int]:
    """Count the power cuts that leave a verdict in STATUS, and those that leave a gap beside it."""
    disk, verdicts, gaps = Disk(), 0, 0
    chance = random.Random(14)
    expected = {
        name: (run / name).stat().st_size
        for name in (
            "stdout",
            "stderr",
            "timeline",
            "args.json",
            "default_args.json",
            "summary.json",
        )
        if (run / name).exists()
    }
    for call in calls(trace):
        disk.apply(*call)
        if not disk.memory.text(f"{run}/STATUS").startswith(("SUCCESS", "ERROR")):
            continue
        for state in disk.after_a_power_cut(chance):
            if state.text(f"{run}/STATUS").startswith(("SUCCESS", "ERROR")):
                verdicts += 1
                kept = {name: state.size(f"{run}/{name}") for name in expected}
                metadata = state.text(f"{run}/metadata.json").replace("\\", "")
                gaps += kept != expected or '"bytes"' not in metadata
    return verdicts, gaps


def trace_of(command: list[str], project: Path) -> Path:
    trace = project / "trace"
    words = ["strace", "-f", "-y", "-s", "4000", "-e", f"trace={CALLS}", "-o", str(trace)]
    subprocess.run([*words, *command], cwd=project, capture_output=True, timeout=100, check=False)
    return trace


@pytest.mark.parametrize(
    "command",
    [
        [*METICULOUS, "run", "-q", "--no-git", "--", "seq", "4000"],
        [*METICULOUS, "run", "-q", "--no-git", "--", sys.executable, "-c", FAILING],
        [sys.executable, "-c", ITSELF],
        [sys.executable, "-c", FILE_BY_FILE],
    ],
    ids=["run", "a failing command", "Experiment", "file by file"],
)
def test_a_verdict_reaches_the_disk_last(tmp_path: Path, command: list[str]) -> None:
    trace = trace_of(command, tmp_path)
    verdicts, gaps = verdicts_without_content(trace, Path(only_run(tmp_path).path))
    assert verdicts > 0
    assert 0 == gaps


def test_without_the_sync_it_may_not(tmp_path: Path) -> None:
    """And the replay sees it."""
    trace = trace_of([*METICULOUS, "run", "-q", "--no-git", "--no-sync", "seq", "9"], tmp_path)
    verdicts, gaps = verdicts_without_content(trace, Path(only_run(tmp_path).path))
    assert 0 < gaps <= verdicts


def test_the_metadata_says_how_much_was_printed(tmp_path: Path) -> None:
    command = ["sh", "-c", "printf 12345; printf 123 >&2"]
    words = [*METICULOUS, "run", "-q", "--no-git", "--", *command]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    assert {"stdout": 5, "stderr": 3} == only_run(tmp_path).read_metadata()["bytes"]
