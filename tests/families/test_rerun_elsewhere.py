"""A seeded training repeated in another clone: identical; with another numpy: what moved, and why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import git, meticulous, runs_of

TRAIN = """
import argparse, time
import numpy as np
import meticulous

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()
random = np.random.default_rng(arguments.seed)
x = random.normal(size=200).astype(np.float32)
y = 3 * x + random.normal(scale=0.1, size=200).astype(np.float32)
weight = np.float32(0)
begun = time.time()
for epoch in range(30):
    gradient = np.mean(2 * (weight * x - y) * x)
    weight = weight - arguments.lr * gradient  # float64 or float32: that depends on numpy
    loss = float(np.mean((weight * x - y) ** 2))
    meticulous.log({"loss": loss}, step=epoch)
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1} loss {loss:.12f} {time.time() - begun:.3f}s")
with meticulous.open("weight.txt", "w") as file:
    file.write(f"{float(weight):.3f}")
meticulous.summary({"loss": loss, "weight": float(weight), "train_seconds": time.time() - begun})
"""
OLD = "numpy<2"


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of a virtual environment with an older numpy than ours."""
    place = tmp_path_factory.mktemp("older") / "environment"
    venv.create(place, with_pip=True)
    words = ["-m", "pip", "install", "--quiet", "--only-binary=:all:", OLD]
    done = subprocess.run(
        [place / "bin" / "python", *words], check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"pip cannot get {OLD}: {done.stderr.strip().splitlines()[-1:]}")
    return place / "bin"


@pytest.fixture
def trained(repository: Path) -> Path:
    """Return a project with one run of a seeded training."""
    numpy = pytest.importorskip("numpy")
    if numpy.__version__.startswith("1."):
        pytest.skip("the numpy here is an old one itself")
    (repository / "train.py").write_text(TRAIN)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "train")
    words = ("run", "--", "python", "train.py", "--lr", "0.05", "--seed", "7")
    done = meticulous(*words, cwd=repository, env=with_python(Path(sys.executable).parent))
    assert done.returncode == 0, done.stderr
    return repository


def with_python(directory: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}"}


def test_in_another_clone_it_is_identical(trained: Path, tmp_path: Path) -> None:
    exported, clone = tmp_path / "runs.zip", tmp_path / "another clone"
    assert meticulous("export", "1", exported, cwd=trained).returncode == 0
    git(tmp_path, "clone", "-q", str(trained), str(clone))
    (clone / "train.py").write_text("raise SystemExit('edited since')\n")
    assert meticulous("import", exported, cwd=clone).returncode == 0
    shutil.rmtree(trained)

    done = meticulous("rerun", "1", cwd=clone, env=with_python(Path(sys.executable).parent))

    told = done.stdout.decode()
    assert done.returncode == 0, told + done.stderr.decode()
    assert "identical: run 2 compared with run 1" in told
    assert "not as it was" not in done.stderr.decode()
    assert runs_of(clone)[1].read_metadata()["rerun-of"] == "1"


def test_another_numpy_is_named_with_the_value_that_moved(trained: Path, older: Path) -> None:
    done = meticulous("rerun", "1", cwd=trained, env=with_python(older))

    told, said = done.stdout.decode(), done.stderr.decode()
    first, second = runs_of(trained)
    versions = [run.read_json("environment.json")["packages"]["numpy"] for run in (first, second)]
    losses = [run.read_json("summary.json")["loss"] for run in (first, second)]
    assert versions[0] != versions[1]
    assert done.returncode == 1, told + said
    assert f"{versions[0]} → {versions[1]}" in said.partition("run 2")[0]
    plain = " ".join(told.split())
    assert "different: run 2 compared with run 1" in plain
    assert f"summary loss {losses[0]} → {losses[1]}" in plain
    assert f"numpy {versions[0]} → {versions[1]}" in plain

    near = meticulous("verify", "1", "2", "--rtol", "1e-4", cwd=trained)

    assert near.returncode == 0, near.stdout.decode()
    assert near.stdout.decode().startswith("same within tolerance: ")
