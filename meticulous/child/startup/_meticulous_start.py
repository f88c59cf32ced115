"""Arms the hooks of a recorded Python process; loaded by ``sitecustomize`` inside a run only.

One finder at the front of ``sys.meta_path`` waits for the import of a parser library, one at its end
serves the helper, and one ``atexit`` function looks for the exception that ended the program. Imports
only what Python has already loaded, ``atexit`` (built in), and files of this folder.
"""

import os
import sys

_HERE = os.path.dirname(__file__)

_CAPTURED_BY = {
    "absl.flags._flagvalues": "absl",
    "argparse": "argparse",
    "click.core": "click",
    "configargparse": "argparse",
    "docopt": "docopt",
    "fire.core": "fire",
    "hydra._internal.config_loader_impl": "hydra",
    "jsonargparse._core": "jsonargparse",
    "jsonargparse.core": "jsonargparse",
    "omegaconf.omegaconf": "omegaconf",
    "pydantic_settings.main": "pydantic",
    "sacred.experiment": "sacred",
    "simple_parsing.parsing": "argparse",
    "threading": "threads",
    "typer._click.core": "click",
    "tyro._argparse_formatter": "tyro",
    "tyro._backends._argparse_backend": "tyro",
    "tyro._backends._tyro_backend": "tyro",
}
"""Module that a program may import -> the file here, ``_meticulous_<name>.py``, that watches it."""

_COLLECTED_BY = {
    "accelerate.accelerator": "collect_trackers",
    "aim.sdk.run": "collect_trackers",
    "catboost.core": "collect_training",
    "clearml.logger": "collect_trackers",
    "comet_ml.experiment": "collect_trackers",
    "dvclive.live": "collect_trackers",
    "keras.src.callbacks.callback_list": "collect_training",
    "lightgbm.engine": "collect_training",
    "lightning.fabric.fabric": "collect_lightning",
    "lightning.fabric.loggers.csv_logs": "collect_lightning",
    "lightning.pytorch.loggers.utilities": "collect_lightning",
    "lightning.pytorch.trainer.connectors.logger_connector.logger_connector": "collect_lightning",
    "lightning_fabric.fabric": "collect_lightning",
    "lightning_fabric.loggers.csv_logs": "collect_lightning",
    "meticulous.child.helper": "collect_own",
    "mlflow.tracking._tracking_service.client": "collect_trackers",
    "pytorch_lightning.loggers.utilities": "collect_lightning",
    "pytorch_lightning.trainer.connectors.logger_connector.logger_connector": "collect_lightning",
    "sacred.run": "collect_trackers",
    "stable_baselines3.common.logger": "collect_training",
    "tensorboard.summary.writer.event_file_writer": "collect_tensorboard",
    "tensorboardX.event_file_writer": "collect_tensorboard",
    "tensorflow.python.ops.summary_ops_v2": "collect_tensorflow",
    "torch.utils.tensorboard.writer": "collect_tensorboard",
    "trackio.run": "collect_trackers",
    "transformers.trainer_callback": "collect_transformers",
    "ultralytics.engine.trainer": "collect_training",
    "wandb.sdk.wandb_init": "collect_wandb",
    "wandb.sdk.wandb_run": "collect_wandb",
    "xgboost.callback": "collect_training",
}
"""Likewise modules of trackers and frameworks, whose metrics are collected."""

_REPORTED_AT_START = 16
"""So many processes of a run say at their start which Python they are; later ones only if they parse
or fail, so that a build that starts Python a thousand times does not leave a thousand files."""

_watched = {}
"""Module -> its namespace, in which the hooks are. A tracer may have us find a module twice."""

_being_found = []
"""Modules that the other finders are being asked for: who asks us in turn is told nothing."""

armed_for = []
"""The run that this process belongs to; an Experiment names its own in the environment later."""

load = globals()["load"]
"""Imports a file of this folder; sitecustomize has put it here."""


def _watch(name, module):
    """Let the capture of the library module `name` put its hooks in; its trouble stays with us."""
    try:
        # Not getattr: a module that is being loaded lazily must not be asked for its attributes.
        namespace = object.__getattribute__(module, "__dict__")
        if _watched.get(name) is not namespace:
            _watched[name] = namespace
            load(_CAPTURED_BY[name]).watch(name, namespace)
    except Exception:
        _note("cannot watch " + name)


