"""Run a command for many values, each recorded as `meticulous run` would.

`meticulous sweep lr=0.1,0.01 seed=0..4 -- python train.py --lr {lr}` runs the product
of the lists. Names without a place in the command are appended in the form that the program parses.

Sweeps that there are: `meticulous sweep ls`, `show`, `resume`, `retry`, `add`, `stop` and `work`,
each with --help.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence

from meticulous import settings
from meticulous.commands import _console, _runs, _sweep_shown
from meticulous.commands._parser import Parser
from meticulous.commands._sweep_arguments import add_engine, add_start
from meticulous.commands._sweep_options import (
    objective_of,
    parsed_start,
    run_options,
    specification_of,
)
from meticulous.errors import UsageError
from meticulous.sweep import directory, stopping
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.state import ERROR, GIVEN_BACK, State, allow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.sweep.plan import Plan

__all__ = ["action_parsers", "add_arguments", "main", "quick"]

_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line that starts a sweep."""
    parser.usage = "%(prog)s NAME=VALUES … [options] -- COMMAND [ARG ...]"
    parser.is_intermixed = True  # type: ignore[attr-defined]
    add_start(parser)


def quick(words: Sequence[str]) -> int | None:
    """Do what the words say, whose first says how the rest is read; leave ``--help`` to others."""
    if words and words[0] in ("-h", "--help"):
        return None
    if words and words[0] in _ACTIONS:
        action, _ = _ACTIONS[words[0]]
        return action(_action_parser(words[0]).parse_args(list(words[1:])))
    parser = Parser(prog="meticulous sweep")
    add_arguments(parser)
    arguments, command = parsed_start(words, parser)
    return _start(arguments, command)


def action_parsers() -> dict[str, Parser]:
    """Return the parsers of `sweep show`, `sweep resume` and the like by their names."""
    return {name: _action_parser(name) for name in _ACTIONS}


def _action_parser(name: str) -> Parser:
    action, declare = _ACTIONS[name]
    parser = Parser(prog=f"meticulous sweep {name}", description=action.__doc__)
    parser.is_intermixed = True
    declare(parser)
    return parser


def main(arguments: argparse.Namespace) -> int:
    """Start the sweep that `arguments` describe; a file says the command."""
    return _start(arguments, [])


# A new sweep


def _start(arguments: argparse.Namespace, command: list[str]) -> int:
    from meticulous.commands._sweep_run import check_engine, engine_options, run
    from meticulous.sweep import plan, specification

    chosen = settings.for_run(run_options(arguments))
    seeds = settings.seed_names(settings.find_place(run_options(arguments)).values)
    asked_for = specification_of(arguments, command, (seeds or ("seed",))[0])
    objective, direction = objective_of(arguments)
    options = engine_options(arguments)
    check_engine(options)
    planned = plan.plan(asked_for, chosen)
    if asked_for.search:
        from meticulous.sweep import search

        search.check(asked_for.search._asdict(), specification.space(asked_for))
    if arguments.dry_run:
        _print_commands(planned)
        return 0
    _announce(planned)
    if len(planned.points) > plan.UNASKED and not arguments.yes:
        hint = "Say --yes if you mean it, or take some of them with --sample N"
        raise UsageError(f"{len(planned.points):,} points are many", hint)
    more = {
        "objective": objective,
        "direction": direction,
        "fail-fast": arguments.fail_fast,
        "engine": options,
    }
    made = plan.make(planned, chosen, more, _console.say, here=arguments.here)
    _console.say(f"sweep {made.id}: {_console.shown_path(made.path)}")
    return run(made, options)


def _print_commands(planned: Plan) -> None:
    from meticulous.sweep.plan import command_line

    if planned.specification.search:
        _console.print_lines([shlex.join(map(str, planned.template))])
        return
    lines = (shlex.join(command_line(planned.template, point)) for point in planned.points)
    _console.print_lines(list(lines))


def _announce(planned: Plan) -> None:
    """Show how many points there are, and the commands of the first."""
    from meticulous.sweep.plan import command_line

    points = planned.points
    again = f" ({planned.repeated:,} that are the same are run once)" if planned.repeated else ""
    _console.say(f"{len(points):,} point{'s' if len(points) > 1 else ''}{again}")
    if planned.specification.search:
        words = [
            part if isinstance(part, str) else f"[--{part['flag']}]" for part in planned.template
        ]
        print(f"  {shlex.join(words)}", file=sys.stderr)
        return
    for point in points[:_SHOWN]:
        print(f"  {shlex.join(command_line(planned.template, point))}", file=sys.stderr)
    if len(points) > _SHOWN:
        print(f"  … and {len(points) - _SHOWN:,} more", file=sys.stderr)
    sys.stderr.flush()


# A sweep that there is


def _of(arguments: argparse.Namespace) -> SweepFolder:
    found = directory.find(
        arguments.sweep, os.path.abspath(_runs.directory_of(arguments.experiments_directory))
    )
    found.specification  # noqa: B018, raises where it cannot be read
    return found


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sweep", metavar="SWEEP", help="its number, `last`, or the path of its folder"
    )
    _runs.add_directory(parser)


