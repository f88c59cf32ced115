"""A store of sixty runs of four programs, as a month of somebody's work leaves it: seeds, failures, tags."""

from __future__ import annotations

import math
import os
from typing import Any

from tests.asking_support import make_run

__all__ = ["make_store"]

_FIRST_MINUTE = -731 * 24 * 60
"""Two years before the others: tables show the date alone, in whatever year they are drawn."""
_OUT_OF_MEMORY = """\
Traceback (most recent call last):
  File "/home/ada/vision/train.py", line 61, in <module>
    main()
  File "/home/ada/vision/train.py", line 48, in main
    loss = model(batch).mean()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity \
of 23.65 GiB of which 1.21 GiB is free."""
_DIVERGED = """\
Traceback (most recent call last):
  File "/home/ada/vision/train.py", line 61, in <module>
    main()
  File "/home/ada/vision/train.py", line 52, in main
    raise FloatingPointError(f"loss is {loss} in epoch {epoch}")
FloatingPointError: loss is nan in epoch 3"""
_NO_FILE = """\
Traceback (most recent call last):
  File "/home/ada/vision/predict/cli.py", line 20, in main
    image = load(path)
FileNotFoundError: [Errno 2] No such file or directory: 'images/night/0007.png'"""
_USAGE = "exit code 2: train.py: error: argument --lr: invalid float value: 'fast'"
_HYDRA = "exit code 1: Key 'dropuot' is not in struct"
_KILLED = "killed by signal 9 (SIGKILL), most likely by the kernel because memory was exhausted"


def make_store(directory: str | os.PathLike[str]) -> None:
    """Write the runs 1 to 60 into `directory`."""
    os.makedirs(directory)
    for number, run in enumerate([*_flat(), *_subcommands(), *_hydra(), *_click()], 1):
        make_run(
            directory,
            number,
            run.pop("args"),
            run.pop("summary", None),
            minute=_FIRST_MINUTE + 400 * number,
            wall=run.pop("wall", 60.0 + 7 * number),
            **run,
        )


def _flat() -> list[dict[str, Any]]:
    """Return 24 runs of a script with argparse: a grid with three seeds, and six afterthoughts."""
    found = []
    grid = [
        (lr, size, seed) for lr in (0.1, 0.01, 0.001) for size in (32, 128) for seed in (0, 1, 2)
    ]
    grid += [(0.3, 32, 0), (0.3, 128, 0), (0.03, 128, 0), (0.03, 128, 1), (0.003, 128, 0)]
    for lr, size, seed in grid:
        args = {"data": "data/cifar10", "arch": "resnet18", "epochs": 30, "lr": lr,
                "batch_size": size, "optimizer": "sgd", "seed": seed, "amp": False}  # fmt: skip
        accuracy = 0.91 - 0.04 * abs(math.log10(lr) + 1.5) - size / 9000 + seed * 0.0017
        summary = {"train_loss": 1.1 - accuracy, "val_loss": 1.25 - accuracy,
                   "val_acc": accuracy, "best_val_acc": accuracy + 0.0041, "test_acc": accuracy - 0.013,
                   "parameters": 11173962}  # fmt: skip
        run: dict[str, Any] = {"args": args, "summary": summary}
        run |= {"command": ["python", "train.py", "--lr", str(lr)], "default_args": {"lr": 0.1}}
        if lr == 0.3:
            message = _DIVERGED if size == 32 else _OUT_OF_MEMORY
            run |= {"status": "ERROR", "message": message, "summary": None}
        if (lr, size, seed) == (0.01, 32, 0):
            run |= {"tags": ["baseline"], "description": "what the others are compared with"}
        found.append(run)
    command = ["python", "train.py", "--lr", "fast"]
    refused: dict[str, Any] = {"args": {}, "command": command, "status": "ERROR", "message": _USAGE}
    return [*found, {**refused, "wall": 0.3}]


def _subcommands() -> list[dict[str, Any]]:
    """Return 12 runs of a tool with subcommands: what it was told is nested below their names."""
    found: list[dict[str, Any]] = []
    for rate in (1e-4, 3e-4, 1e-3, 3e-3):
        for decay in (0.0, 0.05):
            fit = {"learning_rate": rate, "weight_decay": decay, "epochs": 12, "seed": 0}
            loss = 2.1 + abs(math.log10(rate) + 3.2) / 9 - decay
            found.append(
                {
                    "args": {"verbose": False, "command": "fit", "fit": fit},
                    "summary": {"loss": loss, "perplexity": math.exp(loss)},
                    "command": ["python", "lm.py", "fit"],
                }
            )
    for split in ("valid", "test", "wikitext-103-test"):
        evaluate = {"checkpoint": "runs/fit-0007/last.ckpt", "split": split}
        found.append(
            {
                "args": {"verbose": False, "command": "evaluate", "evaluate": evaluate},
                "summary": {
                    "loss": 2.3 + len(split) / 50,
                    "perplexity": math.exp(2.3 + len(split) / 50),
                },
                "command": ["python", "lm.py", "evaluate"],
            }
        )
    killed = {"status": "ERROR", "message": _KILLED, "summary": None}
    return [*found, {**found[0], "args": {**found[0]["args"], "verbose": True}, **killed}]


def _hydra() -> list[dict[str, Any]]:
    """Return 15 runs that Hydra has composed: deep arguments, of which groups bring their own."""
    models = {"mlp": {"name": "mlp", "hidden": 256}, "tree": {"name": "tree", "depth": 6}}
    found: list[dict[str, Any]] = []
    for model in models.values():
        for momentum in (0.9, 0.99):
            for seed in (1, 2, 3):
                args = {
                    "model": model,
                    "optimizer": {"name": "adamw", "lr": 0.0003, "momentum": momentum},
                    "trainer": {"max_epochs": 50, "precision": "bf16", "devices": 1},
                    "seed": seed,
                }
                score = (0.71 if model["name"] == "mlp" else 0.668) + momentum / 50 + seed / 400
                found.append(
                    {
                        "args": args,
                        "summary": {
                            "test": {"f1": score, "auc": score + 0.11},
                            "steps": 1200 * seed,
                        },
                        "command": ["python", "-m", "hydra_app"],
                    }
                )
    long = {**found[0]["args"], "trainer": {"max_epochs": 500, "precision": "bf16", "devices": 1}}
    refused = {
        "args": {},
        "status": "ERROR",
        "message": _HYDRA,
        "command": ["python", "-m", "hydra_app"],
    }
    return [*found, {**found[0], "args": long, "tags": ["long"]}, refused, {**refused, "wall": 0.9}]


def _click() -> list[dict[str, Any]]:
    """Return 9 runs of a command with click."""
    found: list[dict[str, Any]] = []
    for threshold in (0.25, 0.5, 0.75, 0.9):
        for name in ("day", "night"):
            run = {
                "args": {"images": f"images/{name}", "threshold": threshold, "device": "cuda:0"},
                "summary": {"precision": 0.5 + threshold / 2.2, "recall": 0.95 - threshold / 3},
                "command": ["vision-predict", f"images/{name}"],
            }
            if (threshold, name) == (0.9, "night"):
                run |= {"status": "ERROR", "message": _NO_FILE, "summary": None}
            found.append(run)
    return [*found, {**found[0], "description": "after the upgrade of the driver"}]
