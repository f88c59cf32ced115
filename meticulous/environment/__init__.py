"""The content of environment.json: what a run had around it.

The Python and its packages (:mod:`meticulous.environment.interpreter`, :mod:`meticulous.environment.packages`), the machine
(:mod:`meticulous.environment.machine`), and the environment variables that decide what a program computes. The
list of variables is below; ``docs/privacy.md`` shows it to people. Nothing here raises: what cannot
be found out is said under ``trouble``.
"""

from __future__ import annotations

import os
import re

from meticulous.environment.gpu_info import gpus, is_driver_there
from meticulous.environment.interpreter import find_python
from meticulous.environment.machine import cpu, memory, operating_system
from meticulous.environment.packages import installed
from meticulous.masking import mask_text, mask_variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

__all__ = ["VARIABLES", "gather"]

VARIABLES = (
    # where programs, libraries and their data come from
    "PATH LD_LIBRARY_PATH LD_PRELOAD DYLD_* VIRTUAL_ENV CONDA_* MAMBA_* UV_* PYENV_VERSION "
    "PYTHON* PIP_CONSTRAINT MODULEPATH LOADEDMODULES LMOD_SYSTEM_NAME EBROOT* "
    # language, time, place
    "LANG LANGUAGE LC_* TZ HOSTNAME TMPDIR SOURCE_DATE_EPOCH "
    # threads and numerical libraries
    "OMP_* KMP_* GOMP_* MKL_* OPENBLAS_* BLIS_* VECLIB_* NUMEXPR_* NUMBA_* RAYON_NUM_THREADS "
    "TBB_* DNNL_* ONEDNN_* ATEN_* MALLOC_* GLIBC_TUNABLES "
    # accelerators
    "CUDA_* CUDNN_* CUBLAS_* NVIDIA_* NCCL_* RCCL_* HIP_* ROCR_* ROCM_* HSA_* MIOPEN_* AMD_* "
    "ONEAPI_* SYCL_* ZE_* HABANA_* PT_HPU_* TPU_* NEURON_* GPU_DEVICE_ORDINAL DISPLAY_GPU UCX_* "
    "FI_* GLOO_* NVSHMEM_* TRITON_* "
    # libraries of the field
    "TORCH* PYTORCH_* TF_* XLA_* JAX_* KERAS_* LIBTPU_* FLAX_* HF_* HUGGINGFACE_* TRANSFORMERS_* "
    "TOKENIZERS_* DATASETS_* DIFFUSERS_* ACCELERATE_* DEEPSPEED_* DS_* FSDP_* MEGATRON_* VLLM_* "
    "BITSANDBYTES_* FLASH_ATTENTION_* PL_* LIGHTNING_* HYDRA_* WANDB_MODE WANDB_PROJECT "
    "WANDB_ENTITY WANDB_RUN_ID WANDB_RUN_GROUP WANDB_SWEEP_ID WANDB_DIR WANDB_DISABLED "
    "MLFLOW_TRACKING_URI MLFLOW_EXPERIMENT_* RAY_* DASK_* SPARK_* POLARS_* OPENCV_* MUJOCO_GL "
    "PYOPENGL_PLATFORM SDL_VIDEODRIVER R_LIBS* R_HOME JULIA_* "
    # many processes, schedulers
    "RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_RANK ROLE_* NODE_RANK MASTER_ADDR "
    "MASTER_PORT TORCHELASTIC_* OMPI_* PMI_* PMIX_* MPI_* MV2_* I_MPI_* SLURM_* PBS_* LSB_* SGE_* "
    "OAR_* COBALT_* FLUX_* JOB_ID JOB_NAME NSLOTS JOB_COMPLETION_INDEX AWS_BATCH_* "
    "KUBERNETES_NODE_NAME"
).split()
"""Names of the environment variables that are recorded; a ``*`` at the end stands for any."""


def gather(
    command: Sequence[str],
    cwd: str,
    environ: Mapping[str, str],
    extra_names: Iterable[str] = (),
    interpreter: Mapping[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
    set_by_program: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the JSON object of environment.json for `command`, run in `cwd` with `environ`.

    Args:
        command: the words of the command line.
        cwd: absolute path.
        environ: the environment of the command.
        extra_names: environment variables to record beyond :data:`VARIABLES`, with ``*``.
        interpreter: what the child reported of its Python: ``executable``, ``version``,
            ``prefix``, ``path``; without it the command is resolved.
        save: called with what is known before a driver is asked, which may take long to answer.
        set_by_program: variables of `environ` that the program has set itself.

    """
    content: dict[str, Any] = {}
    trouble: list[str] = []

    def part(name: str, find: Callable[[], dict[str, Any]]) -> None:
        try:
            found = find()
            said = found.pop("trouble", None)
            content.update(found)
        except Exception as error:  # noqa: BLE001, one part that fails leaves the others
            said = f"{name}: {error or type(error).__name__}"
        if said:
            trouble.append(mask_text(str(said)))

    part("python", lambda: _python(command, cwd, environ, interpreter))
    part("host", _host)
    part("os", lambda: {"os": operating_system()})
    part("cpu", lambda: {"cpu": cpu()})
    part("memory", lambda: {"memory": memory()})
    part("variables", lambda: {"variables": _variables(environ, extra_names)})
    own = [name for name in content.get("variables", ()) if name in set(set_by_program)]
    if own:
        content["variables-of-program"] = own
    if save is not None and is_driver_there(environ):
        save(content)
    part("gpus", lambda: {"gpus": []} | gpus(environ))
    if trouble:
        content["trouble"] = trouble
    return content


def _python(
    command: Sequence[str],
    cwd: str,
    environ: Mapping[str, str],
    interpreter: Mapping[str, Any] | None,
) -> dict[str, Any]:
    found = find_python(command, cwd, environ, interpreter)
    if found.unknown:
        return {"python": None, "python-unknown": mask_text(found.unknown), "packages": {}}
    packages = installed(found.directories)
    python = {
        "executable": found.executable,
        "version": found.version,
        "prefix": found.prefix,
        "source": "report" if interpreter else "command",
    }
    result: dict[str, Any] = {"python": python, "packages": packages.versions}
    if packages.sources:
        result["package-sources"] = packages.sources
    return result


def _host() -> dict[str, Any]:
    return {"host": os.uname().nodename}


def _variables(environ: Mapping[str, str], extra_names: Iterable[str]) -> dict[str, str]:
    """Pick the variables to record, in the order of their names, masked."""
    names = frozenset(VARIABLES)
    beginnings = tuple(name[:-1] for name in VARIABLES if name.endswith("*"))
    extra = _matcher(extra_names)
    return {
        name: mask_variable(name, environ[name])
        for name in sorted(environ)
        if (name in names or name.startswith(beginnings) or extra.fullmatch(name))
        and not name.startswith("METICULOUS_")
    }


def _matcher(names: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for full names; without any name, one that matches nothing."""
    parts = [".*".join(map(re.escape, name.split("*"))) for name in names if name]
    return re.compile("|".join(parts) or r"(?!)", re.DOTALL)
