"""Which program a command line is about, behind the launchers that are put in front of it.

``nohup torchrun --nproc_per_node 8 train.py --lr 0.1`` is about ``train.py``: its arguments are
``--lr 0.1``, and the Python that runs it is torchrun's. The table holds the launchers that are seen
in front of experiments; what is not in it is taken to be the program itself. Nothing is executed
or looked up on the disk. Standard library only.
"""

from __future__ import annotations

import os
import re

from meticulous.base.namedtuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["Program", "is_python", "program_name", "program_of"]


class Program(NamedTuple):
    """What a command line runs.

    `executable` is the word whose file decides which interpreter runs: ``python`` in ``nice python
    x.py``, ``torchrun`` in ``torchrun x.py``. `options` are the words between it and the script
    (``-I`` and the like). `manager` is the launcher that chooses the environment in its own way
    (``uv``, ``conda`` …) or ``""``. `arguments` are the words that are the program's own.
    """

    executable: str
    options: tuple[str, ...]
    manager: str
    arguments: Sequence[str]


class _Wrapper(NamedTuple):
    """How to find the command behind a launcher. Options are written with spaces between them.

    Options in `values` are followed by one word, those in `pairs` by two; where `flags` is given,
    all options but those are followed by one. `skip` plain words come before the command.
    `script`: what follows is a script (its arguments are the program's) and not a command to look
    at again.
    """

    values: str = ""
    pairs: str = ""
    flags: str | None = None
    skip: int = 0
    script: bool = False
    subcommand: tuple[str, ...] = ()
    manages: bool = False


