"""Which environment variables say where a run happened, not what it computes."""

from __future__ import annotations

import re

__all__ = ["is_place"]

_PLACES = (
    "PATH LD_* DYLD_* VIRTUAL_ENV* CONDA_* MAMBA_* UV_* PYENV_VERSION PIP_* MODULEPATH "
    "LOADEDMODULES LMOD_* EBROOT* HOSTNAME TMPDIR PYTHONHOME PYTHONEXECUTABLE PYTHONSTARTUP "
    "PYTHONUSERBASE PYTHONPYCACHEPREFIX PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED TF_CLI_* "
    "R_LIBS* R_HOME WANDB_* MLFLOW_* *_HOME *_CACHE "
    "RANK LOCAL_* WORLD_SIZE GROUP_RANK ROLE_* NODE_RANK MASTER_* TORCHELASTIC_* OMPI_* PMI_* "
    "PMIX_* MPI_* MV2_* I_MPI_* SLURM_* PBS_* LSB_* SGE_* OAR_* COBALT_* FLUX_* JOB_* NSLOTS "
    "AWS_BATCH_* KUBERNETES_*"
).split()
"""Names of recorded variables; ``*`` stands for any."""

_IS_PLACE = re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in _PLACES))


def is_place(name: str) -> bool:
    """Return whether the variable `name` says where programs and files are, or which job it is."""
    return _IS_PLACE.fullmatch(name) is not None
