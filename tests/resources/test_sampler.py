"""Samples of what real process trees use, held against what the kernel says in the end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from meticulous.resources import gpu, process_tree, sampler
from meticulous.resources.gpu import GpuWatch
from meticulous.runfolder import RESOURCES, SAMPLED_USAGE_KEYS, RunFolder
from meticulous.runfolder.samples import last_sample
from tests.conftest import meticulous, only_run, wait_until

WORK = """
import multiprocessing, os, sys, time
def work(go):
    ballast = bytearray(60_000_000)
    end = time.process_time() + 1.0
    while time.process_time() < end:
        pass
if __name__ == "__main__":
    workers = [multiprocessing.Process(target=work, args=(None,)) for _ in range(2)]
    for worker in workers: worker.start()
    with open("written", "wb") as file:
        file.write(os.urandom(20_000_000)); file.flush(); os.fsync(file.fileno())
    for worker in workers: worker.join()
"""


def samples_of(run: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(run.file(RESOURCES)).read_text().splitlines()]


def record(project: Path, code: str, *options: str) -> tuple[RunFolder, dict[str, Any]]:
    """Record a Python program; return the run and its usage."""
    (project / "work.py").write_text(code)
    words = ["run", "-q", "--dirty", "ignore", *options, "--", sys.executable, "work.py"]
    assert 0 == meticulous(*words, cwd=project).returncode
    run = only_run(project)
    return run, run.read_metadata()["usage"]


def test_samples_are_of_the_whole_tree(repository: Path) -> None:
    run, usage = record(repository, WORK, "--sample-interval", "0.2")
    samples = samples_of(run)
    assert 3 == max(sample["processes"] for sample in samples)
    assert usage["peak_tree_memory"] == max(sample["memory"] for sample in samples) > 120_000_000
    assert usage["peak_memory"] < usage["peak_tree_memory"]
    assert usage["peak_processes"] == 3
    # The integral of the samples is what the kernel has counted, but for what came after the last.
    moments = [0.0, *(sample["seconds"] for sample in samples)]
    spent = sum(
        (now - before) * sample["cpu"] / 100
        for before, now, sample in zip(moments, moments[1:], samples, strict=False)
    )
    assert 0.2 < spent <= usage["user"] + usage["system"] + 0.1
    assert 2.0 <= usage["user"] + usage["system"]
    wall = 100 * (usage["user"] + usage["system"]) / usage["wall"]
    assert usage["mean_cpu"] == pytest.approx(wall, abs=0.1)
    assert any(sample.get("pss") for sample in samples)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the kernel's accounts are Linux's"
)
def test_what_is_written_to_storage_is_counted(repository: Path) -> None:
    run, usage = record(repository, WORK, "--sample-interval", "0.2")
    assert usage["written"] >= 20_000_000 or _is_in_memory(repository)
    assert samples_of(run)[-1]["written"] <= usage["written"]


def _is_in_memory(path: Path) -> bool:
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    inside = [(point, kind) for point, kind in mounts if str(path).startswith(point)]
    return max(inside, key=lambda one: len(one[0]))[1] in ("tmpfs", "overlay")


def test_processes_that_end_between_samples_count(repository: Path) -> None:
    code = """
        import subprocess, sys
        burn = "import time\\nwhile time.process_time() < 0.15: pass"
        for _ in range(8): subprocess.run([sys.executable, "-c", burn])
    """
    import textwrap

    run, usage = record(repository, textwrap.dedent(code), "--sample-interval", "0.7")
    samples = samples_of(run)
    assert sum(sample["cpu"] for sample in samples) > 20, samples
    assert usage["user"] + usage["system"] > 8 * 0.14


def test_orphans_belong_to_the_run(repository: Path) -> None:
    code = """
