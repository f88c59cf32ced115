import comet_ml

experiment = comet_ml.OfflineExperiment(
    project_name="example",
    offline_directory="comet",
    log_code=False,
    log_graph=False,
    auto_metric_logging=False,
    log_env_details=False,
    parse_args=False,
    display_summary_level=0,
)
experiment.log_parameters({"lr": 0.1})
for step in range(10):
    experiment.log_metric("loss", 1 / (step + 1), step=step)
    experiment.log_metrics({"a": step, "b": step / 2}, step=step)
experiment.end()
