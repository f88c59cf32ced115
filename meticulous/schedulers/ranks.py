"""Which of several processes, started side by side by a launcher, this one is.

Only what a launcher has put into the environment counts, and only where it is told how many there
are. What is inherited by a program that a rank has started is not meant for it:
``METICULOUS_STEP`` says that a recorder above has taken it for itself.
"""

from __future__ import annotations

import os

from meticulous.base.namedtuple import NamedTuple
from meticulous.base.process_id import start_time
from meticulous.child.variables import STEP_VARIABLE
from meticulous.schedulers.variables import RANKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Rank", "find"]

_LONGEST_KEY = 200


class Rank(NamedTuple):
    """The place of this process among those that were started together.

    `number` counts from 0 to `size` - 1. `key` is the same for all of them and for no others, and
    can be the name of a file.
    """

    number: int
    size: int
    key: str


def find(environ: Mapping[str, str]) -> Rank | None:
    """Return our rank; None where we are alone, or where a recorder above us has that rank.

    The launchers are asked from the inside to the outside: torchrun runs inside a job of Slurm,
    never the other way round.
    """
    keys = {
        "RANK": _torch_key,
        "OMPI_COMM_WORLD_RANK": _open_mpi_key,
        "PMI_RANK": _pmi_key,
        "FLUX_TASK_RANK": _flux_key,
        "SLURM_PROCID": _slurm_key,
    }
    for number, size in RANKS:
        if number not in keys:
            continue
        name = keys[number]
        place, count = environ.get(number, ""), environ.get(size, "")
        key = name(environ) if place.isdecimal() and count.isdecimal() else None
        if key is not None:
            key = _harmless(key)
            is_ours = int(place) < int(count) and int(count) > 1
            return (
                Rank(int(place), int(count), key)
                if is_ours and key != environ.get(STEP_VARIABLE)
                else None
            )
    return None


def _torch_key(environ: Mapping[str, str]) -> str | None:
    """RANK and WORLD_SIZE are common names: only torchrun gives them together with its own."""
    run = environ.get("TORCHELASTIC_RUN_ID")
    if run is None:
        return None
    restart = environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    if environ.get("LOCAL_WORLD_SIZE") == environ["WORLD_SIZE"]:
        launcher = _launcher("RANK", environ)  # its run id is "none" unless one is given
        return f"torch-{launcher}-{restart}" if launcher else None
    names = ("MASTER_ADDR", "MASTER_PORT", "SLURM_JOB_ID", "SLURM_RESTART_COUNT")
    return "-".join(["torch", run, *(environ.get(name, "") for name in names), restart])


def _open_mpi_key(environ: Mapping[str, str]) -> str | None:
    names = ("PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid")
    job = next((environ[name] for name in names if environ.get(name)), None)
    job = job or _launcher("OMPI_COMM_WORLD_RANK", environ)
    return f"mpi-{job}-{_job(environ)}" if job else None


def _pmi_key(environ: Mapping[str, str]) -> str | None:
    """MPICH and its kin; Slurm speaks PMI too, and names its steps better."""
    if environ.get("SLURM_PROCID") == environ["PMI_RANK"] and "SLURM_STEP_ID" in environ:
        return _slurm_key(environ)
    if environ.get("PALS_APID"):
        return f"pals-{environ['PALS_APID']}"
    if environ.get("PMI_PORT"):
        return f"pmi-{environ['PMI_PORT']}-{_job(environ)}"
    if environ.get("MPI_LOCALNRANKS") == environ["PMI_SIZE"]:
        launcher = _launcher("PMI_RANK", environ)
        return f"pmi-{launcher}" if launcher else None
    return f"pmi-{_job(environ)}-{environ.get('SLURM_STEP_ID', '')}" if _job(environ) else None


def _flux_key(environ: Mapping[str, str]) -> str | None:
    job = environ.get("FLUX_JOB_ID")
    return f"flux-{job}" if job else None


def _slurm_key(environ: Mapping[str, str]) -> str | None:
    job, step = environ.get("SLURM_JOB_ID"), environ.get("SLURM_STEP_ID")
    if not job or not step:
        return None  # the script of a batch job is no step
    names = ("SLURM_CLUSTER_NAME", "SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
    return "-".join(["slurm", *(environ.get(name) or "0" for name in names)])


def _job(environ: Mapping[str, str]) -> str:
    names = ("SLURM_JOB_ID", "SLURM_RESTART_COUNT", "PBS_JOBID", "LSB_JOBID", "COBALT_JOBID")
    return "-".join(environ[name] for name in names if environ.get(name))


def _launcher(variable: str, environ: Mapping[str, str]) -> str | None:
    """Name the process that has given us `variable`: the first above us that lacks it.

    So a shell script between the launcher and us does no harm. It must be on this machine.
    """
    given = f"{variable}={environ[variable]}".encode()
    pid = os.getppid()
    while pid > 1 and os.path.exists("/proc/self/environ"):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if given not in file.read().split(b"\0"):
                    break
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except PermissionError:
            break  # not ours, so not between the launcher and us
        except OSError:
            return None
    try:
        return f"{os.uname().nodename}-{pid}-{start_time(pid)}" if pid > 1 else None
    except OSError:
        return f"{os.uname().nodename}-{pid}"


def _harmless(key: str) -> str:
    """Make a file name of `key`."""
    text = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in key)
    return text[-_LONGEST_KEY:]
