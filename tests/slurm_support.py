"""A real Slurm of one node, for one session of tests: started as plain processes, without systemd.

It has sockets, ports and directories of its own, so several can run side by side, one for each
worker. What it starts is ended with it.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

DEADLINE_S = 60.0

_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
# A requeued job waits for as long as its credential lives: two minutes by default.
AuthInfo=socket={base}/munge.sock,cred_expire=5
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MaxArraySize=9
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
ReturnToService=2
KillWait=3
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
SwitchType=switch/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs=32 RealMemory=1000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=9 PreemptMode=OFF
"""


def missing() -> str | None:
    """Say why no Slurm can be started here; None where one can."""
    if not sys.platform.startswith("linux"):
        return "Slurm runs on Linux"
    if os.getuid() != 0:
        return "slurmd wants to be root"
    programs = ("munged", "slurmctld", "slurmd", "srun", "sbatch")
    absent = [name for name in programs if _program(name) is None]
    return f"{', '.join(absent)} not installed (apt: slurm-wlm munge)" if absent else None


class Slurm:
    """A cluster of one node that is up. ``environ`` is what a client of it needs."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.configuration = base / "slurm.conf"
        self.host = socket.gethostname().partition(".")[0]

    @property
    def environ(self) -> dict[str, str]:
        """The environment for commands that talk to this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.configuration)}

    def start(self) -> None:
        """Bring it up; fails when the node is not idle after a deadline."""
        base = self._base
        for name in ("state", "spool"):
            (base / name).mkdir()
        key = base / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        ports = _free_ports(2)
        self.configuration.write_text(
            _CONFIGURATION.format(
                base=base,
                host=self.host,
                user="root",
                controller_port=ports[0],
                node_port=ports[1],
            )
        )
        munge = [f"--{name}={base / file}" for name, file in _MUNGE_FILES]
        self._daemon("munged", "--foreground", "--force", *munge)
        deadline = time.monotonic() + DEADLINE_S
        while not (base / "munge.sock").exists():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.01)
        self._daemon("slurmctld", "-D", "-c", "-f", str(self.configuration))
        self._daemon("slurmd", "-D", "-f", str(self.configuration), "-N", self.host)
        while "idle" not in self.ask("sinfo", "-h", "-o", "%t", check=False):
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)

    def _daemon(self, name: str, *words: str) -> None:
        program = _program(name)
        assert program is not None
        with (self._base / f"{name}.log").open("wb") as log:
            self._daemons.append(
                subprocess.Popen(
                    [program, *words],
                    cwd=self._base,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a Ctrl-C is for the tests; they end it then
                    preexec_fn=_end_with_us,  # noqa: PLW1509 (before there are threads)
                )
            )

    def stop(self) -> None:
        """End it, and whatever it has started."""
        try:
            self.ask("scancel", "--signal=KILL", "--full", f"--nodelist={self.host}", check=False)
        except subprocess.TimeoutExpired:
            pass
        trees = [psutil.Process(one.pid) for one in self._daemons if one.poll() is None]
        started = [child for tree in trees for child in tree.children(recursive=True)]
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for child in started:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                pass

    def ask(self, *words: str, check: bool = True) -> str:
        """Run a client command to its end and return what it prints on stdout."""
        done = subprocess.run(
            words, env=self.environ, capture_output=True, text=True, timeout=30, check=False
        )
        assert not check or done.returncode == 0, f"{words}: {done.stderr}\n{self.logs()}"
        return done.stdout

    def submit(self, project: Path, script: str, *options: str) -> str:
        """Submit the lines of a shell script, to run in `project`; return the id of the job.

        What the job prints is in `project`/job-ID.out.
        """
        file = self._base / f"job-{time.monotonic_ns()}.sh"
        file.write_text(f"#!/bin/sh\n{script}\n")
        words = ["sbatch", "--parsable", f"--chdir={project}", "--output=job-%j.out", *options]
        return self.ask(*words, str(file)).strip()

    def state(self, job: str) -> str:
        """Return the state of the job as Slurm calls it: PENDING, RUNNING, COMPLETED, …"""
        found = re.search(r"JobState=(\S+)", self.ask("scontrol", "show", "job", job))
        return found[1] if found else ""

    def wait(self, job: str, *states: str) -> str:
        """Wait until the job (all tasks of an array) is in one of `states`; by default, over."""
        wanted = states or ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
        deadline = time.monotonic() + DEADLINE_S
        while True:
            text = self.ask("scontrol", "show", "job", job)
            found = re.findall(r"JobState=(\S+)", text)
            if found and all(state in wanted for state in found):
                return str(found[0])
            assert time.monotonic() < deadline, f"{text}\n{self.logs()}"
            time.sleep(0.05)

    def exhaust(self, job: str) -> None:
        """Let the time of a job that runs be over now: Slurm looks every 30 seconds.

        A limit of less than a minute cannot be asked for, an earlier end can.
        """
        end = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 1))
        self.ask("scontrol", "update", f"jobid={job}", f"EndTime={end}")

    def logs(self) -> str:
        """Return the end of what the daemons have said."""
        files = sorted(self._base.glob("*.log"))
        return "\n".join(f"{file.name}: {file.read_text()[-2000:]}" for file in files)


_MUNGE_FILES = (
    ("socket", "munge.sock"),
    ("key-file", "munge.key"),
    ("pid-file", "munged.pid"),
    ("log-file", "munged-own.log"),
    ("seed-file", "munge.seed"),
)


_LIBC = ctypes.CDLL(None)


def _end_with_us() -> None:
    """Have the kernel end the process, should these tests be killed."""
    pr_set_pdeathsig = 1  # prctl(2)
    _LIBC.prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Slurm]:
    """Return a running Slurm; skip where it is not installed."""
    if reason := missing():
        pytest.skip(reason)
    # Not below pytest's own directory: the path of a socket may not be longer than 107 bytes.
    base = Path(tempfile.mkdtemp(prefix="slurm-"))
    base.chmod(0o755)
    slurm = Slurm(base)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
        shutil.rmtree(base, ignore_errors=True)
