"""docopt and docopt-ng: the dict that they give, without the dashes and brackets of its names."""

_parse = globals()["load"]("parse")


def watch(name, module):
    """Wrap the one function."""

    def finish(parse, result, args, kwargs):
        if parse.asked_by.partition(".")[0] != "sacred":
            text = args[0] if args else kwargs.get("docstring", kwargs.get("doc"))
            _finish(parse, result, _options(module, text))

    module["docopt"] = _parse.wrap(module["docopt"], _parse.argument(1, "argv"), finish)


def _options(module, text):
    """Return option -> its default, by the library's own reading of the documentation."""
    if "parse_docstring_sections" in module:  # docopt-ng
        sections = module["parse_docstring_sections"](text)
        parts = [sections.before_usage, sections.after_usage]
        options = [option for part in parts for option in module["parse_options"](part)]
    else:
        options = module["parse_defaults"](text)
    return {option.name: option.value for option in options}


def _finish(parse, result, options):
    names = {key: _plain_name(key, result) for key in result}
    values = {names[key]: value for key, value in result.items()}
    defaults = {names[key]: options.get(key) for key in result}
    for key, value in result.items():
        if key not in options:  # a command, a positional, an option that only the usage shows
            defaults[names[key]] = type(value)() if isinstance(value, (bool, int, list)) else None
    given = [names[key] for key in result if _is_given(key, result[key], defaults[names[key]])]
    _parse.record("docopt", parse, values, defaults, given)


def _plain_name(key, result):
    name = key.strip("<>").lstrip("-") or key
    taken = [other for other in result if other != key and other.strip("<>").lstrip("-") == name]
    return key if taken else name


def _is_given(key, value, default):
    import sys

    words = sys.argv[1:]
    return value != default or any(word == key or word.startswith(key + "=") for word in words)
