"""What a sweep costs beside GNU parallel, and how 100,000 points are planned and shown.

Both run the same trivial command, recorded, two at a time. Rounds are interleaved; judge by the
ratios within one table.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import common

POINTS = 1_000
MANY = 100_000
WORKERS = 20


def main() -> None:
    """Print one table of runs, and one of what is done with very many points."""
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--points", type=int, default=POINTS, metavar="N", help="default: 1000")
    options = parser.parse_args()
    ours = common.our_programs(options.baseline)
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        repository = _repository(folder / "project")
        _compare_runs(ours, repository, options.points, options.rounds)
        _measure_many(ours, repository, options.rounds)


def _repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "train.py").write_text("print('hello')\n")
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "all"]):
        common.timed(["git", *words], folder)
    return folder


def _compare_runs(ours: dict[str, str], repository: Path, points: int, rounds: int) -> None:
    commands: dict[str, list[str]] = {}
    for name, program in ours.items():
        values = f"n=1..{points}"
        commands[f"{name} sweep -j 2"] = [program, "sweep", values, "-j", "2", "--", "true", "{n}"]
        if shutil.which("parallel"):
            script = f"seq {points} | parallel -j 2 {program} run -q -- true {{}}"
            commands[f"parallel -j 2 {name} run"] = ["sh", "-c", script]
    finished: dict[str, list[common.Finished]] = {name: [] for name in commands}

    def measure(name: str) -> None:
        finished[name].append(common.timed(commands[name], repository))
        _check_and_clear(repository, points)

    common.rounds(commands, rounds, measure)
    base = common.median([one.wall_s for one in list(finished.values())[-1]])
    lines = []
    for name, found in finished.items():
        wall = [one.wall_s for one in found]
        cpu = common.median([one.cpu_s for one in found])
        middle = common.median(wall)
        each = f"{middle / points * 1000:.1f} ms"
        lines.append((name, f"{middle:.1f} s", each, f"{middle / base:.2f} ×", f"{cpu:.1f} s"))
    title = f"{points:,} runs of `true`, two at a time, {rounds} rounds"
    common.table(title, ("", "wall", "a run", "ratio", "CPU"), lines)


def _check_and_clear(repository: Path, points: int) -> None:
    runs = [path for path in (repository / "experiments").iterdir() if path.name.isdigit()]
    succeeded = sum((run / "STATUS").read_text().startswith("SUCCESS") for run in runs)
    if succeeded != points:
        sys.exit(f"{succeeded} of {points} runs have succeeded")
    for name in ("experiments", "sweeps"):
        shutil.rmtree(repository / name, ignore_errors=True)


def _measure_many(ours: dict[str, str], repository: Path, rounds: int) -> None:
    """Plan very many points, and show a sweep of which nearly all have ended."""
    lines = []
    for name, program in ours.items():
        values = [f"a=1..{MANY // 100}", "b=1..100"]
        planning = [program, "sweep", *values, "--dry-run", "--", "true", "{a}"]
        planned = [common.timed(planning, repository).wall_s for _ in range(rounds)]
        _make_ended(repository / "sweeps" / "1")
        showing = [program, "sweep", "show", "1"]
        shown = [common.timed(showing, repository).wall_s for _ in range(rounds)]
        resuming = [program, "sweep", "resume", "1"]
        resumed = [common.timed(resuming, repository).wall_s for _ in range(rounds)]
        shutil.rmtree(repository / "sweeps")
        cells = [f"{common.median(found):.2f} s" for found in (planned, shown, resumed)]
        lines.append((name, *cells))
    title = f"{MANY:,} points, {rounds} rounds"
    common.table(title, ("", "planned and printed", "shown", "resumed, nothing left"), lines)


def _make_ended(folder: Path) -> None:
    """Make the folder of a sweep all of whose points have ended well, 20 workers' work."""
    for name in ("claims", "workers", "again"):
        (folder / name).mkdir(parents=True)
    told = {
        "format": 1,
        "template": ["true", "{n}"],
        "command": ["true", "{n}"],
        "parameters": [f"n=1..{MANY}"],
        "experiments": "../../experiments",
        "project": "../..",
        "repository": "../..",
        "cwd": ".",
    }
    (folder / "sweep.json").write_text(json.dumps(told))
    keys = [f"{number:012x}" for number in range(MANY)]
    with (folder / "points.jsonl").open("w") as file:
        for number, key in enumerate(keys):
            file.write(json.dumps({"key": key, "values": {"n": str(number)}}) + "\n")
    for key in keys:
        (folder / "claims" / f"{key}.1").touch()
    for worker in range(WORKERS):
        with (folder / "workers" / f"w{worker}.jsonl").open("w") as file:
            for number, key in list(enumerate(keys))[worker::WORKERS]:
                entry = {
                    "point": key,
                    "try": 1,
                    "status": "SUCCESS",
                    "run": str(number),
                    "seconds": 0.1,
                    "time": "2026-11-25T05:16:51.203680+00:00",
                }
                file.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    main()
