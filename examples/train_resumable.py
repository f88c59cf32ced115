"""A training that goes on from its checkpoint when its run is resumed or tried again.

meticulous run --retries 3 -- python examples/train_resumable.py --fail-at 3
meticulous run --resume -- python examples/train_resumable.py --fail-at 3
"""

import argparse
import json
import os
from pathlib import Path

import meticulous

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--fail-at", type=int, help="lose the machine, so to speak, before this epoch")
args = parser.parse_args()

attempt = int(os.environ.get("METICULOUS_ATTEMPT", "1"))
directory = meticulous.run_directory()
checkpoint = Path(directory or ".") / "checkpoint.json"
state = {"epoch": 0, "loss": 1.0}
if checkpoint.exists():
    state = json.loads(checkpoint.read_text())
    print(f"attempt {attempt} goes on after epoch {state['epoch']}")

for epoch in range(state["epoch"] + 1, args.epochs + 1):
    if epoch == args.fail_at and attempt == 1:
        raise RuntimeError(f"the machine is gone in epoch {epoch}")
    state = {"epoch": epoch, "loss": state["loss"] * 0.7}
    written = checkpoint.with_suffix(".tmp")
    written.write_text(json.dumps(state))
    written.replace(checkpoint)  # so that a crash leaves the old one or the new one
    print(f"epoch {epoch}: loss {state['loss']:.3f}")
    meticulous.log({"loss": state["loss"]}, step=epoch)

meticulous.summary({"loss": state["loss"]})
