import meticulous
import wandb

run = wandb.init(project="example")
for step in range(5):
    wandb.log({"loss": 1 / (step + 1)})
    meticulous.log({"loss": 1 / (step + 1), "own": step}, step=step)
for step in range(5, 10):
    meticulous.log({"second": 1 / (step + 1)}, step=step)
    wandb.log({"second": 1 / (step + 1)})
run.finish()
