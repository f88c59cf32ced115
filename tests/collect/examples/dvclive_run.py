from dvclive import Live

with Live("dvclive", save_dvc_exp=False, report=None) as live:
    live.log_params({"lr": 0.1})
    for step in range(10):
        live.log_metric("loss", 1 / (step + 1))
        live.log_metric("train/acc", step / 10)
        live.next_step()
