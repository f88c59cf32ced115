"""argparse, and the parsers that are classes of it: HfArgumentParser, simple-parsing, ConfigArgParse."""

_parse = globals()["load"]("parse")
_actions = globals()["load"]("argparse_actions")

_METHODS = (
    "parse_args",
    "parse_known_args",
    "parse_intermixed_args",
    "parse_known_intermixed_args",
)
_NAMES = {
    "configargparse": "ConfigArgParse",
    "pydantic_settings": "pydantic-settings",
    "simple_parsing": "simple-parsing",
    "transformers": "HfArgumentParser",
}
_CAPTURED_ELSEWHERE = ("hydra", "pydantic_settings", "tyro")
"""Packages that use argparse within, and are watched themselves."""


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
    if "parse_known_args" in vars(parser) and not parse.noted:
        return  # an Experiment has given back what it had parsed, which has been reported
    namespace, leftover = result if isinstance(result, tuple) else (result, None)
    given = [action for _, action, _ in parse.noted]
    chosen = {id(action): words[0] for _, action, words in parse.noted if words}
    given_namespace = kwargs.get("namespace", args[2] if len(args) > 2 else None)
    pool = _actions.pool(parser, namespace, is_ours=given_namespace is None)
    values, defaults, names = _actions.describe(parser, pool, given, chosen, "")
    elsewhere = _not_from_command_line(parser)
    names = [name for name in names if name not in elsewhere]
    _parse.record(_library(parser), parse, values, defaults, names, leftover)


def _library(parser):
    """Name the library whose class the parser is of; a class of the user's own is argparse's."""
    packages = [base.__module__.partition(".")[0] for base in type(parser).__mro__]
    return next((_NAMES[package] for package in packages if package in _NAMES), "argparse")


def _not_from_command_line(parser):
    """Return the names that ConfigArgParse took from its files or the environment."""
    sources = getattr(parser, "_source_to_settings", None) or {}
    names = set()
    for source, settings in sources.items():
        if source != "command_line":
            names.update(action.dest for action, _ in settings.values() if action is not None)
    return names
