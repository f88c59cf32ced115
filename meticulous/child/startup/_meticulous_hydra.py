"""Hydra: the composed config of a run, and the config as it is without overrides."""

_parse = globals()["load"]("parse")
_container = globals()["load"]("omegaconf").container
_actions = globals()["load"]("argparse_actions")

_sweeps = []
"""Holds something once a ``--multirun`` has been composed: its jobs are parts of it."""
_SWEPT = ("range(", "choice(", "interval(", "glob(", "sort(", "shuffle(", "tag(")


def watch(name, module):
    """Wrap the loader of configs; it returns before the program's own function is called."""
    loader = module["ConfigLoaderImpl"]
    load_configuration = loader.load_configuration

    def finish(parse, config, args, kwargs):
        call = dict(zip(("self", "config_name", "overrides", "run_mode"), args), **kwargs)
        if _sweeps:
            return  # the config of one job is not what the program was told
        values = _without_hydra(config)
        if str(call.get("run_mode")).endswith("MULTIRUN"):
            _sweeps.append(True)
        defaults = values
        library = "Hydra"
        if call["overrides"]:
            defaults = _without_overrides(load_configuration, call)
            if _sweeps and _put_swept(values, call["overrides"]):
                library = "Hydra --multirun"
        names = [_name(override) for override in call["overrides"]]
        given = [name for name in names if name.partition(".")[0] != "hydra"]
        _parse.record(library, parse, values, defaults, given)

    loader.load_configuration = _parse.wrap(load_configuration, _words, finish)


def _put_swept(values, overrides):
    """Put what is swept over, as it was typed, in the place of one job's value.

    Returns whether there is such a thing: Hydra composes for --multirun before it knows.
    """
    is_swept = False
    for override in overrides:
        text = override.partition("=")[2].strip()
        is_one = text[:1] in ("[", "{", "'", '"') or not ("," in text or text.startswith(_SWEPT))
        name = _name(override)
        if not is_one and name.partition(".")[0] != "hydra":
            _actions.put(values, name.split("."), text)
            is_swept = True
    return is_swept


def _words(args, kwargs):
    """Tell a config for the command line from one that a program composes for itself."""
    from_shell = kwargs.get("from_shell", args[4] if len(args) > 4 else True)
    return None if from_shell else ["not", "ours"]


def _without_overrides(load_configuration, call):
    import warnings

    call = dict(call, overrides=[])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _without_hydra(load_configuration(**call))
    except Exception:  # a choice that has to be made on the command line
        return {}


def _without_hydra(config):
    values = _container(config) or {}
    values.pop("hydra", None)
    return values


def _name(override):
    """Return the name in ``name=value``, ``+name=value``, ``~name`` and ``group@package=value``."""
    return override.lstrip("+~").partition("=")[0]
