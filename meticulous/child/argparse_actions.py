"""What an argparse parser has parsed, parted into values, defaults and the names that were given.

Needs nothing of the other files, so that the product takes it as well, for parsers in-process.
"""

_SUPPRESS = "==SUPPRESS=="

_SAFE_TYPES = ("int", "float", "complex", "str")
"""Types that a default written as text may be put through a second time; others may open files."""


def pool(parser, namespace, is_ours):
    """Return name -> value of what `parser` has put in `namespace`.

    One that argparse has made holds nothing else. One that the program has given may be a class, a
    module, an object with slots, or may hold much more: of it the names of the parser are asked for.
    """
    if is_ours and type(namespace).__name__ != "type":
        return dict(getattr(namespace, "__dict__", {}))
    found = {}
    for name in _names(parser):
        if name != _SUPPRESS:
            try:
                found[name] = getattr(namespace, name)
            except Exception:
                pass  # suppressed, or deleted since
    return found


def describe(parser, pool, given, chosen, prefix):
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
        nested[name] = describe(subparser, part, given, chosen, prefix + name + ".")
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
    """Return every name that `parser` or a subcommand of it may put in the namespace."""
    names = set(parser._defaults)
    for action in parser._actions:
        names.add(action.dest)
        if _has_subcommands(action):
            for subparser in action.choices.values():
                names |= _names(subparser)
    return names


def _defaults(parser, values, given):
    """Return the defaults of the names in `values`; one not given is its own default."""
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
            put(defaults, name.split("."), _converted(action))
    for name, default in parser._defaults.items():
        if name in values:
            defaults.setdefault(name, default)
    return defaults


def _converted(action):
    """Return the default as argparse would have converted it, if that is sure to be harmless."""
    default, kind = action.default, action.type
    if isinstance(default, str) and isinstance(kind, type):
        if kind.__name__ in _SAFE_TYPES or kind.__module__.partition(".")[0] == "pathlib":
            try:
                return kind(default)
            except ValueError:
                return default
    return default


def put(record, path, value):
    """Set a value in nested dicts, where nothing else is in the way."""
    for part in path[:-1]:
        record = record.setdefault(part, {})
        if not isinstance(record, dict):
            return
    record[path[-1]] = value
