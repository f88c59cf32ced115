"""tyro: the values of the fields, cast as tyro is about to do it, before it calls anything."""

_parse = globals()["load"]("parse")
_actions = globals()["load"]("argparse_actions")


def watch(name, module):
    """Wrap the parse of the backend, whichever is in use."""
    for backend in ("TyroBackend", "ArgparseBackend"):
        if backend in module:
            function = module[backend].parse_args
            module[backend].parse_args = _parse.wrap(function, _parse.argument(2, "args"), _finish)


def _finish(parse, result, args, kwargs):
    spec = kwargs.get("parser_spec", args[1] if len(args) > 1 else None)
    found, leftover = result
    values, defaults, given = {}, {}, []
    _describe(spec, found, (values, defaults, given), ())
    _parse.record("tyro", parse, values, defaults, given, leftover)


def _describe(spec, found, records, below):
    """Add the fields of a parser, of those nested in it, and of the subcommands chosen."""
    values, defaults, given = records
    for argument in spec.args:
        path = below + _path(argument.intern_prefix, argument.field.intern_name)
        default = argument.field.default
        value, is_given = _value(argument, found)
        _actions.put(values, path, value)
        _actions.put(defaults, path, None if _is_missing(default) else default)
        if is_given:
            given.append(".".join(path))
    for child in spec.child_from_prefix.values():
        _describe(child, found, records, below)
    for prefix, choice in spec.subparsers_from_intern_prefix.items():
        chosen = found.get(prefix + " (positional)")
        if chosen is None:
            chosen = choice.default_name
        if chosen is None:
            continue
        field = _path(prefix)
        _actions.put(values, below + field + ("command",), chosen)
        name = () if field else (chosen,)
        parser = choice.parser_from_name[chosen].evaluate()
        _describe(parser, found, records, below + name)


def _path(*names):
    """Split names at their dots; tyro's own stand-ins for what has no name are left out."""
    parts = ".".join(name for name in names if name).split(".")
    return tuple(part for part in parts if part and "dummy" not in part)


def _value(argument, found):
    """Return (value, whether it was given) of a field."""
    key = ".".join(name for name in (argument.intern_prefix, argument.field.intern_name) if name)
    default = argument.field.default
    if key not in found or _is_missing(found[key]) or argument.lowered.is_fixed():
        return (None if _is_missing(default) else default), False
    words = [found[key]] if argument.lowered.nargs == "?" else found[key]
    return argument.lowered.instance_from_str(words), True


def _is_missing(value):
    import inspect

    return value is inspect.Parameter.empty or "Missing" in type(value).__name__
