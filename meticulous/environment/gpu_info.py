"""Which NVIDIA GPUs there are, their driver and its CUDA version.

nvidia-smi is asked first, because a driver that hangs then hangs another process and not us; NVML
where there is no nvidia-smi; the files of the kernel module where neither answers. A machine
without a driver costs a look-up in PATH. Standard library only, pynvml where it is installed.
"""

from __future__ import annotations

import os
import re

from meticulous.base.spawn import OURS, which

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["gpus", "is_driver_there", "run_program"]

_TIMEOUT_S = 10.0
_KILLED_S = 1.0
_FIELDS = ("name", "memory.total", "uuid", "driver_version")


def gpus(environ: Mapping[str, str], proc: str = "/proc", dev: str = "/dev") -> dict[str, Any]:
    """Return ``gpus`` (name, memory in bytes, uuid), ``gpu-driver`` and ``cuda``; {} without any.

    Where only the driver's files could be read, ``trouble`` says why.
    """
    if not is_driver_there(environ, proc, dev):
        return {}
    program = which("nvidia-smi", environ.get("PATH"))
    driver = os.path.join(proc, "driver", "nvidia")
    try:
        return _ask_program(program) if program else _ask_nvml()
    except Exception as error:  # noqa: BLE001, whatever a driver does, its files may still tell
        return _read_driver_files(driver) | {"trouble": f"GPUs: {error or type(error).__name__}"}


def is_driver_there(environ: Mapping[str, str], proc: str = "/proc", dev: str = "/dev") -> bool:
    """Say whether there seems to be a driver to ask, which may take seconds to answer."""
    return (
        which("nvidia-smi", environ.get("PATH")) is not None
        or os.path.exists(os.path.join(proc, "driver", "nvidia"))
        or os.path.exists(f"{dev}/nvidiactl")
    )


def _ask_program(program: str) -> dict[str, Any]:
    query = f"--query-gpu={','.join(_FIELDS)}"
    text = run_program(program, query, "--format=csv,noheader,nounits")
    found, drivers = [], []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != len(_FIELDS):
            raise ValueError(f"nvidia-smi says {line[:200]!r}")
        name, mebibytes, uuid, driver = fields
        bytes_ = int(mebibytes) << 20 if mebibytes.isdigit() else None
        found.append({"name": name, "memory": bytes_, "uuid": uuid})
        drivers.append(driver)
    # The version of CUDA is no field of the query; the head of any full answer has it.
    version = re.search(r"CUDA Version\s*:\s*([\d.]+)", run_program(program, "-q", "-d", "COMPUTE"))
    return {
        "gpus": found,
        "gpu-driver": drivers[0] if drivers else None,
        "cuda": version[1] if version else None,
    }


def run_program(program: str, *options: str) -> str:
    """Run nvidia-smi and return what it prints; raises where it fails or takes too long.

    After a kill we do not wait for long: a process that hangs in the driver cannot be killed.
    """
    import signal
    import subprocess

    process = subprocess.Popen(
        [program, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C on the terminal is meant for the run
    )
    OURS.add(process.pid)
    try:
        output = process.communicate(timeout=_TIMEOUT_S)[0].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        try:
            process.communicate(timeout=_KILLED_S)
        except subprocess.TimeoutExpired:
            process.returncode = -9  # given up, so that nobody warns of it or waits for it
        raise TimeoutError(f"nvidia-smi did not answer within {_TIMEOUT_S:g} s") from None
    if process.returncode:
        first = output.strip().partition("\n")[0]
        raise ChildProcessError(f"nvidia-smi failed with {process.returncode}: {first[:200]}")
    return output


def _ask_nvml() -> dict[str, Any]:
    import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]

    pynvml.nvmlInit()
    try:
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            device = pynvml.nvmlDeviceGetHandleByIndex(index)
            found.append(
                {
                    "name": _text(pynvml.nvmlDeviceGetName(device)),
                    "memory": int(pynvml.nvmlDeviceGetMemoryInfo(device).total),
                    "uuid": _text(pynvml.nvmlDeviceGetUUID(device)),
                }
            )
        cuda = int(pynvml.nvmlSystemGetCudaDriverVersion())
        return {
            "gpus": found,
            "gpu-driver": _text(pynvml.nvmlSystemGetDriverVersion()),
            "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}",
        }
    finally:
        pynvml.nvmlShutdown()


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _read_driver_files(directory: str) -> dict[str, Any]:
    """Read what the kernel module shows below /proc: models, ids and its version."""
    found = []
    cards = os.path.join(directory, "gpus")
    for card in sorted(os.listdir(cards)) if os.path.isdir(cards) else []:
        with open(os.path.join(cards, card, "information"), encoding="utf-8") as file:
            told = dict(line.split(":", 1) for line in file if ":" in line)
        uuid = told.get("GPU UUID", "").strip() or None
        found.append({"name": told.get("Model", "").strip(), "memory": None, "uuid": uuid})
    result: dict[str, Any] = {"gpus": found, "gpu-driver": None, "cuda": None}
    version = os.path.join(directory, "version")
    if os.path.exists(version):
        with open(version, encoding="utf-8") as file:
            match = re.search(r"\s(\d+(?:\.\d+)+)\s", file.read())
        result["gpu-driver"] = match[1] if match else None
    return result
