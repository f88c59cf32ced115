"""Lightning 2 and Fabric: what a Trainer logs, with or without a logger."""

_collect = globals()["load"]("collect")


def watch(name, module):
    """Wrap what all logging of the library passes."""
    if name.endswith("logger_connector.logger_connector"):
        _collect.wrap(module["_LoggerConnector"], "log_metrics", _look_at_trainer, covers=True)
    elif name.endswith("fabric.fabric"):
        _collect.wrap(module["Fabric"], "log_dict", _look_at_fabric, covers=True)
    elif name.endswith("csv_logs"):
        _collect.wrap(module["_ExperimentWriter"], "log_metrics", _look_at_csv)
    else:
        _collect.wrap(module, "_log_hyperparams", _look_at_hyperparams)


def _look_at_trainer(args, kwargs):
    trainer = args[0].trainer
    if not trainer.is_global_zero:
        return None
    metrics = _collect.argument(args, kwargs, 1, "metrics")
    values = dict(metrics) if metrics else {}
    step = _collect.argument(args, kwargs, 2, "step")
    if not values:
        return None
    if step is None:
        step = values.pop("step", None)
        if step is None:
            values.setdefault("epoch", trainer.current_epoch)
            step = trainer.fit_loop.epoch_loop._batches_that_stepped
    return "lightning", values, int(step)


def _look_at_fabric(args, kwargs):
    if not getattr(args[0], "is_global_zero", True):
        return None
    metrics = _collect.argument(args, kwargs, 1, "metrics")
    return "lightning.fabric", dict(metrics), _collect.argument(args, kwargs, 2, "step")


def _look_at_csv(args, kwargs):
    metrics = _collect.argument(args, kwargs, 1, "metrics_dict")
    step = _collect.argument(args, kwargs, 2, "step")
    if step is None:
        step = len(args[0].metrics)
    return "lightning.csv", dict(metrics), step


def _look_at_hyperparams(args, kwargs):
    trainer = args[0]
    module = trainer.lightning_module
    if trainer.is_global_zero and module._log_hyperparams:
        _collect.config("lightning", dict(module.hparams_initial))
