"""The table of launchers, and the start-up file's copy of it, are one."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import meticulous
from meticulous.schedulers.ranks import find
from meticulous.schedulers.variables import RANKS, SEVERAL

REPORT = Path(meticulous.__file__).parent / "child" / "startup" / "_meticulous_report.py"


def test_the_start_up_file_has_the_same_names_in_the_same_order() -> None:
    (copied,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(REPORT.read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RANKS"
    )
    assert copied == tuple(number for number, _ in RANKS)


FOUND = {
    "torchrun": {"RANK": "2", "WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2"},
    "Open MPI": {
        "OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4", "PMIX_NAMESPACE": "n",
    },
    "MPICH": {"PMI_RANK": "2", "PMI_SIZE": "4", "PMI_PORT": "host:1"},
    "Flux": {"FLUX_TASK_RANK": "2", "FLUX_JOB_SIZE": "4", "FLUX_JOB_ID": "f"},
    "Slurm": {
        "SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4", "SLURM_JOB_ID": "1", "SLURM_STEP_ID": "0",
    },
}  # fmt: skip


@pytest.mark.parametrize("launcher", FOUND)
def test_each_launcher_is_looked_for_where_there_may_be_several_of_us(launcher: str) -> None:
    environ = FOUND[launcher]
    rank = find(environ)

    assert rank is not None
    assert (rank.number, rank.size) == (2, 4)
    assert any(name in environ for name in SEVERAL)


def test_a_bare_rank_is_no_rank_of_ours() -> None:
    assert find({"RANK": "2", "WORLD_SIZE": "4"}) is None
    assert find({**os.environ, "PMIX_RANK": "2"}) is None
