"""TensorBoard's writers in Python: those of torch (tensorboard's own) and of tensorboardX."""

import os

_collect = globals()["load"]("collect")

_WORDS = frozenset("train training val valid validation test eval evaluation dev".split())
_roots = []
"""The first folder of events of this process: names of others begin with where they are from it."""


def watch(name, module):
    """Wrap the writer of event files; for each it notes the folder."""
    if name == "torch.utils.tensorboard.writer":
        _collect.wrap(module["SummaryWriter"], "add_hparams", _look_at_hparams, covers=True)
        return
    writer = module["EventFileWriter"]
    source = "tensorboardX" if name.startswith("tensorboardX") else "tensorboard"
    _collect.after(writer, "__init__", lambda result, args, kwargs: _note(source, args[0]))
    add_event = writer.add_event

    def seen(self, event, *args, **kwargs):
        result = add_event(self, event, *args, **kwargs)
        try:
            if event.WhichOneof("what") == "summary":
                values = _values(event.summary, self)
                if values:
                    _collect.emit(source, values, event.step, event.wall_time)
        except Exception:
            _collect.trouble("cannot look at an event")
        return result

    writer.add_event = _collect.disguise(seen, add_event)


def _note(source, writer):
    folder = writer.get_logdir()
    folder = folder.decode() if isinstance(folder, bytes) else str(folder)
    writer._meticulous_prefix = prefix_of(folder)
    _collect.event_files(source, os.path.abspath(folder), writer._meticulous_prefix, False)


def prefix_of(folder):
    """Return what tells the series of `folder` from those of other folders, as TensorBoard does."""
    folder = os.path.abspath(folder)
    if not _roots:
        _roots.append(folder)
    base = os.path.basename(folder)
    if folder == _roots[0]:
        return base + "/" if base in _WORDS else ""
    parts = [part for part in os.path.relpath(folder, _roots[0]).split(os.sep) if part != ".."]
    return "/".join(parts) + "/"


def _values(summary, writer):
    prefix = getattr(writer, "_meticulous_prefix", "")
    found = {}
    for value in summary.value:
        kind = value.WhichOneof("value")
        if kind == "simple_value":
            found[prefix + value.tag] = value.simple_value
        elif kind == "tensor" and value.metadata.plugin_data.plugin_name == "scalars":
            tensor = value.tensor
            for numbers in (tensor.float_val, tensor.double_val, tensor.int_val, tensor.int64_val):
                if len(numbers) == 1:
                    found[prefix + value.tag] = numbers[0]
    return found


def _look_at_hparams(args, kwargs):
    _collect.config("tensorboard", _collect.argument(args, kwargs, 1, "hparam_dict") or {})
    metrics = _collect.argument(args, kwargs, 2, "metric_dict") or {}
    _collect.final("tensorboard", metrics)
    return "tensorboard", metrics, 0
