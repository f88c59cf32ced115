"""Meticulous records experiments as numbered folders of plain files.

The public names are loaded when they are first used, so that ``import meticulous`` costs a program
next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from meticulous.child.helper import log, open, run_directory, run_id, summary
    from meticulous.errors import MeticulousError
    from meticulous.experiment import Experiment
    from meticulous.experiments import ExperimentReader, Experiments
    from meticulous.sweep.api import Sweep

__all__ = [
    "Experiment",
    "ExperimentReader",
    "Experiments",
    "MeticulousError",
    "Sweep",
    "log",
    "open",
    "run_directory",
    "run_id",
    "summary",
]

__version__ = "0.1.0"

_MODULES = {
    "Experiment": "experiment",
    "ExperimentReader": "experiments",
    "Experiments": "experiments",
    "MeticulousError": "errors",
    "Sweep": "sweep.api",
    "log": "child.helper",
    "open": "child.helper",
    "run_directory": "child.helper",
    "run_id": "child.helper",
    "summary": "child.helper",
}
"""Public name -> the module of this package that has it."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