import os, subprocess, time
subprocess.run("sleep 2 & exec sleep 0", shell=True)
end = time.monotonic() + 1.2
while time.monotonic() < end: time.sleep(0.05)
"""
    run, _ = record(repository, code, "--sample-interval", "0.2")
    assert 2 == samples_of(run)[-1]["processes"]


def test_without_samples_there_is_a_heartbeat(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, usage = record(repository, "import time; time.sleep(0.8)", "--sample-interval", "0")
    assert b"" == Path(run.file(RESOURCES)).read_bytes()
    assert set() == usage.keys() & set(SAMPLED_USAGE_KEYS)
    monkeypatch.setattr(sampler, "_LONGEST_S", 0.01)
    os.utime(run.file(RESOURCES), (0, 0))
    end = threading.Event()
    watch = sampler.Sampler(run, 0, list, sampler.Reaped, 0, lambda *_: None)
    thread = threading.Thread(target=watch.work, args=(end,))
    thread.start()
    wait_until(lambda: time.time() - os.stat(run.file(RESOURCES)).st_mtime < 1000)
    end.set()
    thread.join()


def test_between_rare_samples_the_heart_beats(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = record(repository, "import time; time.sleep(0.8)")
    monkeypatch.setattr(sampler, "_LONGEST_S", 0.01)
    os.utime(run.file(RESOURCES), (0, 0))
    end = threading.Event()
    watch = sampler.Sampler(run, 0, list, sampler.Reaped, 3600, lambda *_: None)
    thread = threading.Thread(target=watch.work, args=(end,))
    thread.start()
    wait_until(lambda: time.time() - os.stat(run.file(RESOURCES)).st_mtime < 1000)
    end.set()
    thread.join()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system on which there is room again when ``ballast`` is removed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root")
    try:
        (disk / RESOURCES).write_text('{"seconds": -1}\n')
        with (disk / "ballast").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_said_once_and_samples_go_on(full_disk: Path) -> None:
    run = RunFolder(str(full_disk))
    end, failures = threading.Event(), []
    watch = sampler.Sampler(
        run, time.monotonic(), lambda: [os.getpid()], sampler.Reaped,
        0.01, lambda *told: failures.append(told),
    )  # fmt: skip
    thread = threading.Thread(target=watch.work, args=(end,))
    thread.start()
    wait_until(lambda: failures)
    os.utime(run.file(RESOURCES), (0, 0))
    wait_until(lambda: time.time() - os.stat(run.file(RESOURCES)).st_mtime < 1000)
    (full_disk / "ballast").unlink()
    before = last_sample(run)
    wait_until(lambda: last_sample(run)["seconds"] > before["seconds"] + 0.1)
    end.set()
    thread.join()
    assert 1 == len(failures)


def test_a_run_that_is_over_at_once_has_no_samples(repository: Path) -> None:
    meticulous("run", "-q", "true", cwd=repository)
    assert not Path(only_run(repository).file(RESOURCES)).exists()


def test_a_folder_that_is_gone_ends_sampling_and_not_the_run(repository: Path) -> None:
    code = (
        "until rm -rf experiments/1 2>/dev/null; do :; done; sleep 1; echo done"  # it is written to
    )
    done = meticulous("run", "-q", "--", "sh", "-c", code, cwd=repository)
    assert (0, b"done\n") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count(b"meticulous: cannot record"), done.stderr


@pytest.mark.parametrize("interval", ["x", "-1s"])
def test_an_interval_that_is_none_is_refused(repository: Path, interval: str) -> None:
    done = meticulous("run", "--sample-interval", interval, "true", cwd=repository)
    assert (125, True) == (done.returncode, b"the sample interval" in done.stderr)


def test_the_interval_grows_with_the_run(tmp_path: Path) -> None:
    for elapsed_s, pause_s in ((0, 1), (60, 1), (300, 5), (600, 10), (86_400, 10)):
        watch = sampler.Sampler(
            RunFolder(str(tmp_path)), time.monotonic() - elapsed_s, list, sampler.Reaped,
            None, lambda *_: None,
        )  # fmt: skip
        assert watch._pause_s() == pytest.approx(pause_s, abs=0.1)


def test_the_tree_is_the_one_that_psutil_sees() -> None:
    import psutil

    shell = "sleep 100 & (sleep 100 & wait) & echo ready; wait"
    with subprocess.Popen(["sh", "-c", shell], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        wait_until(lambda: len(psutil.Process(process.pid).children(recursive=True)) == 3)
        theirs = psutil.Process(process.pid).children(recursive=True)
        ours = process_tree.descendants([process.pid])
        assert {child.pid for child in theirs} == set(ours)
        used = process_tree.measure([process.pid, *ours])
        assert (4, 4) == (used.processes, used.threads)
        resident = sum(one.memory_info().rss for one in [*theirs, psutil.Process(process.pid)])
        assert used.memory == pytest.approx(resident, rel=0.3)  # they have just begun
        assert 0 < (process_tree.shared_memory(ours) or 0) < used.memory
        for child in theirs:
            child.kill()
        process.kill()


# GPUs: real drivers answer in these words


PMON = """# gpu         pid   type     sm    mem    enc    dec    jpg    ofa     fb   ccpm    command
# Idx           #    C/G      %      %      %      %      %      %     MB     MB    name
    0       {pid}     C     45     12      -      -      -      -   1024      0    python
    0       999999     C     30     12      -      -      -      -   4096      0    python
    1       {pid}     C      -      -      -      -      -      -    512      0    python
    2          -     -      -      -      -      -      -      -      -      -    -
