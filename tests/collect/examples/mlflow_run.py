import mlflow

with mlflow.start_run():
    mlflow.log_params({"lr": 0.1, "layers": 3})
    mlflow.log_param("name", "small")
    for step in range(10):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"a": step, "b": step / 2}, step=step)
