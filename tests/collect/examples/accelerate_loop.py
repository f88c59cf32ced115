from accelerate import Accelerator

accelerator = Accelerator(log_with="tensorboard", project_dir="logs", cpu=True)
accelerator.init_trackers("example", config={"lr": 0.1})
for step in range(10):
    accelerator.log({"loss": 1 / (step + 1), "acc": step / 10}, step=step)
accelerator.end_training()
