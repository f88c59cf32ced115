"""What collecting is beside the library: nothing twice, nothing seen, nothing lost, nothing where off.

The tracker here is a stand-in with the modules of TensorBoard's writer, so that these tests need no library.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRACKER = """
class Logger:
    level = 0
    def __init__(self):
        self.name_to_value = {}
        self.stored = []
    def dump(self, step=0):
        '''Write it.'''
        if step == -1:
            raise KeyError("no step")
        self.stored.append((step, dict(self.name_to_value)))
        return len(self.stored)
"""
MLFLOW = """
class TrackingServiceClient:
    def log_metric(self, run_id, key, value, timestamp=None, step=None): pass
    def log_batch(self, run_id, metrics=(), params=(), tags=()): pass
    def log_param(self, run_id, key, value): return value
"""
HEAD = """
import json, os, sys
from stable_baselines3.common.logger import Logger
from mlflow.tracking._tracking_service.client import TrackingServiceClient
logger, client = Logger(), TrackingServiceClient()
def log(step, **values):
    logger.name_to_value = values
    return logger.dump(step)
"""


@pytest.fixture
def project(tmp_path):
    for name, text in (
        ("stable_baselines3/common/logger.py", TRACKER),
        ("mlflow/tracking/_tracking_service/client.py", MLFLOW),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        for folder in path.relative_to(tmp_path).parents:
            if str(folder) != ".":
                (tmp_path / folder / "__init__.py").touch()
    return tmp_path


def run(
    project: Path, text: str, *options: str, **env: str
) -> tuple[subprocess.CompletedProcess, Path]:
    (project / "train.py").write_text(HEAD + text)
    environ = {name: v for name, v in os.environ.items() if not name.startswith("METICULOUS_")}
    environ.update(METICULOUS_SHIM_DEBUG="1", **env)
    done = subprocess.run(
        [sys.executable, "-m", "meticulous", "run", "-q", "--no-git", *options, "--"]
        + [sys.executable, "train.py"],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done, project / "experiments" / "1"


def lines(folder: Path, *without: str) -> list[dict]:
    path = folder / "metrics.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [{k: v for k, v in line.items() if k not in ("time", *without)} for line in found]


def metadata(folder: Path) -> dict:
    return json.loads((folder / "metadata.json").read_text())


def test_what_is_logged_is_a_line_with_its_step(project):
    done, folder = run(
        project, "log(3, loss=0.5, n=2, ok=True, nan=float('nan'), big=float('-inf'))"
    )
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    expected = {"step": 3, "loss": 0.5, "n": 2, "ok": True, "nan": "NaN", "big": "-Infinity"}
    assert [expected] == lines(folder)
    names = ["loss", "n", "ok", "nan", "big"]
    assert {"stable-baselines3": names} == metadata(folder)["metrics-sources"]


def test_what_is_no_scalar_is_left_out_and_the_rest_kept(project):
    _, folder = run(
        project, "log(0, a=[1, 2], b=object(), c={'d': 1, 'e': {'f': 2.5}}, g=None, h='x')"
    )
    assert [{"step": 0, "h": "x", "c.d": 1, "c.e.f": 2.5}] == lines(folder)


def test_names_of_the_line_itself_get_an_underscore(project):
    text = """
logger.name_to_value = {'step': 5, 'time': 2.0, 'rank': 3, 'é"{}': 1}
logger.dump(1)
"""
    _, folder = run(project, text)
    assert [{"step": 1, "step_": 5, "time_": 2.0, "rank_": 3, 'é"{}': 1}] == lines(folder)


@pytest.mark.parametrize("options", [("--no-collect",), ("--no-shim",)])
def test_an_option_turns_it_off(project, options):
    _, folder = run(project, "log(0, loss=1.0)", *options)
    assert [] == lines(folder)
    assert "metrics-sources" not in metadata(folder)


@pytest.mark.parametrize("text", ["collect: false", "no-collect: true"])
def test_a_setting_turns_it_off(project, text):
    (project / "meticulous.yaml").write_text(text + "\n")
    _, folder = run(project, "log(0, loss=1.0)")
    assert [] == lines(folder)


def test_the_program_sees_no_difference(project):
    text = """
import inspect, traceback
print(inspect.signature(Logger.dump), Logger.dump.__name__, Logger.dump.__doc__, Logger.dump.__module__)
print(log(1, a=1), log(2, b=2), logger.stored, sorted(vars(logger)))
try:
    log(-1, c=1)
except KeyError as error:
    print(error, len(traceback.extract_tb(error.__traceback__)))
log(-1)
"""
    on, folder = run(project, text)
    off, _ = run(project, text, "--no-collect")
    assert on.stdout == off.stdout
    assert "2" in on.stdout
    assert 1 == on.returncode == off.returncode
    if sys.version_info >= (3, 11):
        assert on.stderr == off.stderr
    assert [{"step": 1, "a": 1}, {"step": 2, "b": 2}] == lines(folder)


def test_a_second_tracker_with_the_same_values_is_not_a_second_series(project):
    text = "for i in range(3):\n    log(i, loss=i / 2)\n    client.log_metric('r', 'loss', i / 2, step=i)"
    _, folder = run(project, text)
    assert [{"step": i, "loss": i / 2} for i in range(3)] == lines(folder)


def test_a_second_tracker_with_other_values_is_another_series(project):
    text = "log(0, loss=1.0)\nclient.log_metric('r', 'loss', 2.0, step=5)"
    _, folder = run(project, text)
    assert [{"step": 0, "loss": 1.0}, {"step": 5, "mlflow/loss": 2.0}] == lines(folder)


@pytest.mark.parametrize("first", [True, False])
def test_meticulous_log_beside_a_tracker_is_one_point(project, first):
    own, theirs = "meticulous.log({'loss': i / 2}, step=i)", "log(i, loss=i / 2)"
    pair = (own, theirs) if first else (theirs, own)
    text = "import meticulous\nfor i in range(4):\n    {}\n    {}\n".format(*pair)
    _, folder = run(project, text)
    assert [{"step": i, "loss": i / 2} for i in range(4)] == lines(folder)


def test_what_a_fork_and_threads_log_is_whole_lines(project):
    text = """
