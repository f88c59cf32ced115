"""tyro: the values of the fields, cast as tyro is about to do it, before it calls anything."""

import sys

_parse = globals()["load"]("parse")
_actions = globals()["load"]("argparse_actions")


def watch(name, module):
    """Wrap the parse of the backend, whichever is in use; before tyro 1.0 that is a parser."""
    for backend in ("TyroBackend", "ArgparseBackend"):
        if backend in module:
            function = module[backend].parse_args
            module[backend].parse_args = _parse.wrap(function, _parse.argument(2, "args"), _finish)

    if "TyroArgumentParser" in module:
        for method in ("parse_args", "parse_known_args"):
            function = getattr(module["TyroArgumentParser"], method)
            setattr(
                module["TyroArgumentParser"], method, _parse.wrap(function, _words, _finish_parser)
            )


def _words(args, kwargs):
    """Return the words parsed, as they were typed: tyro has other dashes for their underscores."""
    words = kwargs.get("args", args[1] if len(args) > 1 else None)
    own = sys.argv[1:]
    return own if words and list(map(_dashed, words)) == list(map(_dashed, own)) else words


def _dashed(word):
    head, equals, tail = word.partition("=")
    return head.replace("_", "-") + equals + tail if word[:2] == "--" else word


def _finish_parser(parse, result, args, kwargs):
    namespace, leftover = result if isinstance(result, tuple) else (result, None)
    found = {name.replace("__tyro_dummy_field__", ""): it for name, it in vars(namespace).items()}
    words = kwargs.get("args", args[1] if len(args) > 1 else ())
    _record(parse, args[0]._parser_specification, found, words, leftover)


def _finish(parse, result, args, kwargs):
    spec = kwargs.get("parser_spec", args[1] if len(args) > 1 else None)
    found, leftover = result
    words = kwargs.get("args", args[2] if len(args) > 2 else ())
    _record(parse, spec, found, words, leftover)


def _record(parse, spec, found, words, leftover):
    typed = {str(word).partition("=")[0].replace("_", "-") for word in words}
    values, defaults, given = {}, {}, []
    _describe(spec, _Found(found, typed), (values, defaults, given), ())
    _parse.record("tyro", parse, values, defaults, given, leftover)


class _Found(object):
    """What the backend has found, by the keys that it uses, and the options that were typed."""

    def __init__(self, values, typed):
        self.get = values.get
        self._values = values
        self._typed = typed

    def value(self, argument):
        """Return what was found for a field, or None; a truth value that was not typed is none."""
        ask = getattr(argument, "get_output_key", None)
        names = (argument.intern_prefix, argument.field.intern_name)
        plain = ".".join(name for name in names if name)
        for key in ([ask()] if ask else []) + [plain, plain.replace("_", "-")]:
            if key in self._values:
                value = self._values[key]
                return None if isinstance(value, bool) and not self._is_typed(argument) else value
        return None

    def _is_typed(self, argument):
        lowered = argument.lowered
        found = getattr(lowered, "name_or_flags", None) or [lowered.name_or_flag]  # until tyro 0.8
        names = [str(name).replace("_", "-") for name in found]
        for name in names + [str(argument.lowered.dest or "").replace("_", "-")]:
            head, _, tail = name.lstrip("-").rpartition(".")
            prefix = "--" + head + "." if head else "--"
            if (
                name in self._typed
                or prefix + tail in self._typed
                or prefix + "no-" + tail in self._typed
            ):
                return True
        return False


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
        parser = choice.parser_from_name[chosen]
        parser = parser.evaluate() if hasattr(parser, "evaluate") else parser
        _describe(parser, found, records, below + name)


def _path(*names):
    """Split names at their dots; tyro's own stand-ins for what has no name are left out."""
    parts = ".".join(name for name in names if name).split(".")
    return tuple(part for part in parts if part and "dummy" not in part)


def _value(argument, found):
    """Return (value, whether it was given) of a field."""
    default = argument.field.default
    value = found.value(argument)
    if value is None or _is_missing(value) or argument.lowered.is_fixed():
        return (None if _is_missing(default) else default), False
    if isinstance(value, bool):
        return value, True
    words = [value] if argument.lowered.nargs == "?" else value
    lowered = argument.lowered
    # Its name until tyro 0.9.
    cast = getattr(lowered, "instance_from_str", None) or lowered.instantiator
    return cast(words), True


def _is_missing(value):
    import inspect

    return value is inspect.Parameter.empty or "Missing" in type(value).__name__
