"""Arguments of programs built on torch, transformers, Lightning and accelerate; skipped without them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from meticulous.arguments.reports import Report
from tests.shim_support import Child, run_child, run_script

FEATURES = (
    ("HfArgumentParser", "several dataclasses"),
    ("Lightning CLI", "a model and a trainer, under their subcommand"),
    ("torchrun", "the script's arguments, rank 0's"),
    ("accelerate launch", "the script's arguments"),
)
"""What the tests below show of each library, for the table in the documentation."""

TRAIN = """
import argparse, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--fail", type=int, default=-1)
args = parser.parse_args()
rank = int(os.environ.get("RANK", 0))
line = f"rank {rank} of {os.environ.get('WORLD_SIZE')} {args.lr}\\n"
os.write(1, line.encode())  # at once: the ranks share the stream
if args.fail == rank:
    raise RuntimeError(f"rank {rank} has had enough")
"""


def launched(tmp_path: Path, *words: str) -> Child:
    (tmp_path / "train.py").write_text(TRAIN)
    return run_child(tmp_path / "run", *words, cwd=tmp_path, OMP_NUM_THREADS="1")


def lr_and_given(report: Report) -> tuple[object, set[str]]:
    assert report.arguments is not None
    return report.arguments.values["lr"], set(report.arguments.given)


TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def test_under_torchrun_the_arguments_are_those_of_rank_0(tmp_path: Path) -> None:
    pytest.importorskip("torch")

    child = launched(tmp_path, *TORCHRUN, "train.py", "--lr", "0.5")

    assert child.code == 0, child.stderr
    assert sorted(child.stdout.splitlines()) == ["rank 0 of 2 0.5", "rank 1 of 2 0.5"]
    assert lr_and_given(child.report) == (0.5, {"lr"})
    assert child.report.arguments is not None
    assert child.report.arguments.source.startswith("argparse in train.py (pid ")
    assert child.report.arguments.source.endswith(", rank 0)")


def test_under_torchrun_the_traceback_is_that_of_the_rank_that_failed(tmp_path: Path) -> None:
    pytest.importorskip("torch")

    child = launched(tmp_path, *TORCHRUN, "train.py", "--fail", "1")

    assert child.code == 1
    assert child.report.traceback is not None
    assert child.report.traceback.endswith("RuntimeError: rank 1 has had enough")


def test_under_accelerate_the_arguments_are_the_script_s(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    words = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes=1", "--num_machines=1"]
    words += ["--mixed_precision=no", "--dynamo_backend=no"]

    child = launched(tmp_path, *words, "train.py", "--lr", "0.5")

    assert child.code == 0, child.stderr
    assert lr_and_given(child.report) == (0.5, {"lr"})


def test_hf_argument_parser(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    text = """
        import dataclasses
        from transformers import HfArgumentParser
        @dataclasses.dataclass
        class Model:
            name: str = dataclasses.field(metadata={"help": "m"})
            tokens: list[int] = dataclasses.field(default_factory=lambda: [1])
        @dataclasses.dataclass
        class Training:
            lr: float = 5e-5
            fp16: bool = False
        model, training = HfArgumentParser((Model, Training)).parse_args_into_dataclasses()
        print(model, training)
    """

    child = run_script(tmp_path, textwrap.dedent(text), "--name", "x", "--fp16", "--lr", "5e-5")

    assert child.code == 0, child.stderr
    got = child.report.arguments
    assert got is not None
    assert got.values == {"name": "x", "tokens": [1], "lr": 5e-5, "fp16": True}
    assert got.defaults == {"name": None, "tokens": [1], "lr": 5e-5, "fp16": False}
    assert set(got.given) == {"name", "fp16", "lr"}
    assert got.source.startswith("HfArgumentParser in train.py")


def test_lightning_cli(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    text = """
        import warnings; warnings.simplefilter("ignore")
        import torch, lightning as L
        from lightning.pytorch.cli import LightningCLI
        class Model(L.LightningModule):
            def __init__(self, depth: int = 2, name: str = "m"):
                super().__init__(); self.layer = torch.nn.Linear(1, 1)
            def training_step(self, batch): return self.layer(batch).sum()
            def configure_optimizers(self): return torch.optim.SGD(self.parameters(), lr=0.1)
            def train_dataloader(self): return torch.utils.data.DataLoader(torch.ones(2, 1))
        LightningCLI(Model, save_config_callback=None)
    """
    words = ["fit", "--model.depth", "7", "--trainer.max_epochs=1", "--trainer.accelerator=cpu"]
    words += ["--trainer.logger=false", "--trainer.enable_checkpointing=false"]

    child = run_script(tmp_path, textwrap.dedent(text), *words)

    assert child.code == 0, child.stderr
    got = child.report.arguments
    assert got is not None
    assert got.values["fit"]["model"] == {"depth": 7, "name": "m"}
    assert got.values["fit"]["trainer"]["max_epochs"] == 1
    assert got.defaults["fit"]["model"] == {"depth": 2, "name": "m"}
    assert {"subcommand", "fit.model.depth", "fit.trainer.max_epochs"} <= set(got.given)
    assert got.source.startswith("Lightning CLI in train.py")


def test_values_of_torch_become_json(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    text = """
        import argparse, torch
        parser = argparse.ArgumentParser()
        parser.set_defaults(dtype=torch.float16, device=torch.device("cpu"), t=torch.tensor(2.5),
            v=torch.arange(3), big=torch.zeros(99, 99), size=torch.Size([1, 2]), k=torch.nn.ReLU)
        parser.parse_args()
    """

    child = run_script(tmp_path, textwrap.dedent(text))

    assert child.report.arguments is not None
    assert child.report.arguments.values == {
        "dtype": "torch.float16",
        "device": "cpu",
        "t": 2.5,
        "v": [0, 1, 2],
        "big": "<Tensor [99, 99] torch.float32>",
        "size": [1, 2],
        "k": "torch.nn.modules.activation.ReLU",
    }
