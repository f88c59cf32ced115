"""An unmodified example of each library under `meticulous run`: what is recorded is what it stored.

The table in docs/collectors.md is written by `python -m tests.collect.test_libraries`, from the
same examples.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.collect import stored
from tests.collect.stored import Series

EXAMPLES = Path(__file__).parent / "examples"
QUIET = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "MLFLOW_ALLOW_FILE_STORE": "1",
    "MLFLOW_TRACKING_URI": "file:mlruns",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_OFFLINE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    "COMET_DISABLE_AUTO_LOGGING": "1",
    "DVC_NO_ANALYTICS": "1",
}
OWN = ("step", "time", "attempt", "rank")


class Case(NamedTuple):
    """An example, the package that must be there, and how to read what the library stored."""

    example: str
    package: str
    distribution: str
    what: str
    read: Callable[[Path], Series]
    arguments: tuple[str, ...] = ()


def _sb3(folder: Path) -> Series:
    path, step = folder / "logs" / "progress.csv", "time/total_timesteps"
    found = stored.csv_file(path, step)
    return {**found, **{(step, at): at for _, at in found}}


def _lightning(folder: Path) -> Series:
    (path,) = folder.rglob("metrics.csv")
    only_there: dict[Any, float] = (
        {("hp_metric", 0): -1.0} if any(folder.rglob("*tfevents*")) else {}
    )
    return {**stored.csv_file(path, "step"), **only_there}


CASES = [
    Case("tensorboard_torch", "tensorboard", "tensorboard", "event files", lambda f: stored.event_files(f / "logs")),
    Case("tensorboardx", "tensorboardX", "tensorboardX", "event files", lambda f: stored.event_files(f / "logs")),
    Case("tensorflow2", "tensorflow", "tensorflow-cpu", "event files", lambda f: stored.event_files(f / "logs")),
    Case("transformers_trainer", "transformers", "transformers", "trainer_state.json", lambda f: stored.trainer_state(f / "out" / "trainer_state.json")),
    Case("lightning_module", "lightning", "lightning", "metrics.csv", _lightning, ("csv",)),
    Case("lightning_module", "lightning", "lightning", "metrics.csv, beside TensorBoard", _lightning, ("both",)),
    Case("fabric", "lightning", "lightning", "metrics.csv of Fabric", _lightning),
    Case("wandb_offline", "wandb", "wandb", "the .wandb file", stored.wandb_file),
    Case("trackio_run", "trackio", "trackio", "its database", lambda f: stored.trackio_database(f / "trackio")),
    Case("mlflow_run", "mlflow", "mlflow-skinny", "mlruns", stored.mlruns),
    Case("dvclive_run", "dvclive", "dvclive", "its tables", lambda f: stored.dvclive_tables(f / "dvclive")),
    Case("sacred_run", "sacred", "sacred", "metrics.json", lambda f: stored.sacred_metrics(f / "sacred" / "1" / "metrics.json")),
    Case("comet_offline", "comet_ml", "comet-ml", "its offline archive", lambda f: stored.comet_archive(f / "comet")),
    Case("clearml_offline", "clearml", "clearml", "its offline session", lambda f: stored.clearml_session(f / "cache")),
    Case("accelerate_loop", "accelerate", "accelerate", "event files", lambda f: stored.event_files(f / "logs" / "example")),
    Case("keras3", "keras", "keras", "its history", lambda f: stored.history(f / "history.json")),
    Case("xgboost_train", "xgboost", "xgboost-cpu", "evals_result", lambda f: stored.evals(f / "evals.json", "-")),
    Case("lightgbm_train", "lightgbm", "lightgbm", "record_evaluation", lambda f: stored.evals(f / "evals.json", " ")),
    Case("catboost_train", "catboost", "catboost", "get_evals_result()", lambda f: stored.evals(f / "evals.json", "/")),
    Case("sb3_learn", "stable_baselines3", "stable-baselines3", "progress.csv, beside event files", _sb3),
]  # fmt: skip
IDS = ["-".join((case.example, *case.arguments)) for case in CASES]


def _environment(folder: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("METICULOUS_")}
    env.update(QUIET, TRACKIO_DIR=str(folder / "trackio"), CLEARML_CACHE_DIR=str(folder / "cache"))
    env.pop("PYTHONUNBUFFERED", None)
    env["METICULOUS_SHIM_DEBUG"] = "1"
    return env


def record(folder: Path, example: str, *words: str) -> Path:
    """Run an example in `folder` under `meticulous run`; return its run folder.

    ClearML, offline, has stored all and yet does not end by itself at times, with us or without.
    """
    options = ("--timeout", "60s") if example == "clearml_offline" else ()
    done = subprocess.run(
        [sys.executable, "-m", "meticulous", "run", "--no-git", "-q", *options, "--"]
        + [sys.executable, str(EXAMPLES / f"{example}.py"), *words],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0 or (options and done.returncode == 124), done.stderr[-3000:]
    run = folder / "experiments" / "1"
    log = run / "reports" / "debug.log"
    assert not log.exists() or "cannot" not in log.read_text(), log.read_text()
    return run


def lines(run: Path) -> list[dict[str, Any]]:
    path = run / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def recorded(run: Path) -> Series:
    """Return (name, step) -> value of metrics.jsonl; no point may be there twice.

    The epoch is told with all that a framework logs, several times at a step.
    """
    found: Series = {}
    for line in lines(run):
        for name, value in line.items():
            if name not in OWN:
                key = name, float(line["step"])
                assert key not in found or name == "epoch", f"{key} twice"
                found[key] = float(value) if value in {"NaN", "Infinity", "-Infinity"} else value
    return found


def difference(ours: Series, theirs: Series) -> list[str]:
    """Return what differs, a line a point; numbers may be rounded as the library's file has them."""
    theirs = {(name, float(step)): value for (name, step), value in theirs.items()}
    found = [f"{key}: not recorded" for key in theirs if key not in ours]
    found += [f"{key}: not stored" for key in ours if key not in theirs]
    for key in theirs.keys() & ours.keys():
        one, other = ours[key], theirs[key]
        if isinstance(one, str) or isinstance(other, str):
            same = str(one) == str(other) or float(one) == float(other)
        else:
            same = math.isclose(one, other, rel_tol=1e-6) or (math.isnan(one) and math.isnan(other))
        if not same:
            found.append(f"{key}: {one!r} recorded, {other!r} stored")
    return found


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_is_recorded_is_what_the_library_stored(case, tmp_path):
    if importlib.util.find_spec(case.package) is None:
        pytest.skip(f"{case.package} is not installed")
    run = record(tmp_path, case.example, *case.arguments)
    theirs = case.read(tmp_path)
    assert theirs
    assert [] == difference(recorded(run), theirs)