# Plain dictionaries: every start of `run` builds the table, and needs one entry at most.
_MPI = {
    "values": (
        "-n -np --n --np -c -N -H -host --host -hosts -hostfile --hostfile -machinefile "
        "--machinefile -map-by --map-by -bind-to --bind-to -rank-by --rank-by -x -wdir --wdir "
        "-wd -npernode --npernode -ppn -perhost -f -genvlist -envlist --prefix --timeout --app "
        "-launcher -iface -rf --rankfile -output-filename --output-filename -path --path"
    ),
    "pairs": "-mca --mca -gmca --gmca -genv -env",
}
_TORCHRUN = {
    "flags": (
        "--standalone -m --module --no_python --run_path --use_env --virtual_local_rank "
        "--duplicate_stdout_filters --help -h"
    ),
    "script": True,
}
_ACCELERATE = {
    "subcommand": ("launch",),
    "flags": (
        "--cpu --multi_gpu --tpu --ipex --use_xpu --use_mps_device --use_deepspeed --use_fsdp "
        "--use_megatron_lm --use_parallelism_config --same_network --quiet -q --debug -m "
        "--module --no_python --tpu_cluster --no_tpu_cluster --tpu_use_sudo "
        "--enable_cpu_affinity --help -h --fp8_override_linear_precision"
    ),
    "script": True,
}
_DEEPSPEED = {
    "flags": (
        "--no_python --no_local_rank --module --save_pid --force_multi --no_ssh --no_ssh_check "
        "--bind_cores_to_rank --elastic_training --use_pssh --help -h"
    ),
    "script": True,
}
_DUCT = {"flags": "-h --help --version -q --quiet --colors --clobber"}
_SHELL = {"values": "-o +o -O +O --rcfile --init-file", "script": True}
_CONDA = {
    "subcommand": ("run",),
    "values": "-n --name -p --prefix --cwd -e --env -r --root-prefix",
    "manages": True,
}
_RUN = {
    "subcommand": ("run",),
    "values": "-e --environment -p --project -C --directory",
    "manages": True,
}
_WRAPPERS: dict[str, dict[str, Any]] = {
    "env": {"values": "-u --unset -C --chdir"},
    "nice": {"values": "-n --adjustment"},
    "ionice": {"values": "-c --class -n --classdata"},
    "chrt": {"skip": 1},
    "taskset": {"skip": 1},
    "numactl": {
        "values": (
            "-i --interleave -p --preferred -m --membind -N --cpunodebind -C --physcpubind -w "
            "--weighted-interleave"
        )
    },
    "nohup": {},
    "setsid": {},
    "exec": {"values": "-a"},
    "command": {},
    "catchsegv": {},
    "stdbuf": {"values": "-i --input -o --output -e --error"},
    "unbuffer": {},
    "time": {"values": "-f --format -o --output"},
    "timeout": {"values": "-k --kill-after -s --signal", "skip": 1},
    "sudo": {"values": "-u --user -g --group -h --host -p --prompt -C -D -R -T"},
    "xvfb-run": {
        "values": (
            "-e --error-file -f --auth-file -n --server-num -p --xauth-protocol -s -w --wait "
            "--server-args"
        )
    },
    "mpirun": _MPI,
    "mpiexec": _MPI,
    "orterun": _MPI,
    "prterun": _MPI,
    "mpiexec.hydra": _MPI,
    "srun": {
        "values": (
            "-A --account -b --begin -B --extra-node-info -c --cpus-per-task --container "
            "--container-image --container-mounts --container-name --container-workdir -C "
            "--constraint --comment --cpu-bind --cpu-freq -d --dependency -D --chdir -e "
            "--error --export --epilog -G --gpus --gpu-bind --gpus-per-node --gpus-per-socket "
            "--gpus-per-task --gres --gres-flags --het-group --hint -i --input -J --job-name "
            "--jobid -L --licenses -m --distribution --mail-type --mail-user --mem --mem-bind "
            "--mem-per-cpu --mem-per-gpu --mpi -n --ntasks -N --nodes --network --nice "
            "--ntasks-per-core --ntasks-per-gpu --ntasks-per-node --ntasks-per-socket "
            "--open-mode -o --output -p --partition --prolog --propagate -q --qos -r "
            "--relative --reservation --signal -S --core-spec --switches -t --time --time-min "
            "--threads-per-core --tmpdir -w --nodelist -W --wait --wckey -x --exclude"
        )
    },
    "con-duct": {**_DUCT, "subcommand": ("run",)},
    "duct": _DUCT,
    "ddtrace-run": {},
    "opentelemetry-instrument": {"flags": "-h --help --version"},
    "horovodrun": {
        "values": (
            "-np --num-proc -p --ssh-port -i --ssh-identity-file -H --hosts -hostfile "
            "--hostfile --start-timeout --network-interface --min-np --max-np "
            "--output-filename --config-file --mpi-args --log-level"
        )
    },
    "torchrun": _TORCHRUN,
    "torch.distributed.run": _TORCHRUN,
    "torch.distributed.launch": _TORCHRUN,
    "accelerate": _ACCELERATE,
    "accelerate.commands.accelerate_cli": _ACCELERATE,
    "accelerate-launch": {**_ACCELERATE, "subcommand": ()},
    "accelerate.commands.launch": {**_ACCELERATE, "subcommand": ()},
    "deepspeed": _DEEPSPEED,
    "deepspeed.launcher.runner": _DEEPSPEED,
    "uv": {
        "subcommand": ("run",),
        "values": (
            "--with --with-editable --with-requirements --extra --no-extra --group --no-group "
            "--only-group --env-file --python -p --package -P --upgrade-package --project "
            "--directory --index --default-index -i --index-url --extra-index-url -f "
            "--find-links --cache-dir --config-file --config-setting -C --link-mode "
            "--resolution --prerelease --index-strategy --keyring-provider --exclude-newer "
            "--color -w"
        ),
        "manages": True,
    },
    "poetry": _RUN,
    "pdm": _RUN,
    "pipenv": _RUN,
    "hatch": _RUN,
    "pixi": _RUN,
    "rye": _RUN,
    "conda": _CONDA,
    "mamba": _CONDA,
    "micromamba": _CONDA,
    "bash": _SHELL,
    "sh": _SHELL,
    "dash": _SHELL,
    "zsh": _SHELL,
    "ksh": _SHELL,
    "Rscript": {"script": True},
    "julia": {"values": "-t --threads -p --procs -L --load -J -C -g -O", "script": True},
    "node": {"values": "-r --require", "script": True},
    "perl": {"script": True},
    "ruby": {"values": "-r -I", "script": True},
    # Modules behind `python -m` that run another program.
    "cProfile": {"values": "-o --outfile -s --sort", "script": True},
    "profile": {"values": "-o --outfile -s --sort", "script": True},
    "pdb": {"values": "-c --command", "script": True},
    "debugpy": {"values": "--listen --connect --log-to --parent-session-pid", "script": True},
    "coverage": {
        "subcommand": ("run",),
        "values": "--rcfile --source --include --omit --context --concurrency --data-file",
        "script": True,
    },
    "kernprof": {"values": "-o --outfile -s --setup -p --prof-mod -i -u", "script": True},
    "memory_profiler": {"values": "-o --precision --backend", "script": True},
    "viztracer": {"values": "-o --output_file --tracer_entries --max_stack_depth", "script": True},
}

