from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

import pytest

from meticulous import environment
from meticulous.child.helper import json_bytes
from meticulous.environment import gather
from meticulous.schedulers.job_ids import scheduler_ids


def variables(environ: dict[str, str], *extra: str) -> object:
    return gather(["true"], "/", environ, extra)["variables"]


def test_everything_is_there_and_can_be_written() -> None:
    found = gather([sys.executable, "train.py"], os.getcwd(), os.environ)

    assert set(found) - {"package-sources", "gpu-driver", "cuda", "trouble"} == {
        *("python", "packages", "host", "os", "cpu", "memory", "gpus", "variables")
    }
    assert found["host"] == socket.gethostname()
    assert found["python"]["executable"] == sys.executable
    assert found["python"]["source"] == "command"
    assert "pytest" in found["packages"]
    assert json.loads(json_bytes(found)) == found  # type: ignore[no-untyped-call]


def test_a_command_that_is_not_python_has_no_packages_and_says_why() -> None:
    found = gather(["sh", "x.sh"], "/", {"PATH": os.defpath})

    assert found["python"] is None
    assert found["python-unknown"] == "sh is not a Python program"
    assert found["packages"] == {}


def test_a_report_of_the_program_takes_the_place_of_the_search() -> None:
    report = {"executable": "/v/bin/python", "version": "3.9.1", "prefix": "/v", "path": []}

    found = gather(["sh", "x.sh"], "/", {}, interpreter=report)

    assert found["python"] == {
        "executable": "/v/bin/python",
        "version": "3.9.1",
        "prefix": "/v",
        "source": "report",
    }


def test_only_listed_variables_are_recorded() -> None:
    environ = {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "OMP_NUM_THREADS": "4",
        "PYTHONHASHSEED": "0",
        "SLURM_JOB_ID": "12",
        "HOME": "/home/me",
        "MY_NOTE": "private",
        "AWS_SECRET_ACCESS_KEY": "x",
        "METICULOUS_RUN_DIR": "/runs/1",
        "XCUDA_A": "1",
    }

    assert variables(environ) == {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "OMP_NUM_THREADS": "4",
        "PYTHONHASHSEED": "0",
        "SLURM_JOB_ID": "12",
    }


def test_more_variables_can_be_named_but_never_ours() -> None:
    environ = {"MY_A": "1", "MY_B": "2", "YOUR_A": "3", "A.C": "4", "ABC": "5", "METICULOUS_X": "6"}

    assert variables(environ, "MY_*", "A.C", "") == {"A.C": "4", "MY_A": "1", "MY_B": "2"}
    assert variables(environ, "*_X") == {}


def test_values_are_masked_by_name_and_by_shape() -> None:
    environ = {
        "HF_TOKEN": "abc",
        "HF_HOME": "/data/hf",
        "TOKENIZERS_PARALLELISM": "false",
        "MY_KEY": "abc",
        "MLFLOW_TRACKING_URI": "https://me:pw@host",
        "PYTHONPATH": "ghp_" + "a1" * 18,
    }

    assert variables(environ, "MY_*") == {
        "HF_HOME": "/data/hf",
        "HF_TOKEN": "***",
        "MLFLOW_TRACKING_URI": "https://me:***@host",
        "MY_KEY": "***",
        "PYTHONPATH": "***",
        "TOKENIZERS_PARALLELISM": "false",
    }


def test_a_part_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> dict[str, object]:
        raise PermissionError(13, "Permission denied", "/sys/x")

    monkeypatch.setattr(environment, "cpu", fail)
    monkeypatch.setattr(environment, "_host", lambda: 1 / 0)

    found = gather(["true"], "/", {})

    assert found["trouble"] == [
        "host: division by zero",
        "cpu: [Errno 13] Permission denied: '/sys/x'",
    ]
    assert found["memory"]["total"] > 0
    assert "cpu" not in found


@pytest.mark.parametrize("command", [[], [""], ["\0"], ["\udcff"], ["env"], ["nice", "-n"]])
def test_any_command_is_gathered_without_trouble(command: list[str]) -> None:
    found = gather(command, "/nowhere", {"PATH": "\udcff:", "HOME": ""})

    assert "trouble" not in found
    assert found["python"] is None


def test_the_ids_of_schedulers_and_launchers_are_kept() -> None:
    environ = {"SLURM_JOB_ID": "1", "RANK": "0", "WORLD_SIZE": "", "JOB_ID": "7", "LANG": "C"}

    assert scheduler_ids(environ) == {"SLURM_JOB_ID": "1", "RANK": "0"}
    assert scheduler_ids({}) == {}


def test_grid_engine_is_known_by_its_root() -> None:
    environ = {"SGE_ROOT": "/sge", "JOB_ID": "7", "SGE_TASK_ID": "2", "QUEUE": "gpu"}

    assert scheduler_ids(environ) == {"SGE_TASK_ID": "2", "JOB_ID": "7", "QUEUE": "gpu"}


def test_the_job_of_htcondor_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / ".job.ad"
    file.write_text(
        'ClusterId = 12\nProcId = 3\nGlobalJobId = "a#12.3#1"\nOwner = "x"\nCmd = "a = b"\n'
    )
    assert scheduler_ids({"_CONDOR_JOB_AD": str(file)}) == {
        "ClusterId": "12",
        "ProcId": "3",
        "GlobalJobId": "a#12.3#1",
    }
    assert scheduler_ids({"_CONDOR_JOB_AD": str(tmp_path / "gone")}) == {}
