"""click and typer: the parameters of the command that is invoked, and of the groups on the way."""

from _weakref import ref

_parse = globals()["load"]("parse")

_SAFE_TYPES = ("BoolParamType", "FloatParamType", "IntParamType", "StringParamType")

_roots = []
"""A reference to the context of the command line's own command; those of tests are not in it."""


def watch(name, module):
    """Wrap ``make_context``, which parses the words of one command and returns before it runs."""
    command_class = module["Command"]
    command_class.make_context = _parse.wrap(command_class.make_context, _words, _finish)


def _words(args, kwargs):
    parent = kwargs.get("parent", args[3] if len(args) > 3 else None)
    if parent is not None:
        ours = any(parent.find_root() is root() for root in _roots)
        return None if ours else ["not", "ours"]
    words = kwargs.get("args", args[2] if len(args) > 2 else None)
    return None if words is None else list(words)


def _finish(parse, context, args, kwargs):
    if context.resilient_parsing:
        return
    if context.parent is None:
        _roots[:] = [ref(context)]
    chain = [context]
    while chain[0].parent is not None:
        chain.insert(0, chain[0].parent)
    values, defaults, given = {}, {}, []
    path = [str(link.info_name) for link in chain[1:]]
    record, default_record = values, defaults
    for depth, link in enumerate(chain):
        prefix = "".join(name + "." for name in path[:depth])
        if depth:
            record = record.setdefault(path[depth - 1], {})
            default_record = default_record.setdefault(path[depth - 1], {})
        record.update(link.params)
        default_record.update(_defaults(link))
        given += [prefix + name for name in link.params if _source(link, name) == "COMMANDLINE"]
    if path:
        values.setdefault("command", " ".join(path))
    package = type(chain[0].command).__module__.partition(".")[0]
    _parse.record("typer" if package == "typer" else "click", parse, values, defaults, given)


def _source(context, name):
    """Say where the value of a parameter is from: ``COMMANDLINE``, ``DEFAULT`` … (click 8 on)."""
    ask = getattr(context, "get_parameter_source", None)
    return getattr(ask(name) if ask else None, "name", None)


def _defaults(context):
    """Return the defaults of a command; one that was not given is its own, converted."""
    defaults = {}
    for parameter in context.command.params:
        name = parameter.name
        if name not in context.params:
            continue
        if _source(context, name) == "DEFAULT":
            defaults[name] = context.params[name]
            continue
        default = parameter.get_default(context, call=False)
        if callable(default) or type(default).__name__ == "Sentinel":
            default = None
        kind = type(getattr(parameter, "type", None)).__name__  # typer's have none
        if default is not None and kind in _SAFE_TYPES:
            default = parameter.type_cast_value(context, default)
        defaults[name] = default
    return defaults
