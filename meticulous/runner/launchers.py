"""Tools whose own command line is not the program's: they start it, or run it in their process."""

from __future__ import annotations

import os

__all__ = ["is_launcher"]

_PACKAGES = frozenset(
    "IPython PyInstaller _pytest accelerate build composer conda coverage dask debugpy deepspeed "
    "distributed dvc ensurepip fabric guild hatch horovod ipykernel jupyter jupyter_core kernprof "
    "line_profiler mamba memory_profiler memray meticulous mpi4py ninja nox notebook papermill pdm "
    "pip pip3 pipenv pipx poetry pudb py.test py-spy pyinstrument pytest ray sagemaker scalene "
    "setuptools snakemake spawn submitit tensorboard torchrun torchx tox traitlets uv uvx venv "
    "viztracer virtualenv wandb wheel".split()
)
"""Top-level packages and names of scripts."""

_MODULES = (
    "lightning.fabric.cli",
    "lightning_fabric.cli",
    "torch._inductor",
    "torch.distributed",
    "torch.utils.collect_env",
    "torch_xla.distributed",
    "transformers.commands",
)
"""Modules of packages that are otherwise libraries."""


def is_launcher(main: str) -> bool:
    """Tell whether `main`, a module's dotted name or the path of a script, is such a tool.

    A script is judged by its name, and where it was installed as a console script that is all
    there is; ``train.py`` and ``pip.py`` beside each other are both programs.
    """
    if "/" in main or main.endswith(".py"):
        name = os.path.basename(main)
        if name == "__main__.py":
            name = os.path.basename(os.path.dirname(main))
        return name in _PACKAGES
    if main.partition(".")[0] in _PACKAGES:
        return True
    return any(main == module or main.startswith(module + ".") for module in _MODULES)
