"""Tools whose own command line is not the program's, known by their names."""

from __future__ import annotations

import os

__all__ = ["is_launcher", "is_runner"]

_LAUNCHERS = frozenset(
    "PyInstaller _pytest accelerate build con-duct con_duct conda dask ddtrace ddtrace-run "
    "deepspeed distributed duct dvc ensurepip fabric guild hatch horovod joblib jupyter "
    "jupyter_core loky mamba meticulous ninja nox notebook opentelemetry opentelemetry-instrument "
    "papermill pdm pip pip3 pipenv pipx poetry py-spy py.test pytest ray sagemaker setuptools "
    "snakemake spawn submitit tensorboard torchrun torchx tox uv uvx venv virtualenv wandb wheel".split()
)
"""Packages and scripts that start the program, or are none: nothing in their process is its."""

_LAUNCHING_MODULES = (
    "lightning.fabric.cli",
    "lightning_fabric.cli",
    "torch._inductor",
    "torch.distributed",
    "torch.utils.collect_env",
    "torch_xla.distributed",
    "transformers.commands",
)
"""The same, of packages that are otherwise libraries."""

_RUNNERS = frozenset(
    "IPython cProfile coverage debugpy ipykernel ipython kernprof line_profiler memory_profiler memray "
    "mpi4py pdb profile pudb pyinstrument runpy scalene trace traitlets viztracer".split()
)
"""Packages and scripts that run the program in their own process: it parses there as well."""


def is_launcher(main: str) -> bool:
    """Return whether `main`, a module's dotted name or the path of a script, starts the program.

    A script is judged by its name without an ending, as console scripts have: ``pip`` is one,
    ``pip.py`` a program.
    """
    name = _name(main)
    if name in _LAUNCHERS:
        return True
    return any(main == module or main.startswith(module + ".") for module in _LAUNCHING_MODULES)


def is_runner(main: str) -> bool:
    """Return whether `main` runs the program in its own process."""
    return _name(main) in _RUNNERS


def _name(main: str) -> str:
    """Return the package of a module, or the name of a script, with the ending if it has one."""
    if "/" not in main and not main.endswith(".py"):
        return main.partition(".")[0]
    for folder in ("/site-packages/", "/dist-packages/"):
        if folder in main:  # a part of a package that is run by its path
            return main.rpartition(folder)[2].partition("/")[0]
    name = os.path.basename(main)
    return os.path.basename(os.path.dirname(main)) if name == "__main__.py" else name
