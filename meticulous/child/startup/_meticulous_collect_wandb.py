"""Weights & Biases: what is logged to a run, its config, and the summary that is set by hand."""

_collect = globals()["load"]("collect")


def watch(name, module):
    """Wrap what each call of ``wandb.log`` and ``Run.log`` passes."""
    if name == "wandb.sdk.wandb_init":
        _collect.after(module, "init", lambda run, args, kwargs: _note_config(run))
        return
    run = module["Run"]
    _collect.wrap(run, "log", _look)
    if hasattr(run, "_config_callback"):
        _collect.after(run, "_config_callback", lambda result, args, kwargs: _note_config(args[0]))
    if hasattr(run, "_summary_update_callback"):
        _collect.after(run, "_summary_update_callback", _note_summary)


def _look(args, kwargs):
    run = args[0]
    values = _collect.argument(args, kwargs, 1, "data")
    step = _collect.argument(args, kwargs, 2, "step")
    if step is None:
        step = getattr(run, "_local_step", None)
        if step is None:
            step = run._step
    return "wandb", dict(values), int(step)


def _note_config(run):
    values = {key: value for key, value in run.config._items.items() if key != "_wandb"}
    if values:
        _collect.config("wandb", values)


def _note_summary(result, args, kwargs):
    record = _collect.argument(args, kwargs, 1, "summary_record")
    values = {".".join(item.key): item.value for item in record.update}
    if values:
        _collect.final("wandb", values)