def test_lightning_without_a_logger_is_recorded_as_with_one(tmp_path):
    pytest.importorskip("lightning")
    (tmp_path / "without").mkdir()
    without = record(tmp_path / "without", "lightning_module", "none")
    record(tmp_path, "lightning_module", "csv")
    assert [] == difference(recorded(without), _lightning(tmp_path))


def main() -> None:
    """Write the table of docs/collectors.md from what the examples give."""
    import tempfile

    rows = ["| example | library | points recorded | points that it stored in | equal |"]
    rows.append("|---|---|---:|---|---|")
    for case in CASES:
        if importlib.util.find_spec(case.package) is None:
            rows.append(f"| {case.example} | {case.distribution}: not installed | | | not tried |")
            continue
        with tempfile.TemporaryDirectory() as folder:
            run = record(Path(folder), case.example, *case.arguments)
            ours, theirs = recorded(run), case.read(Path(folder))
        name = " ".join((case.example, *case.arguments))
        verdict = "no" if difference(ours, theirs) else "yes"
        release = version(case.distribution)
        count = f"{len(theirs)} in {case.what}"
        rows.append(
            f"| {name} | {case.distribution} {release} | {len(ours)} | {count} | {verdict} |"
        )
    path = Path(__file__).parents[2] / "docs" / "collectors.md"
    text = path.read_text()
    head, _, rest = text.partition("<!-- table -->\n")
    _, _, tail = rest.partition("<!-- end -->\n")
    path.write_text(f"{head}<!-- table -->\n" + "\n".join(rows) + f"\n<!-- end -->\n{tail}")


if __name__ == "__main__":
    main()