"""


def smi(directory: Path, script: str) -> str:
    directory.mkdir(exist_ok=True)
    program = directory / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_only_processes_of_the_run_count_on_the_gpu(tmp_path: Path) -> None:
    program = smi(tmp_path / "bin", f"cat <<'END'\n{PMON.format(pid=4711)}\nEND")
    assert [
        {"index": 0, "memory": 1 << 30, "utilisation": 45},
        {"index": 1, "memory": 512 << 20, "utilisation": None},
    ] == gpu._Program(program).used_by({4711})
    assert [] == gpu._Program(program).used_by({1})


@pytest.fixture
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)


@pytest.mark.parametrize("script", ["exit 9", "echo nonsense", "exec sleep 1000"])
def test_a_driver_that_fails_or_hangs_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_nvml: None, script: str
) -> None:
    from meticulous.environment import gpu_info

    monkeypatch.setattr(gpu_info, "_TIMEOUT_S", 0.2)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    smi(tmp_path / "bin", script)
    watch = GpuWatch(lambda: {1})
    assert [] == watch.latest()
    wait_until(lambda: watch._asking is not None and not watch._asking.is_alive())
    assert [] == watch.latest()


def test_the_readings_of_a_run_are_those_of_nvidia_smi(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nvidia-smi is asked while the command runs, and told which process the command is."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    text = PMON.format(pid="$(cat pid)")
    smi(tmp_path / "bin", f'[ "$1" = pmon ] || exit 9\ncat <<END\n{text}\nEND')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "pynvml.py").write_text("raise ImportError\n")
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(1.5)"
    run, usage = record(repository, code, "--sample-interval", "0.2")
    assert (3 << 29, 45.0) == (usage["peak_gpu_memory"], usage["mean_gpu_utilisation"])
    assert 1 << 30 == samples_of(run)[-1]["gpus"][0]["memory"]


ALL_GPUS = """0, GPU-aaaa, 4096, 45
1, GPU-bbbb, 3, 0
2, GPU-cccc, 8192, 90
"""


def test_in_a_container_the_gpus_are_read_as_a_whole(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver names processes by their ids outside: the busy GPU is told that the run may use."""
    apart = [shutil.which("unshare") or "unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a namespace of process ids needs the right to unshare")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aa,1")
    text = PMON.format(pid=888888)
    smi(
        tmp_path / "bin",
        f'case "$1" in\n'
        f"pmon) cat <<END\n{text}END\n;;\n"
        f"--query-gpu=index*) cat <<END\n{ALL_GPUS}END\n;;\n"
        "*) exit 9 ;;\nesac",
    )
    code = "import time; time.sleep(1.5)"
    words = ["run", "-q", "--sample-interval", "0.2", sys.executable, "-c", code]
    command = [*apart, sys.executable, "-m", "meticulous", *words]
    subprocess.run(command, cwd=repository, check=True)
    run = only_run(repository)
    assert [
        {"index": 0, "memory": 4 << 30, "utilisation": 45, "whole": True},
        {"index": 1, "memory": 3 << 20, "utilisation": 0, "whole": True},
    ] == samples_of(run)[-1]["gpus"]
    usage = run.read_metadata()["usage"]
    assert ((4 << 30) + (3 << 20), True) == (usage["peak_gpu_memory"], usage["whole_gpus"])


