"""From what was asked for to a folder with points: everything that can be wrong is checked first."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from meticulous.base.folders import remove_folder
from meticulous.base.timestamps import now
from meticulous.errors import UsageError
from meticulous.git import CodeState
from meticulous.masking import mask_command, mask_variable
from meticulous.recording.metadata import cwd_within, recorder
from meticulous.recording.record import code_state
from meticulous.reproduce import drift
from meticulous.runner.process import resolve
from meticulous.settings import RunSettings
from meticulous.sweep import append, code, specification, template
from meticulous.sweep.attempt import run_settings
from meticulous.sweep.directory import create
from meticulous.sweep.folder import Point, SweepFolder, key_of
from meticulous.sweep.specification import Specification
from meticulous.sweep.start import known_code
from meticulous.sweep.template import Part
from meticulous.sweep.values import ENVIRONMENT

__all__ = [
    "UNASKED",
    "Plan",
    "added",
    "command_line",
    "make",
    "plan",
    "present_settings",
    "state_of",
]

UNASKED = 10_000
"""More points than these are not started without a yes."""
_NOT_KEPT = (
    "project_directory", "repository", "experiments_directory", "experiment_id", "norecord",
    "no_ranks", "quiet", "detach", "resume", "needed", "rerun_of", "sweep",
)  # fmt: skip
"""Settings of a run that a sweep has no use for, or that are its own matter."""
_CONFIRMED_VALUES = 2


class Plan(NamedTuple):
    """What a sweep will do: the command with its places, and the points; `repeated` were dropped."""

    specification: Specification
    template: list[Part]
    points: list[Point]
    repeated: int = 0


def plan(asked: Specification, settings: RunSettings) -> Plan:
    """Plan a sweep; nothing is made. Raises UsageError and what the checks of a run raise."""
    if not asked.command:
        raise UsageError("there is no command to run", "Write it after --: … -- python train.py")
    if not asked.parameters:
        raise UsageError("there are no values to run it with", "Give some: lr=0.1,0.01")
    if asked.search:
        names: dict[str, set[str] | None] = {
            name: _few(one.choices) for name, one in specification.space(asked).items()
        }
        made: list[specification.Values] = []
    else:
        axes = specification.read_axes(asked.parameters)
        template.check(asked.command, specification.names(axes))
        made = specification.points(asked, axes)
        columns = [(name, one) for one in axes for name in one.names]
        names = {name: _few({point[name] for point in made}) for name, _ in columns}
    template.check(asked.command, list(names))
    placed = template.placed(asked.command)
    rest = {name: values for name, values in names.items() if name not in placed}
    parts = append.with_places(asked.command, rest, settings.experiments_directory)
    points = _trials(parts, asked.search.trials) if asked.search else _points(parts, made)
    unique = list({point.key: point for point in points}.values())
    _check(parts, unique, names)
    return Plan(asked, parts, unique, len(points) - len(unique))


def _few(values: Sequence[str] | set[str]) -> set[str] | None:
    found = {value.lower() for value in values} if len(values) <= _CONFIRMED_VALUES else set()
    return found or None


def _points(parts: Sequence[Part], made: Sequence[specification.Values]) -> list[Point]:
    text = json.dumps(list(parts))
    return [Point(key_of(text, values), values) for values in made]


def _trials(parts: Sequence[Part], count: int, first: int = 0) -> list[Point]:
    text = json.dumps(list(parts))
    return [
        Point(key_of(text, {}, f"trial {number}"), {}, number)
        for number in range(first, first + count)
    ]


def _check(
    parts: Sequence[Part], points: Sequence[Point], names: dict[str, set[str] | None]
) -> None:
    """Check what the first point would start, and that no secret gets into the folder."""
    first = parts[0]
    if isinstance(first, str) and not template.placed([first]):
        resolve(first, os.environ.get("PATH"))
    for part in parts:
        if isinstance(part, dict):
            for point in points:
                template.command([part], point.values)
    words = [part for part in parts if isinstance(part, str)]
    if points and points[0].values:
        words = template.command(parts, points[0].values)
    for word, masked in zip(words, mask_command(words), strict=True):
        if word != masked:
            raise UsageError(
                f"the command has a secret, which would stand in the folder of the sweep: {masked}",
                "Put it into the environment, which the runs inherit",
            )
    for name in names:
        if name.startswith(ENVIRONMENT) and points and points[0].values:
            value = points[0].values[name]
            if mask_variable(name.removeprefix(ENVIRONMENT), value) != value:
                raise UsageError(f"{name} is a secret", "Export it; the runs inherit it")


def command_line(parts: Sequence[Part], point: Point) -> list[str]:
    """Return the words that a shell would run for a point, environment variables and all."""
    variables = [f"{name}={value}" for name, value in template.variables(point.values).items()]
    words = template.command(parts, point.values)
    return ["env", *variables, *words] if variables else words


def make(
    planned: Plan,
    settings: RunSettings,
    more: dict[str, Any],
    say: Callable[[str], None],
    *,
    here: bool = False,
) -> SweepFolder:
    """Make the folder of a sweep and the work tree of its code.

    `more` is kept in ``sweep.json`` beside. With `here` the runs take the present tree. Raises
    what a run would raise for the state of the code, and SweepError.
    """
    state = code_state(settings)
    if state is not None and state.dirty and state.snapshot is None and not here:
        say("the runs use the present tree: its uncommitted changes are not kept")
        here = True
    folder = create(settings.experiments_directory)
    asked = planned.specification
    content = {
        "created": now(),
        **{name: recorder()[name] for name in ("host", "user")},
        "parameters": list(asked.parameters),
        "command": list(asked.command),
        "template": planned.template,
        **{name: getattr(asked, name) for name in ("exclude", "only", "sample", "seed")},
        "search": asked.search._asdict() if asked.search else None,
        "experiments": os.path.relpath(settings.experiments_directory, folder.path),
        "project": os.path.relpath(settings.project_directory, folder.path),
        "repository": settings.repository and os.path.relpath(settings.repository, folder.path),
        "cwd": cwd_within(settings),
        "settings": _kept(settings),
        "tree": None if here or state is None else _tree(settings, folder),
        **more,
    }
    try:
        folder.append_points(planned.points)
        if content["tree"] is not None:
            assert state is not None
            code.keep(folder, state)
        folder.write_specification(content)
    except BaseException:
        remove_folder(folder.path, ignore_errors=True)  # from here on it can be resumed
        raise
    if state is not None:
        code.ensure(folder, settings, state, say)
    if content["tree"] is not None:
        assert settings.repository is not None
        words = template.command(planned.template, planned.points[0].values or _anything(planned))
        for what in drift.imported_from(words, os.getcwd(), settings.repository, os.environ):
            say(f"the code of {what} is that of your own tree, so what you edit reaches the runs")
    return folder


def _anything(planned: Plan) -> dict[str, str]:
    """Return some value for each name of a search."""
    return dict.fromkeys(specification.space(planned.specification), "0")


def _kept(settings: RunSettings) -> dict[str, Any]:
    defaults = RunSettings("", None, "")
    return {
        name: value
        for name, value in settings._asdict().items()
        if name not in _NOT_KEPT and value != getattr(defaults, name)
    }


def _tree(settings: RunSettings, folder: SweepFolder) -> dict[str, Any]:
    assert settings.repository is not None
    name = os.path.basename(settings.repository.rstrip(os.sep)) or "project"
    return {
        "repository": os.path.relpath(settings.repository, folder.path),
        "name": re.sub(r"[\x00-\x1f\x7f]", "_", name),  # a line break would tear tracebacks
        "project": os.path.relpath(settings.project_directory, settings.repository),
    }


def added(folder: SweepFolder, parameters: Sequence[str], trials: int | None) -> list[Point]:
    """Append points to a sweep: `parameters` replace those of the same names. Return the new ones."""
    told = folder.specification
    there = folder.points()
    if told.get("search"):
        if parameters or not trials:
            raise UsageError("this sweep is a search", "Add --trials N")
        new = _trials(folder.template, trials, len(there))
    else:
        if trials:
            raise UsageError("this sweep is no search", "Add values: lr=0.3")
        axes = specification.read_axes(parameters)
        names = set(specification.names(axes))
        old = [word for word in told["parameters"] if not _names_of(word) & names]
        whole = specification.read_axes([*old, *parameters])
        missing = {name for point in there[:1] for name in point.values}
        missing = missing.symmetric_difference(specification.names(whole))
        if missing:
            raise UsageError(
                f"the sweep has other names: {', '.join(sorted(missing))}",
                "Give the names that its points have, all of a zip or table together",
            )
        asked = Specification(
            tuple(told["command"]), (), tuple(told["exclude"]), tuple(told["only"])
        )
        order = list(there[0].values) if there else specification.names(whole)
        made = [{name: one[name] for name in order} for one in specification.points(asked, whole)]
        new = _points(folder.template, made)
    return folder.append_points(new)


def _names_of(word: str) -> set[str]:
    return set(specification.names(specification.read_axes([word])))


def present_settings(folder: SweepFolder) -> RunSettings:
    """Return the settings of the runs, for the project itself and not for the work tree."""
    return run_settings(folder)._replace(project_directory=folder.directory("project"))


def state_of(folder: SweepFolder) -> CodeState | None:
    """Return the state of the code that the sweep was started with, as its folder has it."""
    if code.tree(folder) is None:
        return None
    return known_code(run_settings(folder), folder.file(code.CODE))
