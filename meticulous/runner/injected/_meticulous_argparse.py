"""argparse, and the parsers that are classes of it: HfArgumentParser, simple-parsing, ConfigArgParse."""

_parse = globals()["load"]("parse")

_METHODS = (
    "parse_args",
    "parse_known_args",
    "parse_intermixed_args",
    "parse_known_intermixed_args",
)
_SUPPRESS = "==SUPPRESS=="
_NAMES = {
    "configargparse": "ConfigArgParse",
    "pydantic_settings": "pydantic-settings",
    "simple_parsing": "simple-parsing",
    "transformers": "HfArgumentParser",
}
_CAPTURED_ELSEWHERE = ("hydra", "pydantic_settings", "tyro")
"""Packages that use argparse within, and are watched themselves."""

_SAFE_TYPES = ("int", "float", "complex", "str")
"""Types that a default written as text may be put through a second time; others may open files."""


def watch(name, module):
    """Wrap the methods of the module's ArgumentParser."""
    parser_class = module["ArgumentParser"]
    for method in _METHODS:
        if method in parser_class.__dict__:
            words_of = _parse.argument(1, "args")
            function = parser_class.__dict__[method]
            setattr(parser_class, method, _parse.wrap(function, words_of, _finish))
    if name == "argparse":
        parser_class._get_values = _noting(parser_class._get_values)


def _noting(get_values):
    """Wrap ``_get_values``, which argparse calls for each argument that it finds: those were given."""

    def _get_values(self, action, arg_strings):
        parse = _parse.current()
        if parse is not None and (arg_strings or action.option_strings):
            parse.noted.append((self, action, list(arg_strings)))
        return get_values(self, action, arg_strings)

    return _parse.disguise(_get_values, get_values)


def _finish(parse, result, args, kwargs):
    asked_by = parse.asked_by.partition(".")[0]
    if asked_by in _CAPTURED_ELSEWHERE:
        _parse.handed_over[asked_by] = parse
        return
    parser = args[0] if args else kwargs["self"]
    namespace, leftover = result if isinstance(result, tuple) else (result, None)
    given = [action for _, action, _ in parse.noted]
    chosen = {id(action): words[0] for _, action, words in parse.noted if words}
    pool = dict(getattr(namespace, "__dict__", {}))
    values, defaults, names = _describe(parser, pool, given, chosen, "")
    elsewhere = _not_from_command_line(parser)
    names = [name for name in names if name not in elsewhere]
    _parse.record(_library(parser), parse, values, defaults, names, leftover)


def _library(parser):
    """Name the library whose class the parser is of; a class of the user's own is argparse's."""
    packages = [base.__module__.partition(".")[0] for base in type(parser).__mro__]
    return next((_NAMES[package] for package in packages if package in _NAMES), "argparse")


def _describe(parser, pool, given, chosen, prefix):
    """Take what belongs to `parser` and its chosen subcommand out of `pool`.

    Gives (values, defaults, names given), the subcommand's nested under its name.
    """
    below = [
        (action, chosen[id(action)], action.choices[chosen[id(action)]])
        for action in parser._actions
        if _has_subcommands(action) and chosen.get(id(action)) in action.choices
    ]
    nested = {}
    for action, name, subparser in below:
        own = _names(subparser)
        part = {key: pool.pop(key) for key in list(pool) if key in own}
        nested[name] = _describe(subparser, part, given, chosen, prefix + name + ".")
    values = pool
    defaults = _defaults(parser, values, given)
    mine = [action for action in parser._actions if any(action is other for other in given)]
    names = [prefix + action.dest for action in mine if action.dest != _SUPPRESS]
    for action, name, subparser in below:
        if action.dest == _SUPPRESS:
            values.setdefault("command", name)
        _nest(values, name, nested[name][0])
        _nest(defaults, name, nested[name][1])
        names += nested[name][2]
    return values, defaults, names


def _nest(record, name, part):
    """Put `part` under `name`, or beside it where an argument has the name of the subcommand."""
    if name in record:
        record.update(part)
    else:
        record[name] = part


def _has_subcommands(action):
    choices = action.choices
    return isinstance(choices, dict) and all(hasattr(item, "_actions") for item in choices.values())


def _names(parser):
    """Give every name that `parser` or a subcommand of it may put in the namespace."""
    names = set(parser._defaults)
    for action in parser._actions:
        names.add(action.dest)
        if _has_subcommands(action):
            for subparser in action.choices.values():
                names |= _names(subparser)
    return names


def _defaults(parser, values, given):
    """Give the defaults of the names in `values`; one not given is its own default."""
    defaults = {}
    given_names = {action.dest for action in given}
    for action in parser._actions:
        name = action.dest
        if name in defaults or _SUPPRESS in (name, action.default):
            continue
        if name in values:
            is_given = name in given_names
            defaults[name] = _converted(action) if is_given else values[name]
        elif name.partition(".")[0] in values:  # simple-parsing: a field of a dataclass
            _parse.put(defaults, name.split("."), _converted(action))
    for name, default in parser._defaults.items():
        if name in values:
            defaults.setdefault(name, default)
    return defaults


def _converted(action):
    """Give the default as argparse would have converted it, if that is sure to be harmless."""
    default, kind = action.default, action.type
    if isinstance(default, str) and isinstance(kind, type):
        if kind.__name__ in _SAFE_TYPES or kind.__module__.partition(".")[0] == "pathlib":
            try:
                return kind(default)
            except ValueError:
                return default
    return default


def _not_from_command_line(parser):
    """Give the names that ConfigArgParse took from its files or the environment."""
    sources = getattr(parser, "_source_to_settings", None) or {}
    names = set()
    for source, settings in sources.items():
        if source != "command_line":
            names.update(action.dest for action, _ in settings.values() if action is not None)
    return names
