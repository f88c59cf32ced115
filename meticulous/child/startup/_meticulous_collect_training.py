"""Libraries that train: Keras, XGBoost, LightGBM, CatBoost, stable-baselines3, Ultralytics."""

_collect = globals()["load"]("collect")
_argument = _collect.argument


def watch(name, module):
    """Wrap where the library whose module this is evaluates what it trains."""
    _WATCHERS[name](module)


def _watch_keras(module):
    def look(args, kwargs):
        logs = _argument(args, kwargs, 2, "logs")
        if not logs:
            return None
        return "keras", dict(logs), _argument(args, kwargs, 1, "epoch")

    _collect.wrap(module["CallbackList"], "on_epoch_end", look, covers=True)


def _watch_xgboost(module):
    def look(result, args, kwargs):
        epoch, values = _argument(args, kwargs, 2, "epoch"), {}
        for data, metrics in args[0].history.items():
            for metric, scores in metrics.items():
                score = scores[-1]
                name = "{}-{}".format(data, metric)
                if isinstance(score, tuple):  # of a cross-validation: mean and deviation
                    values[name + "-mean"], values[name + "-std"] = score
                else:
                    values[name] = score
        _collect.emit("xgboost", values, epoch)

    _collect.after(module["CallbackContainer"], "after_iteration", look)


def _watch_lightgbm(module):
    def seen(environment):
        values = {}
        for item in environment.evaluation_result_list or ():
            values["{} {}".format(item[0], item[1])] = item[2]
        if values:
            _collect.emit("lightgbm", values, environment.iteration)

    seen.order = -1000  # before early stopping, which raises
    seen.before_iteration = False
    for name in ("train", "cv"):
        _add_callback(module, name, seen)


def _add_callback(module, name, seen):
    function = module[name]

    def wrapper(*args, **kwargs):
        try:
            kwargs = dict(kwargs, callbacks=list(kwargs.get("callbacks") or ()) + [seen])
        except Exception:
            _collect.trouble("cannot add a callback")
        return function(*args, **kwargs)

    module[name] = _collect.disguise(wrapper, function)


def _watch_catboost(module):
    def look(result, args, kwargs):
        steps = {}
        for data, metrics in (args[0].get_evals_result() or {}).items():
            for metric, scores in metrics.items():
                for step, score in enumerate(scores):
                    steps.setdefault(step, {})["{}/{}".format(data, metric)] = score
        for step in sorted(steps):
            _collect.emit("catboost", steps[step], step)

    _collect.after(module["CatBoost"], "_train", look)


def _watch_sb3(module):
    def look(args, kwargs):
        step = _argument(args, kwargs, 1, "step", 0)
        return "stable-baselines3", dict(args[0].name_to_value), step

    _collect.wrap(module["Logger"], "dump", look, covers=True)


def _watch_ultralytics(module):
    def look(args, kwargs):
        trainer = args[0]
        return "ultralytics", dict(_argument(args, kwargs, 1, "metrics")), trainer.epoch + 1

    _collect.wrap(module["BaseTrainer"], "save_metrics", look, covers=True)


_WATCHERS = {
    "catboost.core": _watch_catboost,
    "keras.src.callbacks.callback_list": _watch_keras,
    "lightgbm.engine": _watch_lightgbm,
    "stable_baselines3.common.logger": _watch_sb3,
    "ultralytics.engine.trainer": _watch_ultralytics,
    "xgboost.callback": _watch_xgboost,
}
