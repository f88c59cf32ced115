"""Hydra: the composed config of a run, and the config as it is without overrides."""

_parse = globals()["load"]("parse")
_container = globals()["load"]("omegaconf").container


def watch(name, module):
    """Wrap the loader of configs; it returns before the program's own function is called."""
    loader = module["ConfigLoaderImpl"]
    load_configuration = loader.load_configuration

    def finish(parse, config, args, kwargs):
        call = dict(zip(("self", "config_name", "overrides", "run_mode"), args), **kwargs)
        values = _without_hydra(config)
        defaults = values
        if call["overrides"]:
            defaults = _without_overrides(load_configuration, call)
        names = [_name(override) for override in call["overrides"]]
        given = [name for name in names if name.partition(".")[0] != "hydra"]
        _parse.record("Hydra", parse, values, defaults, given)

    loader.load_configuration = _parse.wrap(load_configuration, _words, finish)


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
