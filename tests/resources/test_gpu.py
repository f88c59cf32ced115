from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from meticulous.environment import gpu_info as module
from meticulous.environment.gpu_info import gpus
from tests.conftest import meticulous, only_run

FAKE = """\
#!/bin/sh
case "$1" in
--query-gpu=*)
    echo "NVIDIA H200, 143771, GPU-aaaa, 570.86.15"
    echo "NVIDIA GB10, [N/A], GPU-bbbb, 570.86.15" ;;
-q) echo "==============NVSMI LOG=============="; echo "CUDA Version                 : 12.8" ;;
esac
"""
CARD = "Model: \t\t NVIDIA H200\nIRQ:   \t\t 12\nGPU UUID: \t GPU-aaaa\nBus: \t 0000:04:00.0\n"
DRIVER = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\nGCC version:\n"
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n"


def ask(tmp_path: Path, path: str = "") -> dict[str, Any]:
    return gpus(
        {"PATH": f"{path}:/usr/bin:/bin" if path else "/nowhere"}, str(tmp_path), str(tmp_path)
    )


def fake(tmp_path: Path, text: str) -> str:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(text)
    program.chmod(0o755)
    return str(program.parent)


def driver_files(tmp_path: Path, version: str = DRIVER) -> None:
    card = tmp_path / "driver" / "nvidia" / "gpus" / "0000:04:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text(CARD)
    (tmp_path / "driver" / "nvidia" / "version").write_text(version)


def test_a_machine_without_a_driver_has_none(tmp_path: Path) -> None:
    assert ask(tmp_path) == {}


def test_nvidia_smi_names_the_gpus(tmp_path: Path) -> None:
    assert ask(tmp_path, fake(tmp_path, FAKE)) == {
        "gpus": [
            {"name": "NVIDIA H200", "memory": 143771 << 20, "uuid": "GPU-aaaa"},
            {"name": "NVIDIA GB10", "memory": None, "uuid": "GPU-bbbb"},
        ],
        "gpu-driver": "570.86.15",
        "cuda": "12.8",
    }


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("echo Failed to initialize NVML; exit 9", "failed with 9: Failed to initialize NVML"),
        ("echo No devices were found", "nvidia-smi says 'No devices were found'"),
        ("exec sleep 1000", "nvidia-smi did not answer within 0.2 s"),
        ("sleep 1000 & trap '' TERM; wait", "nvidia-smi did not answer within 0.2 s"),
    ],
)
def test_where_nvidia_smi_fails_or_hangs_the_files_of_the_driver_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, trouble: str
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.2)
    driver_files(tmp_path)

    found = ask(tmp_path, fake(tmp_path, f"#!/bin/sh\n{text}\n"))

    assert trouble in found.pop("trouble")
    assert found == {
        "gpus": [{"name": "NVIDIA H200", "memory": None, "uuid": "GPU-aaaa"}],
        "gpu-driver": "535.104.05",
        "cuda": None,
    }


def test_the_driver_of_the_open_kernel_module_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    driver_files(tmp_path, OPEN)

    assert ask(tmp_path)["gpu-driver"] == "570.86.15"


def test_nvml_is_asked_where_there_is_no_nvidia_smi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml = types.ModuleType("pynvml")
    vars(nvml).update(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda _: b"NVIDIA H200",
        nvmlDeviceGetMemoryInfo=lambda _: types.SimpleNamespace(total=5),
        nvmlDeviceGetUUID=lambda _: "GPU-aaaa",
        nvmlSystemGetCudaDriverVersion=lambda: 12080,
        nvmlSystemGetDriverVersion=lambda: "570.86.15",
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    driver_files(tmp_path)

    assert ask(tmp_path) == {
        "gpus": [{"name": "NVIDIA H200", "memory": 5, "uuid": "GPU-aaaa"}],
        "gpu-driver": "570.86.15",
        "cuda": "12.8",
    }


def test_nvidia_smi_is_no_part_of_the_run_that_it_describes(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo gone; exit 3"
    monkeypatch.setenv("PATH", fake(tmp_path, f"#!/bin/sh\n{busy}\n"), prepend=":")

    assert meticulous("run", "-q", "--", "sleep", "1", cwd=repository).returncode == 0

    run = only_run(repository)
    trouble = run.read_json("environment.json")["trouble"]
    assert trouble == ["GPUs: nvidia-smi failed with 3: gone"]
    assert run.read_metadata()["survivors"] == []
    assert run.read_metadata()["usage"]["user"] < 0.1
