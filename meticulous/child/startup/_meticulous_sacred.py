"""Sacred: the config of a run that its command line started, ``with`` its updates."""

import sys

_parse = globals()["load"]("parse")


def watch(name, module):
    """Wrap the maker of runs; it returns before the run starts."""
    module["create_run"] = _parse.wrap(module["create_run"], _words, _finish)


def _words(args, kwargs):
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "run_commandline":
            return None
        frame = frame.f_back
    return ["not", "ours"]


def _finish(parse, run, args, kwargs):
    call = dict(zip(("experiment", "command_name", "config_updates"), args), **kwargs)
    given = _paths(call.get("config_updates") or {})
    values = dict(run.config)
    if call["command_name"] != call["experiment"].default_command:
        values.setdefault("command", call["command_name"])
    # What was updated had another value before, which only running the config again would tell.
    tops = {path.partition(".")[0] for path in given} | {"seed"}
    defaults = {name: value for name, value in run.config.items() if name not in tops}
    _parse.record("Sacred", parse, values, defaults, given)


def _paths(record, prefix=""):
    paths = []
    for key, value in record.items():
        deeper = _paths(value, prefix + str(key) + ".") if isinstance(value, dict) else []
        paths += deeper or [prefix + str(key)]
    return paths
