"""absl.flags: every flag that the program defines, and those of absl's own that were given."""

_parse = globals()["load"]("parse")
_values = globals()["load"]("values")


def watch(name, module):
    """Wrap the parse of a list of words with the program's name in front."""
    flag_values = module["FlagValues"]
    flag_values.__call__ = _parse.wrap(flag_values.__call__, _words, _finish)


def _words(args, kwargs):
    argv = kwargs.get("argv", args[1] if len(args) > 1 else None)
    return ["not", "ours"] if argv is None else list(argv)[1:]


def _finish(parse, leftover, args, kwargs):
    values, defaults, given, fields = {}, {}, [], []
    for module, flags in args[0].flags_by_module_dict().items():
        own = module.partition(".")[0] == "absl"
        for flag in flags:
            if own and not flag.present:
                continue
            if flag.present:
                given.append(flag.name)
            kind = type(flag)
            if kind.__module__.partition(".")[0] == "ml_collections":
                if "Field" in kind.__name__:  # --config.lr, which is in --config
                    fields.append(flag)
                    continue
                values[flag.name] = flag.value
                defaults[flag.name] = _values.plain(flag.value, _values.Budget())
                continue
            values[flag.name] = flag.value
            defaults[flag.name] = flag.default
    for flag in fields:
        _put_back(defaults, flag.name.split("."), flag.default)
    _parse.record("absl", parse, values, defaults, given, leftover[1:])


def _put_back(inner, path, default):
    """Set what the config had before the command line changed it; it has no default of its own."""
    for part in path[:-1]:
        inner = inner.get(part) if isinstance(inner, dict) else None
    if isinstance(inner, dict) and path[-1] in inner:
        inner[path[-1]] = default
