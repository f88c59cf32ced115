"""What it costs to log a million points, and to read them again, beside other tools.

Processor time in fresh processes, with the start of Python and the imports in the reading.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import common

LOG = """
import os, time
os.environ["METICULOUS_RUN_DIR"] = os.getcwd()
from meticulous import log
values = {{"loss": 0.12345678901, "lr": 0.001, "acc": 0.5123}}
log(values, step=0)
start = time.process_time()
for step in range({count}):
    log(values, step=step)
print((time.process_time() - start) / {count} * 1e6)
"""
WANDB = """
import os, time
os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=".")
import wandb
run = wandb.init(project="benchmark")
values = {{"loss": 0.12345678901, "lr": 0.001, "acc": 0.5123}}
start = time.process_time()
for step in range({count}):
    run.log(values, step=step)
print((time.process_time() - start) / {count} * 1e6)
run.finish()
"""
MAKE = """
import json, random
generator = random.Random(1)
with open("metrics.jsonl", "w") as file:
    time = 1764046331.0
    for step in range({count}):
        time += generator.random() / 100
        line = {{"step": step, "time": round(time, 5), "loss": 2.5 / (step + 1) ** 0.3 + generator.random() / 100,
                 "lr": 1e-3 * (1 - step / {count})}}
        file.write(json.dumps(line) + "\\n")
"""
READ = "from meticulous.metrics import series; assert len(series.read('.')) == {count}"
FRAME = "import pandas; assert len(pandas.read_json('metrics.jsonl', lines=True)) == {count}"
EVENTS = """
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = EventAccumulator("{path}", size_guidance={{"scalars": 0}})
found.Reload()
assert len(found.Scalars("loss")) == {count}
"""
WRITE_EVENTS = """
from meticulous.metrics import series, tfevents
with open("{path}", "wb") as file:
    file.writelines(tfevents.event_file(series.read(".")))
"""
OWN_EVENTS = """
from meticulous.metrics.event_files import EventFile
assert sum(1 for _ in EventFile("{path}").read()) == 2 * {count}
"""
PEERS = {"orjson": ["orjson"], "tensorboard": ["tensorboard"], "wandb": ["wandb"]}


def main() -> None:
    """Print two tables."""
    parser = common.parser_with_peers(__doc__, PEERS)
    parser.set_defaults(rounds=3)
    parser.add_argument("--points", type=int, default=1_000_000, metavar="N")
    options = parser.parse_args()
    programs = common.our_programs(options.baseline)
    pythons = {name: str(Path(program).with_name("python")) for name, program in programs.items()}
    for name in options.peer:
        if name == "orjson":
            install = [pythons["meticulous"], "-m", "pip", "install", "-q", "orjson"]
            common.timed(install, common.ROOT)
        elif folder := common.installed(name, PEERS[name]):
            pythons[name] = str(folder / "python")
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        _log(pythons, folder, options)
        _read(pythons, folder, options)


def _log(pythons: dict[str, str], folder: Path, options: argparse.Namespace) -> None:
    count = max(options.points // 10, 1)
    programs = {
        name: WANDB if name == "wandb" else LOG for name in pythons if name != "tensorboard"
    }
    found: dict[str, list[float]] = {name: [] for name in programs}

    def measure(name: str) -> None:
        place = folder / "log"
        place.mkdir()
        command = [pythons[name], "-c", programs[name].format(count=count)]
        common.timed(command, place, {1: str(place / "told")})
        found[name].append(float((place / "told").read_text().split()[-1]))
        shutil.rmtree(place)

    common.rounds(programs, options.rounds, measure)
    lines = [
        [name, *(f"{v:.1f}" for v in (min(times), common.median(times), max(times)))]
        for name, times in found.items()
    ]
    header = ["µs of processor time a call", "min", "median", "max"]
    common.table(f"{count:,} calls with three floats, {options.rounds} rounds", header, lines)


def _read(pythons: dict[str, str], folder: Path, options: argparse.Namespace) -> None:
    count, python = options.points, pythons["meticulous"]
    common.timed([python, "-c", MAKE.format(count=count)], folder)
    path = folder / "events.out.tfevents.1.benchmark"
    programs = {
        "the first time": (python, READ),
        "again, from the kept columns": (python, READ),
        "pandas.read_json": (python, FRAME),
    }
    if "tensorboard" in pythons:
        common.timed([python, "-c", WRITE_EVENTS.format(path=path)], folder)
        programs["event file, our reader"] = (python, OWN_EVENTS)
        programs["event file, TensorBoard's"] = (pythons["tensorboard"], EVENTS)
    found: dict[str, list[common.Finished]] = {name: [] for name in programs}

    def measure(name: str) -> None:
        if name == "the first time":
            shutil.rmtree(folder / "cache", ignore_errors=True)
        program, text = programs[name]
        command = [program, "-c", text.format(count=count, path=path)]
        found[name].append(common.timed(command, folder))

    common.rounds(programs, options.rounds, measure)
    lines = []
    for name, done in found.items():
        times = [one.cpu_s for one in done]
        peak = max(one.peak_bytes for one in done) / common.MIB
        numbers = [f"{value:.2f}" for value in (min(times), common.median(times), max(times))]
        lines.append([name, *numbers, f"{peak:.0f}"])
    header = ["s of processor time", "min", "median", "max", "peak MiB"]
    size = (folder / "metrics.jsonl").stat().st_size / common.MIB
    title = f"{count:,} lines with two names, {size:.0f} MiB, {options.rounds} rounds"
    common.table(title, header, lines)


if __name__ == "__main__":
    main()
