"""fire: the arguments of each function that it is about to call."""

import sys

_parse = globals()["load"]("parse")


def watch(name, module):
    """Wrap the maker of parse functions; they return before the program's function is called."""
    make = module["_MakeParseFn"]

    def _MakeParseFn(fn, metadata):
        parse_function = make(fn, metadata)

        def finish(parse, result, args, kwargs):
            words = args[0] if args else kwargs["args"]
            spec = module["inspectutils"].GetFullArgSpec(fn)
            in_words, _, positional = module["_ParseKeywordArgs"](list(words), spec)
            given = [name for name in spec.args if name not in in_words][: len(positional)]
            _finish(parse, result[0], spec, fn, list(words), given + list(in_words))

        return _parse.wrap(parse_function, _words, finish)

    module["_MakeParseFn"] = _parse.disguise(_MakeParseFn, make)


def _words(args, kwargs):
    words = list(args[0] if args else kwargs["args"])
    # A function that takes nothing after a command: fire is past the words that chose it.
    return words if words else None


def _finish(parse, called_with, spec, fn, words, given):
    positional, keywords = called_with
    values = dict(zip(spec.args, positional))
    if len(positional) > len(spec.args) and spec.varargs:
        values[spec.varargs] = list(positional[len(spec.args) :])
    values.update(spec.kwonlydefaults or {})
    values.update(keywords)
    defaults = {name: None for name in values}
    if spec.defaults:
        defaults.update(zip(spec.args[-len(spec.defaults) :], spec.defaults))
    defaults.update(spec.kwonlydefaults or {})
    command = _command(fn, words)
    if command:
        given = [command + "." + name for name in given]
        values = {"command": command, command: values}
        defaults = {command: defaults}
    _parse.record("fire", parse, values, defaults, given)


def _command(fn, words):
    """Return the word that chose `fn`, which stands before its arguments, if there is one."""
    before = sys.argv[1 : len(sys.argv) - len(words)]
    name = getattr(fn, "__name__", "")
    if before and before[-1].replace("-", "_") == name:
        return name
    return None
