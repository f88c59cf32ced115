"""absl.flags: every flag that the program defines, and those of absl's own that were given."""

_parse = globals()["load"]("parse")


def watch(name, module):
    """Wrap the parse of a list of words with the program's name in front."""
    flag_values = module["FlagValues"]
    flag_values.__call__ = _parse.wrap(flag_values.__call__, _words, _finish)


def _words(args, kwargs):
    argv = kwargs.get("argv", args[1] if len(args) > 1 else None)
    return ["not", "ours"] if argv is None else list(argv)[1:]


def _finish(parse, leftover, args, kwargs):
    values, defaults, given = {}, {}, []
    for module, flags in args[0].flags_by_module_dict().items():
        own = module.partition(".")[0] == "absl"
        for flag in flags:
            if own and not flag.present:
                continue
            values[flag.name] = flag.value
            defaults[flag.name] = flag.default
            if flag.present:
                given.append(flag.name)
    _parse.record("absl", parse, values, defaults, given, leftover[1:])