def test_nvml_tells_of_the_processes_of_the_run_or_else_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NVMLError(Exception):
        pass

    def of_parts(device: int) -> Any:
        if device == 1:
            raise NVMLError
        return types.SimpleNamespace(gpu=45)

    def processes(device: int) -> list[Any]:
        ours = types.SimpleNamespace(pid=4711, usedGpuMemory=1 << 30)
        return [ours] if device == 0 else [types.SimpleNamespace(pid=9, usedGpuMemory=None)]

    def shares(device: int, since: int) -> list[Any]:
        return [types.SimpleNamespace(pid=4711, smUtil=30, timeStamp=since + 1)]

    nvml = types.ModuleType("pynvml")
    vars(nvml).update(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=lambda index: f"GPU-{index}",
        nvmlDeviceGetMemoryInfo=lambda index: types.SimpleNamespace(used=index + 5),
        nvmlDeviceGetUtilizationRates=of_parts,
        nvmlDeviceGetComputeRunningProcesses=processes,
        nvmlDeviceGetProcessUtilization=shares,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    smi(tmp_path / "bin", "exit 9")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def reading(pid: int, *, is_apart: bool) -> list[dict[str, Any]]:
        watch = GpuWatch(lambda: {pid})
        watch._is_apart = is_apart
        watch.latest()
        wait_until(lambda: watch._asking is not None and not watch._asking.is_alive())
        return watch._latest

    ours = [{"index": 0, "memory": 1 << 30, "utilisation": 30}]
    assert ours == reading(4711, is_apart=False) == reading(4711, is_apart=True)
    assert [] == reading(1, is_apart=False)
    whole = [
        {"index": 0, "memory": 5, "utilisation": 45, "whole": True},
        {"index": 1, "memory": 6, "utilisation": None, "whole": True},
    ]
    assert whole == reading(1, is_apart=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert whole[1:] == reading(1, is_apart=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [] == reading(1, is_apart=True)


def test_the_newest_whole_sample_is_read_from_the_end(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    assert {} == last_sample(run)
    lines = "".join(f'{{"seconds": {k}}}\n' for k in range(5000))
    Path(run.file(RESOURCES)).write_text(lines)
    assert {"seconds": 4999} == last_sample(run)
    Path(run.file(RESOURCES)).write_text(lines + 'broken\n{"seconds": 50')
    assert {"seconds": 4999} == last_sample(run)
    Path(run.file(RESOURCES)).write_text("")
    assert {} == last_sample(run)


EXPERIMENT = """
import time
from meticulous import Experiment
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
burn(0.5)
with Experiment({}):
    ballast = bytearray(60_000_000)
    burn(1.5)
"""


def test_a_script_that_records_itself_is_sampled_too(repository: Path) -> None:
    (repository / "work.py").write_text(EXPERIMENT)
    environ = {**os.environ, "METICULOUS_DIRTY": "ignore", "METICULOUS_SAMPLE_INTERVAL": "0.2"}
    subprocess.run([sys.executable, "work.py"], cwd=repository, check=True, env=environ)
    run = only_run(repository)
    usage, samples = run.read_metadata()["usage"], samples_of(run)
    assert usage["peak_tree_memory"] > 60_000_000
    assert usage["peak_processes"] == 1, "the process that carries the bytes is not of the run"
    # What it had used before the experiment is not counted.
    assert all(sample["cpu"] < 150 for sample in samples), samples
    assert 1.4 < usage["user"] + usage["system"] < 1.5 + 0.4
