"""TensorFlow 2: its event files are written below Python, so the recorder reads them."""

import os

_collect = globals()["load"]("collect")
_tensorboard = globals()["load"]("collect_tensorboard")


def watch(name, module):
    """Wrap the maker of writers."""
    _collect.after(module, "create_file_writer_v2", _note)


def _note(result, args, kwargs):
    folder = _collect.argument(args, kwargs, 0, "logdir")
    if hasattr(folder, "numpy"):
        folder = folder.numpy()
    folder = folder.decode() if isinstance(folder, bytes) else os.fspath(folder)
    prefix = _tensorboard.prefix_of(folder)
    source = "tensorflow"
    if _collect.is_called_from("keras.", "tf_keras.", "tensorflow.python.keras"):
        source = "keras"
    _collect.event_files(source, os.path.abspath(folder), prefix, True)
