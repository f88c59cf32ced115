"""By which names a scheduler or launcher knows this job, array task, node and rank.

All are environment variables, kept under their own names, because these are the names that people
know from the manuals. Only HTCondor tells the job in a file instead.
"""

from __future__ import annotations

from meticulous.masking import mask_variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["scheduler_ids"]

_NAMES = (
    # Slurm: the job, its array and heterogeneous group, the step, the nodes, the place in them
    "SLURM_CLUSTER_NAME SLURM_JOB_ID SLURM_JOB_NAME SLURM_JOB_PARTITION SLURM_JOB_ACCOUNT "
    "SLURM_JOB_QOS SLURM_JOB_RESERVATION SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID "
    "SLURM_ARRAY_TASK_COUNT SLURM_HET_JOB_ID SLURM_HET_JOB_OFFSET SLURM_STEP_ID "
    "SLURM_RESTART_COUNT SLURM_JOB_NODELIST SLURM_JOB_NUM_NODES SLURM_STEP_NODELIST "
    "SLURMD_NODENAME SLURM_NODEID SLURM_PROCID SLURM_LOCALID SLURM_NTASKS SLURM_STEP_NUM_TASKS "
    "SLURM_CPUS_PER_TASK SLURM_CPUS_ON_NODE SLURM_MEM_PER_NODE SLURM_JOB_GPUS SLURM_STEP_GPUS "
    "SLURM_GPUS_ON_NODE "
    # PBS, Torque
    "PBS_JOBID PBS_JOBNAME PBS_QUEUE PBS_ARRAY_ID PBS_ARRAY_INDEX PBS_ARRAYID PBS_NODENUM "
    "PBS_TASKNUM PBS_NP PBS_NUM_NODES PBS_SERVER "
    # LSF
    "LSB_JOBID LSB_JOBINDEX LSB_JOBNAME LSB_QUEUE LSB_HOSTS LSB_MCPU_HOSTS LSF_CLUSTERNAME "
    "LSB_DJOB_NUMPROC "
    # Grid Engine, OAR, Cobalt, Flux, PALS
    "SGE_TASK_ID SGE_CELL SGE_CLUSTER_NAME OAR_JOB_ID OAR_JOB_NAME OAR_ARRAY_ID OAR_ARRAY_INDEX "
    "COBALT_JOBID FLUX_JOB_ID FLUX_JOB_SIZE FLUX_TASK_RANK PALS_APID PALS_RANKID "
    # clouds
    "AWS_BATCH_JOB_ID AWS_BATCH_JOB_ARRAY_INDEX AWS_BATCH_JOB_ATTEMPT AWS_BATCH_JQ_NAME "
    "JOB_COMPLETION_INDEX KUBERNETES_NODE_NAME "
    # torchrun, Open MPI, MPICH, PMIx
    "RANK LOCAL_RANK GROUP_RANK NODE_RANK WORLD_SIZE LOCAL_WORLD_SIZE TORCHELASTIC_RUN_ID "
    "TORCHELASTIC_RESTART_COUNT OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_LOCAL_RANK "
    "OMPI_COMM_WORLD_SIZE PMI_RANK PMI_SIZE PMIX_RANK PMIX_NAMESPACE WANDB_SWEEP_ID"
).split()
_GRID_ENGINE = ("JOB_ID", "JOB_NAME", "QUEUE", "NSLOTS", "NHOSTS", "PE", "RESTARTED")
"""Names too common to mean Grid Engine, unless it is there."""

_CONDOR_FILE = "_CONDOR_JOB_AD"
_CONDOR_ATTRIBUTES = ("ClusterId", "ProcId", "GlobalJobId", "NumJobStarts", "RemoteHost")
_MOST_BYTES = 1 << 20


def scheduler_ids(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the ids that `environ` tells of, by the names of their variables; secrets masked.

    Those of HTCondor are attributes of the file that it names: ``ClusterId``, ``ProcId``, ….
    """
    names = _NAMES
    if "SGE_TASK_ID" in environ or "SGE_ROOT" in environ:
        names = [*_NAMES, *_GRID_ENGINE]
    ids = {name: mask_variable(name, environ[name]) for name in names if environ.get(name)}
    if _CONDOR_FILE in environ:
        ids.update(_condor_ids(environ[_CONDOR_FILE]))
    return ids


def _condor_ids(path: str) -> dict[str, str]:
    """Read ``Name = value`` lines, text in double quotes."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(_MOST_BYTES).splitlines()
    except OSError:
        return {}
    pairs = [line.partition("=") for line in lines]
    found = {name.strip(): value.strip().strip('"') for name, _, value in pairs}
    return {
        name: mask_variable(name, found[name]) for name in _CONDOR_ATTRIBUTES if found.get(name)
    }
