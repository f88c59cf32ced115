from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from meticulous.environment import machine


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_machine_is_what_psutil_says() -> None:
    found = machine.cpu()

    assert found["logical"] == psutil.cpu_count()
    assert found["physical"] == psutil.cpu_count(logical=False)
    assert 0 < found["usable"] <= found["logical"]
    assert machine.memory()["total"] == psutil.virtual_memory().total


def test_the_operating_system_is_named() -> None:
    found = machine.operating_system()

    assert found["architecture"] == os.uname().machine
    assert os.uname().release in found["kernel"]
    assert all(found.values())


INTEL = """\
processor\t: 0
model name\t: Example CPU @ 2.00GHz
siblings\t: 20
cpu cores\t: 14

processor\t: 1
model name\t: other
"""
ARM = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


@pytest.mark.parametrize(
    ("text", "model", "physical"),
    [
        (INTEL, "Example CPU @ 2.00GHz", 14),
        (ARM, "ARM implementer 0x41 part 0xd0c", None),
        ("", None, None),
        ("siblings: 0\ncpu cores: 0\n", None, None),
    ],
)
def test_the_model_is_read_from_the_first_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, model: str, physical: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 20)
    write(tmp_path / "cpuinfo", text)

    found = machine.cpu(str(tmp_path), str(tmp_path))

    assert (model, physical) == (found["model"], found["physical"])


def test_the_limits_of_cgroups_of_version_2_are_the_tightest_on_the_way_up(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    write(tmp_path / "self" / "cgroup", "0::/slurm/job_1/step_0\n")
    write(root / "slurm" / "job_1" / "step_0" / "cpu.max", "max 100000\n")
    write(root / "slurm" / "job_1" / "cpu.max", "50000 100000\n")
    write(root / "slurm" / "job_1" / "memory.max", "1073741824\n")
    write(root / "slurm" / "memory.max", "max\n")

    assert machine.cpu(str(tmp_path), str(root))["usable"] == 0.5
    assert machine.memory(str(tmp_path), str(root))["limit"] == 1 << 30


def test_the_limits_of_cgroups_of_version_1_are_read(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    write(tmp_path / "self" / "cgroup", "4:memory:/a:b\n3:cpu,cpuacct:/docker/gone\n0::/\n")
    write(root / "memory" / "memory.limit_in_bytes", "9223372036854771712\n")
    write(root / "memory" / "a:b" / "memory.limit_in_bytes", "2048\n")
    write(root / "cpu,cpuacct" / "cpu.cfs_quota_us", "150000\n")
    write(root / "cpu,cpuacct" / "cpu.cfs_period_us", "200000\n")

    assert machine.cpu(str(tmp_path), str(root))["usable"] == 0.75
    assert machine.memory(str(tmp_path), str(root))["limit"] == 2048


@pytest.mark.parametrize("text", ["", "nonsense\n", "0::/\n", "1:cpu\n", "a:b:c:d\n"])
def test_without_limits_there_are_none(tmp_path: Path, text: str) -> None:
    write(tmp_path / "self" / "cgroup", text)
    write(tmp_path / "cpu" / "cpu.cfs_quota_us", "-1\n")
    write(tmp_path / "cpu" / "cpu.cfs_period_us", "100000\n")

    assert machine.cpu(str(tmp_path), str(tmp_path))["usable"] == len(os.sched_getaffinity(0))
    assert machine.memory(str(tmp_path), str(tmp_path))["limit"] is None
