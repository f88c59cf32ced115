"""A power cut at any moment: no verdict without what it speaks of.

The system calls of a recorder are recorded and replayed on a disk that loses every write which was
not synced, but no creation and no renaming: the worst order in which a file system may write.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


class File:
    """What is in memory, and what is on the disk, of one file."""

    def __init__(self) -> None:
        self.size = self.kept_size = 0
        self.text = self.kept_text = ""

    def sync(self) -> None:
        self.kept_size, self.kept_text = self.size, self.text


class Disk:
    """Files by name, as the recorded calls make them."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def apply(self, call: str, words: str, result: int) -> None:
        names = re.findall(r'"((?:[^"\\]|\\.)*)"', words)
        opened = re.match(r"\d+<([^>]*)>", words)
        if call == "openat" and "O_CREAT" in words:
            name = names[0] if names[0].startswith("/") else ""
            if "O_TRUNC" in words or name not in self.files:
                self.files[name] = File()
        elif call in ("write", "pwrite64") and opened and opened[1] in self.files:
            file = self.files[opened[1]]
            offset = int(words.rpartition(", ")[2]) if call == "pwrite64" else file.size
            file.size = max(file.size, offset + result)
            file.text += names[0] if names else ""
        elif call.startswith("rename"):
            self.files[names[1]] = self.files.pop(names[0], File())
        elif call.startswith("unlink"):
            self.files.pop(names[0], None)
        elif call == "syncfs":
            for file in self.files.values():
                file.sync()
        elif call in ("fsync", "fdatasync") and opened and opened[1] in self.files:
            self.files[opened[1]].sync()


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
    """Count the moments at which STATUS on the disk has a verdict, and those with a gap then."""
    disk, verdicts, gaps = Disk(), 0, 0
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
        files = {
            Path(name).name: one for name, one in disk.files.items() if name.startswith(f"{run}/")
        }
        status = files.get("STATUS")
        said = status.text if status and status.kept_text == status.text else ""
        if status and status.text.startswith(("SUCCESS", "ERROR")):
            verdicts += 1
            kept = {name: files[name].kept_size for name in expected}
            is_whole = '"bytes"' in files["metadata.json"].kept_text.replace("\\", "") and said
            gaps += kept != expected or not is_whole
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
    ],
    ids=["run", "a failing command", "Experiment"],
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
    assert 0 < verdicts == gaps


def test_the_metadata_says_how_much_was_printed(tmp_path: Path) -> None:
    command = ["sh", "-c", "printf 12345; printf 123 >&2"]
    words = [*METICULOUS, "run", "-q", "--no-git", "--", *command]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    assert {"stdout": 5, "stderr": 3} == only_run(tmp_path).read_metadata()["bytes"]