import threading
pids = []
for part in range(3):
    pid = os.fork()
    if not pid:
        for i in range(200):
            log(i, **{"part%d" % part: i})
        os._exit(0)
    pids.append(pid)
threads = [threading.Thread(target=lambda n=n: [client.log_metric("r", "t%d" % n, i, step=i)
           for i in range(200)]) for n in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
for pid in pids: os.waitpid(pid, 0)
"""
    _, folder = run(project, text)
    found = lines(folder)
    assert 1200 == len(found)
    assert {f"part{n}" for n in range(3)} | {f"t{n}" for n in range(3)} == {
        name for line in found for name in line if name != "step"
    }


def test_a_descriptor_that_the_program_has_taken_is_not_written_to(project):
    text = """
log(0, loss=1.0)
os.closerange(3, 100)
file = open("own.txt", "w")
log(1, loss=2.0)
file.write("own")
file.close()
"""
    done, folder = run(project, text)
    assert 0 == done.returncode
    assert "own" == (project / "own.txt").read_text()
    assert [{"step": 0, "loss": 1.0}, {"step": 1, "loss": 2.0}] == lines(folder)


def test_a_killed_program_has_lost_nothing(project):
    done, folder = run(project, "for i in range(50): log(i, loss=i)\nos.kill(os.getpid(), 9)")
    assert -9 == done.returncode
    assert 50 == len(lines(folder))
    assert {"stable-baselines3": ["loss"]} == metadata(folder)["metrics-sources"]


def test_config_fills_the_arguments_of_a_program_that_parses_none(project):
    _, folder = run(project, "client.log_param('r', 'lr', 0.1)")
    assert {"lr": 0.1} == json.loads((folder / "args.json").read_text())
    assert "mlflow's config" == metadata(folder)["args-source"]


def test_config_does_not_touch_arguments_that_the_program_has_parsed(project):
    text = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", default=3)
parser.parse_args()
client.log_param('r', 'lr', 0.1)
"""
    _, folder = run(project, text)
    assert {"epochs": 3} == json.loads((folder / "args.json").read_text())


def test_secrets_in_a_config_are_masked(project):
    _, folder = run(project, "client.log_param('r', 'api_key', 'abcdef0123456789abcdef')")
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"abcdef0123456789abcdef" not in path.read_bytes(), path


def test_ranks_that_log_the_same_are_one_series_and_others_are_kept(project):
    text = """
if "RANK" in os.environ:
    rank = int(os.environ["RANK"])
    log(0, loss=1.0, own=rank)
else:
    import subprocess
    for rank in "0", "1", "2":
        subprocess.run([sys.executable, __file__], env=dict(os.environ, RANK=rank), check=True)
"""
    _, folder = run(project, text)
    assert [
        {"step": 0, "loss": 1.0, "own": 0},
        {"step": 0, "rank": 1, "own": 1},
        {"step": 0, "rank": 2, "own": 2},
    ] == lines(folder)


def test_each_line_knows_its_attempt(project):
    text = "n = int(os.environ['METICULOUS_ATTEMPT'])\nlog(n, loss=n)\nsys.exit(n < 2)"
    _, folder = run(project, text, "--retries", "2")
    assert [{"step": 1, "loss": 1}, {"step": 2, "attempt": 2, "loss": 2}] == lines(folder)


def test_ten_thousand_names_are_kept_and_the_metadata_stays_small(project):
    _, folder = run(project, "log(0, **{'name%d' % i: i for i in range(10000)})")
    (line,) = lines(folder)
    assert 10001 == len(line)
    assert 1001 == len(metadata(folder)["metrics-sources"]["stable-baselines3"])


def test_a_run_folder_that_cannot_be_written_changes_nothing(project):
    text = """
import shutil
shutil.rmtree(os.environ["METICULOUS_RUN_DIR"])
print(log(0, loss=1.0))
"""
    done, _ = run(project, text)
    assert (0, "1\n") == (done.returncode, done.stdout)


def test_printed_metrics_are_lines_and_the_output_is_untouched(project):
    text = (
        "for i in range(3): print('step', i, 'loss: %.2f' % (i / 4))\nprint('end', file=sys.stderr)"
    )
    done, folder = run(project, text, "--metrics", "pairs")
    assert "step 0 loss: 0.00\nstep 1 loss: 0.25\nstep 2 loss: 0.50\n" == done.stdout
    assert [{"step": i, "loss": i / 4} for i in range(3)] == lines(folder)
    assert {"output": ["loss"]} == metadata(folder)["metrics-sources"]


def test_patterns_stand_in_the_settings_file_as_well(project):
    (project / "meticulous.yaml").write_text("metrics:\n  - 'L (?P<loss>\\S+) at (?P<step>\\d+)'\n")
    _, folder = run(project, "print('L 0.5 at 7')")
    assert [{"step": 7, "loss": 0.5}] == lines(folder)


def test_an_unknown_preset_starts_nothing(project):
    done, folder = run(project, "print('ran')", "--metrics", "pairz")
    assert (125, "") == (done.returncode, done.stdout)
    assert "there is no preset 'pairz'" in done.stderr
    assert not folder.exists()
