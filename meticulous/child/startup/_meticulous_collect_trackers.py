"""Trackers that are called with a name, a value and a step: one row of a table each."""

_collect = globals()["load"]("collect")
_argument = _collect.argument


def watch(name, module):
    """Wrap the calls of the tracker whose module this is."""
    _WATCHERS[name](module)


def _watch_trackio(module):
    run = module["Run"]

    def look(args, kwargs):
        step = _argument(args, kwargs, 2, "step")
        return (
            "trackio",
            dict(_argument(args, kwargs, 1, "metrics")),
            (args[0]._next_step if step is None else step),
        )

    def note(result, args, kwargs):
        values = {k: v for k, v in (args[0].config or {}).items() if not k.startswith("_")}
        if values:
            _collect.config("trackio", values)

    _collect.wrap(run, "log", look)
    _collect.after(run, "__init__", note)


def _watch_mlflow(module):
    client = module["TrackingServiceClient"]

    def look(args, kwargs):
        values = {_argument(args, kwargs, 2, "key"): _argument(args, kwargs, 3, "value")}
        return "mlflow", values, _argument(args, kwargs, 5, "step") or 0

    def look_at_batch(args, kwargs):
        by_step = {}
        for metric in _argument(args, kwargs, 2, "metrics", ()):
            values = by_step.setdefault(metric.step or 0, {})
            values[metric.key] = metric.value
        params = {p.key: _typed(p.value) for p in _argument(args, kwargs, 3, "params", ())}
        if params:
            _collect.config("mlflow", params)
        steps = list(by_step.items())
        for step, values in steps[:-1]:
            _collect.emit("mlflow", values, step)
        return ("mlflow", steps[-1][1], steps[-1][0]) if steps else None

    def look_at_param(args, kwargs):
        value = _argument(args, kwargs, 3, "value")
        _collect.config("mlflow", {_argument(args, kwargs, 2, "key"): value})

    _collect.wrap(client, "log_metric", look)
    _collect.wrap(client, "log_batch", look_at_batch)
    _collect.wrap(client, "log_param", look_at_param)


def _watch_aim(module):
    def look(args, kwargs):
        value, name = _argument(args, kwargs, 1, "value"), _argument(args, kwargs, 2, "name")
        context = _argument(args, kwargs, 5, "context") or {}
        prefix = "".join("{}/".format(part) for part in context.values())
        values = value if name is None and isinstance(value, dict) else {name: value}
        values = {prefix + str(key): item for key, item in values.items()}
        return "aim", values, _argument(args, kwargs, 3, "step")

    _collect.wrap(module["Run"], "track", look)


def _watch_sacred(module):
    def look(args, kwargs):
        name, value = _argument(args, kwargs, 1, "metric_name"), _argument(args, kwargs, 2, "value")
        return "sacred", {name: value}, _argument(args, kwargs, 3, "step")

    _collect.wrap(module["Run"], "log_scalar", _stepped(look))


def _watch_dvclive(module):
    live = module["Live"]

    def look(args, kwargs):
        name, value = _argument(args, kwargs, 1, "name"), _argument(args, kwargs, 2, "val")
        return "dvclive", {name: value}, args[0].step

    def look_at_params(args, kwargs):
        _collect.config("dvclive", _argument(args, kwargs, 1, "params"))

    def look_at_param(args, kwargs):
        name, value = _argument(args, kwargs, 1, "name"), _argument(args, kwargs, 2, "val")
        _collect.config("dvclive", {name: value})

    _collect.wrap(live, "log_metric", look)
    _collect.wrap(live, "log_params", look_at_params)
    _collect.wrap(live, "log_param", look_at_param)


def _watch_clearml(module):
    logger = module["Logger"]

    def look(args, kwargs):
        title, series = _argument(args, kwargs, 1, "title"), _argument(args, kwargs, 2, "series")
        name = title if series in (None, "", title) else "{}/{}".format(title, series)
        value = _argument(args, kwargs, 3, "value")
        return "clearml", {name: value}, _argument(args, kwargs, 4, "iteration")

    def look_at_single(args, kwargs):
        name, value = _argument(args, kwargs, 1, "name"), _argument(args, kwargs, 2, "value")
        _collect.final("clearml", {name: value})

    _collect.wrap(logger, "report_scalar", look)
    if hasattr(logger, "report_single_value"):
        _collect.wrap(logger, "report_single_value", look_at_single)


def _watch_comet(module):
    for name in ("CometExperiment", "BaseExperiment", "Experiment"):
        experiment = module.get(name)
        if experiment is not None and hasattr(experiment, "_log_metric"):
            break

    def look(args, kwargs):
        name, value = _argument(args, kwargs, 1, "name"), _argument(args, kwargs, 2, "value")
        step = _argument(args, kwargs, 3, "step")
        if str(name).startswith("sys.") or kwargs.get("framework") == "comet":
            return None  # what Comet measures of the machine
        if step is None:
            step = getattr(args[0], "curr_step", None)
        context = getattr(args[0], "context", None)
        prefix = "{}_".format(context) if context and kwargs.get("include_context", True) else ""
        return "comet", {prefix + str(name): value}, step

    def look_at_parameters(args, kwargs):
        values = _argument(args, kwargs, 1, "parameters")
        if isinstance(values, dict):
            _collect.config("comet", values)

    _collect.wrap(experiment, "_log_metric", _stepped(look))
    _collect.wrap(experiment, "log_parameters", look_at_parameters)


def _watch_accelerate(module):
    def look(args, kwargs):
        if not args[0].is_main_process:
            return None
        values = dict(_argument(args, kwargs, 1, "values"))
        return "accelerate", values, _argument(args, kwargs, 2, "step")

    def look_at_init(args, kwargs):
        if args[0].is_main_process:
            _collect.config("accelerate", _argument(args, kwargs, 2, "config") or {})

    accelerator = module["Accelerator"]
    _collect.wrap(accelerator, "log", _stepped(look), covers=True)
    _collect.wrap(accelerator, "init_trackers", look_at_init)


def _stepped(look):
    """Return `look` with a counter for each name where the program has given no step."""
    counts = {}

    def counted(args, kwargs):
        found = look(args, kwargs)
        if found is None:
            return None
        source, values, step = found
        key = next(iter(values), None)
        if step is None:
            step = counts.get(key, 0)
        if isinstance(step, (int, float)):
            counts[key] = step + 1
        return source, values, step

    return counted


def _typed(text):
    """Return a parameter that mlflow has made text as the number or word that it was."""
    for kind in (int, float):
        try:
            return kind(text)
        except (TypeError, ValueError):
            pass
    return {"True": True, "False": False, "None": None}.get(text, text)


_WATCHERS = {
    "accelerate.accelerator": _watch_accelerate,
    "aim.sdk.run": _watch_aim,
    "clearml.logger": _watch_clearml,
    "comet_ml.experiment": _watch_comet,
    "dvclive.live": _watch_dvclive,
    "mlflow.tracking._tracking_service.client": _watch_mlflow,
    "sacred.run": _watch_sacred,
    "trackio.run": _watch_trackio,
}
