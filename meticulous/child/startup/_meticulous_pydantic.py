"""pydantic-settings: the fields of a settings object that read the command line."""

_parse = globals()["load"]("parse")


def watch(name, module):
    """Wrap the making of a settings object; it reads the command line with argparse within."""
    settings = module["BaseSettings"]
    settings.__init__ = _parse.wrap(settings.__init__, lambda args, kwargs: None, _finish)


def _finish(parse, _, args, kwargs):
    # CliApp parses first and makes the object then; otherwise the one happens within the other.
    earlier = _parse.handed_over.pop("pydantic_settings", None)
    if not parse.inner and earlier is None:  # settings from files and the environment only
        return
    noted = (earlier or parse).noted
    instance = args[0]
    fields = type(instance).model_fields
    values = {name: getattr(instance, name) for name in fields}
    defaults = {name: _default(field) for name, field in fields.items()}
    given = [action.dest for _, action, _ in noted if hasattr(action, "dest")]
    _parse.record("pydantic-settings", parse, values, defaults, given)


def _default(field):
    if field.default_factory in (list, dict, set, tuple):
        return field.default_factory()
    default = field.default
    return None if type(default).__name__ == "PydanticUndefinedType" else default
