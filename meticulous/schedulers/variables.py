"""The variables by which launchers and schedulers tell a process its place.

One table: what a rank is, who has started it, and when there may be several of us. The start-up file
keeps a copy of the names of ranks, for old Pythons; a test holds the two equal.
"""

from __future__ import annotations

__all__ = ["RANKS", "SEVERAL"]

RANKS = (
    ("RANK", "WORLD_SIZE"),  # torchrun, accelerate
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("PMIX_RANK", "PMIX_SIZE"),  # PMIx, which Open MPI and Slurm speak
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI, PALS
    ("FLUX_TASK_RANK", "FLUX_JOB_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
)
"""(our number, how many), from the inside to the outside: torchrun runs inside a job of Slurm."""

SEVERAL = (
    "SLURM_STEP_NUM_TASKS",
    "OMPI_COMM_WORLD_SIZE",
    "PMI_SIZE",
    "TORCHELASTIC_RUN_ID",
    "FLUX_JOB_SIZE",
)
"""One of these is set where a launcher may have started several of us."""