def _declare_resume(parser: argparse.ArgumentParser) -> None:
    _add_sweep(parser)
    add_engine(parser)
    parser.add_argument(
        "--local", action="store_true", help="run here, though it was started on Slurm or Dask"
    )


def _resume(arguments: argparse.Namespace) -> int:
    """Run what is missing, has failed or was lost; nothing twice.

    The engine and its options are those of the start, but for what is given.
    """
    found = _of(arguments)
    _allow(found, lambda _: True)
    return _go_on(found, arguments, again_only=False)


def _declare_retry(parser: argparse.ArgumentParser) -> None:
    _declare_resume(parser)
    parser.add_argument("--message", metavar="TEXT", help="only those whose message holds this")


def _retry(arguments: argparse.Namespace) -> int:
    """Run the points that have failed once more, and no others."""
    found = _of(arguments)
    text = arguments.message
    if not _allow(found, lambda message: text is None or text in message):
        _console.say(f"no point of sweep {found.id} has failed{f' with {text!r}' if text else ''}")
        return 0
    return _go_on(found, arguments, again_only=True)


def _allow(found: SweepFolder, fits: Callable[[str], bool]) -> int:
    """Let points that have failed be tried once more; return how many."""
    state = State(found)
    state.look()
    failed = state.with_status(ERROR, *GIVEN_BACK)
    tries = {one.key: one.number + 1 for one in failed if fits(one.message)}
    import socket
    import time

    allow(found, tries, f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}")
    found.go_on()
    return len(tries)


def _go_on(found: SweepFolder, arguments: argparse.Namespace, *, again_only: bool) -> int:
    from meticulous.commands._sweep_run import engine_options, run

    if not found.template:
        message = f"sweep {found.id} is one of a loop in a program"
        raise UsageError(message, f"Run that once more with Sweep.open({found.id}).points()")
    found.points()  # raises where they cannot be read
    _ensure_code(found)
    options = {**(found.specification.get("engine") or {})}
    given = engine_options(arguments)
    if arguments.local or "dask" in given or "slurm" in given:
        options.pop("slurm", None)
        options.pop("dask", None)
    return run(found, {**options, **given}, again_only=again_only)


def _ensure_code(found: SweepFolder) -> None:
    from meticulous.sweep import code, plan

    state = plan.state_of(found)
    if state is not None:
        code.ensure(found, plan.present_settings(found), state, _console.say)


def _declare_add(parser: argparse.ArgumentParser) -> None:
    _add_sweep(parser)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="NAME=VALUES",
        help="instead of those of the same name; the others stay",
    )
    parser.add_argument("--trials", type=int, metavar="N", help="of a search: so many more")


def _add(arguments: argparse.Namespace) -> int:
    """Add points to a sweep: `add 3 lr=0.3` with all its other values.

    Workers that are running take them too; `meticulous sweep resume` runs them else.
    """
    from meticulous.sweep import plan

    found = _of(arguments)
    if not arguments.words and not arguments.trials:
        raise UsageError("there is nothing to add", "Give values: lr=0.3")
    new = plan.added(found, arguments.words, arguments.trials)
    _console.say(
        f"{len(new):,} new points; {found.count():,} in all. `meticulous sweep resume {found.id}` runs them"
    )
    return 0


def _declare_stop(parser: argparse.ArgumentParser) -> None:
    _add_sweep(parser)
    parser.add_argument(
        "--now", action="store_true", help="end the running points too, and cancel the jobs"
    )


def _stop(arguments: argparse.Namespace) -> int:
    """Start no more points of a sweep, wherever its workers are; the running ones end by themselves."""
    found = _of(arguments)
    found.stop(stopping.NOW if arguments.now else "stopped by `meticulous sweep stop`")
    if arguments.now:
        from meticulous.sweep.engines import submitted

        submitted.cancel(found, _console.say)
    _console.say(
        f"sweep {found.id} starts no more points; `meticulous sweep resume {found.id}` goes on"
    )
    return 0


def _declare_work(parser: argparse.ArgumentParser) -> None:
    _add_sweep(parser)
    parser.add_argument("--points", type=int, metavar="N", help="end after so many")


def _work(arguments: argparse.Namespace) -> int:
    """Be a worker of a sweep: run points until none is open.

    Any number of them may work on one sweep, on any machines that see its folder.
    """
    from meticulous.sweep.worker import main as work

    found = _of(arguments)
    _ensure_code(found)
    return work(found.path, arguments.points)


_Action = Callable[[argparse.Namespace], int]
_ACTIONS: dict[str, tuple[_Action, Callable[[argparse.ArgumentParser], None]]] = {
    "resume": (_resume, _declare_resume),
    "retry": (_retry, _declare_retry),
    "add": (_add, _declare_add),
    "stop": (_stop, _declare_stop),
    "show": (_sweep_shown.show, _sweep_shown.declare_show),
    "ls": (_sweep_shown.ls, _sweep_shown.declare_ls),
    "work": (_work, _declare_work),
}
