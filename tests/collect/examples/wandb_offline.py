import wandb

run = wandb.init(project="example", config={"lr": 0.1, "layers": [1, 2]})
for step in range(10):
    wandb.log({"loss": 1 / (step + 1), "nested": {"a": step}, "text": "word"})
run.log({"late": 1.0}, step=20)
run.log({"part": 2.0}, commit=False)
run.log({"rest": float("inf")})
run.summary["best"] = 0.3
run.finish()
