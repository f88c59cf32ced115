"""jsonargparse, and Lightning's CLI, which is built on it: the nested config that it gives."""

_parse = globals()["load"]("parse")


def watch(name, module):
    """Wrap ``parse_args``; jsonargparse never asks argparse's own."""
    parser_class = module["ArgumentParser"]
    function = parser_class.parse_args
    parser_class.parse_args = _parse.wrap(function, _parse.argument(1, "args"), _finish)


def _finish(parse, config, args, kwargs):
    parser = args[0] if args else kwargs["self"]
    prefixes = {id(parser): ""}
    defaults = _defaults(parser)
    given = []
    for asked, action, words in parse.noted:
        prefix = prefixes.get(id(asked), "")
        subparser = action.choices.get(words[0]) if words and _has_subcommands(action) else None
        if subparser is not None:
            prefixes[id(subparser)] = prefix + words[0] + "."
            defaults[words[0]] = _defaults(subparser)
        given.append(prefix + action.dest)
    is_lightning = "lightning" in type(parser).__module__
    library = "Lightning CLI" if is_lightning else "jsonargparse"
    _parse.record(library, parse, config, defaults, given)


def _has_subcommands(action):
    choices = action.choices
    return isinstance(choices, dict) and all(hasattr(item, "_actions") for item in choices.values())


def _defaults(parser):
    """Return the defaults of a parser as a dict; {} where they cannot be had without trouble."""
    try:
        return dict(vars(parser.get_defaults(skip_validation=True)))
    except Exception:
        return {}