_PYTHON = r"(?:python|pypy)[0-9.]*[tdw]?(?:\.exe)?"
_ASSIGNED = r"[A-Za-z_]\w*="


def program_of(command: Sequence[str]) -> Program:
    """Find the program of `command`; with nothing recognised, its first word and all the rest."""
    at, executable, manager = 0, "", ""
    options: tuple[str, ...] = ()
    while at < len(command):
        word = command[at]
        name = word.rpartition("/")[2]
        at += 1
        if is_python(name):
            start = at
            at, name = _behind_python(command, at)
            # A launcher like torchrun has its own Python, which was met first.
            executable, options = executable or word, tuple(command[start:at])
        wrapper = _Wrapper(**_WRAPPERS[name]) if name in _WRAPPERS else None
        behind = _behind_wrapper(command, at, wrapper) if wrapper else None
        if not wrapper or behind is None:
            executable = executable or word
            break
        at = behind
        manager = manager or (name if wrapper.manages else "")
        if wrapper.script:
            executable = executable or word
            at += 1
            break
    return Program(executable or "".join(command[:1]), options, manager, command[at:])


def program_name(command: Sequence[str]) -> str:
    """Return what people call the program of `command`: its script, module or command."""
    program = program_of(command)
    words = command[: len(command) - len(program.arguments)]
    if len(words) > 1 and words[-2] == "-c":
        return f"{os.path.basename(program.executable)} -c"
    if len(words) > 1 and words[-2] == "-m":
        return words[-1]
    return os.path.basename(words[-1].rstrip("/")) if words else ""


def is_python(name: str) -> bool:
    """Return whether a program of the file name `name` is a Python interpreter."""
    return re.fullmatch(_PYTHON, name) is not None


def _behind_python(command: Sequence[str], at: int) -> tuple[int, str]:
    """Skip the interpreter's options and its script; give also the module after ``-m``, or ""."""
    while at < len(command):
        word = command[at]
        at += 1
        if not word.startswith("-") or word == "-":
            return at, ""
        if word.startswith("--"):
            at += word == "--check-hash-based-pycs"
            continue
        for position, letter in enumerate(word[1:], 2):
            if letter in "mcWX":
                attached = word[position:]
                at += not attached
                if letter == "m":
                    return at, attached or "".join(command[at - 1 : at])
                if letter == "c":
                    return at, ""
                break
    return at, ""


def _behind_wrapper(command: Sequence[str], at: int, wrapper: _Wrapper) -> int | None:
    """Skip the options of a launcher; None where its subcommand is not the one that runs things."""
    waiting, skip = list(wrapper.subcommand), wrapper.skip
    while at < len(command):
        word = command[at]
        if word == "--":
            return None if waiting else at + 1
        if word[:1] in ("-", "+") and len(word) > 1:
            at += 1 + _values_after(word, wrapper)
        elif waiting:
            if word != waiting.pop():
                return None
            at += 1
        elif not wrapper.script and re.match(_ASSIGNED, word):
            at += 1
        elif skip:
            skip -= 1
            at += 1
        else:
            break
    return None if waiting else at


def _values_after(option: str, wrapper: _Wrapper) -> int:
    """Return how many words after `option` belong to it."""
    if wrapper.flags is None:
        return 2 if option in wrapper.pairs.split() else int(option in wrapper.values.split())
    dashes = len(option) - len(option.lstrip("-"))
    name = "-" * dashes + option[dashes:].replace("-", "_")
    return 0 if "=" in option or name in wrapper.flags.split() else 1
