"""OmegaConf without Hydra: ``OmegaConf.from_cli()``, and what it is merged into."""

_parse = globals()["load"]("parse")

_from_cli = []
"""The config of the command line, once there is one."""


def watch(name, module):
    """Wrap ``from_cli`` and ``merge``."""
    owner = module["OmegaConf"]
    from_cli, merge = owner.from_cli, owner.merge

    def finish_from_cli(parse, config, args, kwargs):
        _from_cli[:] = [config]
        _parse.record("OmegaConf", parse, container(config), {}, _paths(container(config)))

    def finish_merge(parse, result, args, kwargs):
        rest = [config for config in args if config is not _from_cli[0]]
        defaults = container(merge(*rest)) if rest else {}
        given = _paths(container(_from_cli[0]))
        _parse.record("OmegaConf", parse, container(result), defaults, given)

    words_of = _parse.argument(0, "args_list")
    owner.from_cli = staticmethod(_parse.wrap(from_cli, words_of, finish_from_cli))
    owner.merge = staticmethod(_parse.wrap(merge, _words_merged, finish_merge))


def _words_merged(args, kwargs):
    """Tell a merge with the config of the command line from the others."""
    ours = _from_cli and any(config is _from_cli[0] for config in args)
    return None if ours else ["not", "ours"]


def container(node):
    """Return a config as dicts and lists; references to other keys followed, resolvers not called.

    A resolver may read the environment or the clock, or draw a number.
    """
    kind = type(node).__name__
    if kind == "DictConfig":
        return None if node._is_none() else {str(key): _item(node, key) for key in node.keys()}
    if kind == "ListConfig":
        return None if node._is_none() else [_item(node, key) for key in range(len(node))]
    return node


def _item(node, key):
    child = node._get_node(key)
    if child._is_missing():
        return "???"
    if child._is_interpolation():
        raw = child._value()
        if ":" in raw:
            return raw
        try:
            return container(node[key])
        except Exception:
            return raw
    if type(child).__name__ in ("DictConfig", "ListConfig"):
        return container(child)
    return child._value()


def _paths(record, prefix=""):
    """List the dotted names of the leaves of nested dicts."""
    paths = []
    for key, value in record.items():
        if isinstance(value, dict):
            paths += _paths(value, prefix + key + ".")
        else:
            paths.append(prefix + key)
    return paths