def _note(what):
    """Write `what` to the debug log, with the exception being handled, where one is asked for."""
    if os.environ.get("METICULOUS_SHIM_DEBUG") == "1":
        try:
            load("report").debug(what)
        except Exception:
            pass


_EXEC_MODULE = """
def exec_module(module):
    original(module)
    if module.__spec__.name in names:
        watch(module.__spec__.name, module)
"""


class _ParserFinder(object):
    """First on ``sys.meta_path``: finds nothing itself, but notices that a parser is imported."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _CAPTURED_BY:
            return None
        try:
            return _ParserFinder._find_by_others(name, path, target)
        except Exception:
            return None  # Python asks the others again, and they fail, or not, by themselves

    @staticmethod
    def _find_by_others(name, path, target):
        """Return the spec that the finders after us give, with a loader that calls us when it is done."""
        finders = list(sys.meta_path)
        if _ParserFinder in finders:
            finders = finders[finders.index(_ParserFinder) + 1 :]
        # Else we stand behind a finder of somebody else, that calls us: all may know the module.
        if name in _being_found:
            return None
        _being_found.append(name)
        try:
            for finder in finders:
                ask = getattr(finder, "find_spec", None)
                spec = ask(name, path, target) if ask else None
                if spec is not None:
                    break
            else:
                return None
        finally:
            _being_found.remove(name)
        loader = spec.loader
        # A tracer's own loader may have a function there too.
        own = getattr(loader.__dict__.get("exec_module"), "__globals__", {})
        if own.get("watch") is not _watch:
            # The file name makes Python cut our frame, with its own, out of an import's traceback.
            scope = {"original": loader.exec_module, "names": _CAPTURED_BY, "watch": _watch}
            exec(compile(_EXEC_MODULE, "<frozen importlib._bootstrap>", "exec"), scope)
            loader.exec_module = scope["exec_module"]
        return spec


class _HelperFinder(object):
    """Last on ``sys.meta_path``: the helper stands in for ``meticulous`` where it is not installed."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "meticulous":
            return None
        finders = list(sys.meta_path)
        for finder in finders[finders.index(cls) + 1 :]:  # added after us
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
        file = os.path.join(os.path.dirname(_HERE), "helper.py")
        return spec_of_file(name, file)


def spec_of_file(name, file):
    """Return the spec of the Python file `file` as a module, without importing importlib."""
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import SourceFileLoader

    spec = ModuleSpec(name, SourceFileLoader(name, file), origin=file)
    spec.has_location = True
    return spec


def _at_exit():
    """Report the exception that ended the program, if one did."""
    try:
        if hasattr(sys, "last_value") or "_meticulous_threads" in sys.modules:
            load("report").at_exit()
    except Exception:
        _note("cannot report the exception")


def _buffer_lines():
    """Let what is printed be seen line by line, where Python would hold back 8 KiB of it.

    Not ``PYTHONUNBUFFERED``, with which Python loses the rest of a write that a signal cuts short
    (python/cpython#86210) and makes several writes of one print. Who has set that variable or
    given ``-u`` has chosen; a stream that is a terminal has its lines already.
    """
    if "PYTHONUNBUFFERED" in os.environ:
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            if not (stream.line_buffering or stream.write_through):
                stream.reconfigure(line_buffering=True)
        except (AttributeError, ValueError, OSError):
            pass  # closed, none at all, or Python 3.6, which cannot


def arm(run_directory):
    """Put the hooks in; libraries that a ``.pth`` file has imported already are watched at once."""
    import atexit

    armed_for.append(run_directory)
    sys.meta_path.insert(0, _ParserFinder)
    sys.meta_path.append(_HelperFinder)
    atexit.register(_at_exit)
    _buffer_lines()
    rank = os.environ.get("METICULOUS_RANK", "0")
    reports = os.path.join(
        run_directory, "reports" if rank == "0" else "ranks/" + rank + "/reports"
    )
    try:
        os.mkdir(reports, 0o700)
        count = 0
    except OSError:
        count = len(os.listdir(reports))
    if count < _REPORTED_AT_START:
        load("report").write()
    if os.environ.get("METICULOUS_COLLECT") != "0":
        _CAPTURED_BY.update(_COLLECTED_BY)
    for name in _CAPTURED_BY:
        if name in sys.modules:
            _watch(name, sys.modules[name])
