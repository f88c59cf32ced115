"""Hugging Face's Trainer, and what is built on it: what it tells its callbacks."""

_collect = globals()["load"]("collect")

_FINAL = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos")
"""Names that come once, at the end of a training."""


def watch(name, module):
    """Wrap the handler of callbacks, which every ``log`` of a Trainer passes."""
    _collect.wrap(module["CallbackHandler"], "on_log", _look, covers=True)
    _collect.wrap(module["CallbackHandler"], "on_train_begin", _look_at_begin)


def _look(args, kwargs):
    state = _collect.argument(args, kwargs, 2, "state")
    logs = _collect.argument(args, kwargs, 4, "logs")
    if not state.is_world_process_zero or not logs:
        return None
    logs = dict(logs)  # callbacks change it
    if "train_runtime" in logs:
        _collect.final("transformers", {n: v for n, v in logs.items() if n != "epoch"})
    return "transformers", logs, state.global_step


def _look_at_begin(args, kwargs):
    arguments = _collect.argument(args, kwargs, 1, "args")
    state = _collect.argument(args, kwargs, 2, "state")
    if state.is_world_process_zero:
        _collect.config("transformers", arguments.to_dict())
