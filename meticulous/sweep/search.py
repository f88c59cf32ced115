"""Points that Optuna chooses one after the other: ask and tell over its journal in the sweep folder.

A sweep that searches has a point for each trial, without values. Who claims one asks the study for
values, runs them, and tells it what came out; any number of workers do so through the journal.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from meticulous.errors import MeticulousError, RunFolderError, UsageError
from meticulous.runfolder import RunFolder, edits
from meticulous.sweep import objective
from meticulous.sweep.folder import Point, SweepFolder
from meticulous.sweep.space import Distribution, distribution
from meticulous.sweep.state import ERROR, PRUNED, SUCCESS, Outcome

__all__ = ["Search", "Trial", "check"]

JOURNAL = "search.log"
_UNSEEDED = ("QMCSampler", "GridSampler", "BruteForceSampler")
"""Samplers that must have the same seed in every worker."""


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        hint = "Install it with `pip install 'meticulous[search]'`"
        raise MeticulousError("a search needs Optuna", hint) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def check(search: Mapping[str, Any], space: Mapping[str, Distribution]) -> None:
    """Raise UsageError where the sampler or the pruner is none, or refuses its options."""
    _sampler(_optuna(), search, space, 0)
    _made(_optuna().pruners, search["pruner"], "Pruner", {})


def _made(module: Any, text: str, kind: str, more: Mapping[str, Any]) -> Any:
    """Make what `text` names in `module`: ``tpe``, ``TPESampler``, ``median(n_startup_trials=3)``."""
    found = re.fullmatch(r"(\w+)(?:\((.*)\))?", text, re.DOTALL)
    names = {
        name.lower().removesuffix(kind.lower()): name
        for name in dir(module)
        if name.endswith(kind) and not name.startswith(("_", "Base"))
    }
    plain = found[1].lower().removesuffix(kind.lower()) if found else ""
    if found is None or plain not in names:
        raise UsageError(f"Optuna has no {kind.lower()} {text!r}", f"There are {', '.join(names)}")
    try:
        call = ast.parse(f"f({found[2] or ''})", mode="eval").body
        assert isinstance(call, ast.Call)
        assert not call.args
        options = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    except (SyntaxError, ValueError, AssertionError):
        hint = f"Write it so: {plain}(name=value)"
        raise UsageError(f"cannot understand the options of {text!r}", hint) from None
    maker = getattr(module, names[plain])
    try:
        import inspect

        known = inspect.signature(maker).parameters
        return maker(**{**{name: one for name, one in more.items() if name in known}, **options})
    except (TypeError, ValueError, ImportError) as error:
        raise UsageError(f"Optuna refuses {text!r}: {error}", "See Optuna's page on it") from None


def _sampler(
    optuna: Any, search: Mapping[str, Any], space: Mapping[str, Distribution], slot: int
) -> Any:
    """Make the sampler; each trial has a seed of its own, the same whichever worker takes it."""
    text, seed = search["sampler"], search.get("seed")
    is_shared = any(name.lower().removesuffix("sampler") in text.lower() for name in _UNSEEDED)
    more: dict[str, Any] = {
        "search_space": {name: list(one.choices) for name, one in space.items()}
    }
    if seed is not None:
        more["seed"] = seed if is_shared else (seed * 1_000_003 + slot) % (1 << 32)
    if "grid" in text.lower() and any(one.kind != "choice" for one in space.values()):
        raise UsageError(
            "the grid sampler takes lists of values only", "Leave out --search, or list them"
        )
    return _made(optuna.samplers, text, "Sampler", more)


class Search:
    """The study of a sweep."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        specification = folder.specification
        self.options: dict[str, Any] = specification["search"]
        self.space = dict(map(distribution, specification["parameters"]))
        self._optuna = _optuna()
        self._study: Any = None

    @property
    def study(self) -> Any:
        """The study, made by who comes first."""
        if self._study is None:
            storages = self._optuna.storages
            backend = storages.journal.JournalFileBackend(self._folder.file(JOURNAL))
            self._study = self._optuna.create_study(
                study_name=f"sweep {self._folder.id}",
                storage=storages.JournalStorage(backend),
                direction=self.options["direction"],
                pruner=_made(self._optuna.pruners, self.options["pruner"], "Pruner", {}),
                load_if_exists=True,
            )
        return self._study

    def trial(self, point: Point, before: Mapping[str, Any], *, is_given_back: bool) -> Trial:
        """Return the trial for a point.

        `before` is what the file of its last try says, if any. A point that is given back has its
        values tried once more.
        """
        again = self._given_up(before) if before.get("trial") is not None else {}
        return Trial(self, self._folder, point, again if is_given_back else {})

    def ask(self, slot: int, again: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
        """Ask for values: (Optuna's trial, name -> text); for those of `again`, where it has any.

        Optuna's own queue of values is not used: a worker that finds the one in it taken asks for
        new ones, although another has come meanwhile, which then stays there.
        """
        study = self.study
        study.sampler = _sampler(self._optuna, self.options, self.space, slot)
        if again:  # no cell of a grid is used up by what has been tried before
            samplers = self._optuna.samplers
            study.sampler = samplers.PartialFixedSampler(again, samplers.RandomSampler())
        trial = study.ask()
        values = {}
        for name, one in self.space.items():
            if one.kind == "choice":
                values[name] = str(trial.suggest_categorical(name, list(one.choices)))
            elif "int" in one.kind:
                step = int(one.step) if one.step else 1
                is_log = "log" in one.kind
                number = trial.suggest_int(name, int(one.low), int(one.high), step=step, log=is_log)
                values[name] = str(number)
            else:
                log = one.kind == "log"
                values[name] = repr(
                    trial.suggest_float(name, one.low, one.high, step=one.step, log=log)
                )
        return trial, values

    def _given_up(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """End the trial of a try that is over, and return its values."""
        state = self._optuna.trial.TrialState
        for one in self.study.get_trials(deepcopy=False):
            if one.number == told["trial"]:
                if one.state == state.RUNNING:
                    self._tell(one.number, state=state.FAIL)
                return dict(one.params)
        return {}

    def settle(self, told: Mapping[str, Any], outcome: Outcome) -> Outcome:
        """Tell the outcome of a run whose worker is gone; `told` is what its claim says."""
        if told.get("trial") is None:
            return outcome
        state = self._optuna.trial.TrialState
        found = [
            one for one in self.study.get_trials(deepcopy=False) if one.number == told["trial"]
        ]
        if found and found[0].state == state.RUNNING:
            outcome = self.tell(found[0].number, outcome)
        return outcome._replace(values=told.get("values"))

    def tell(self, number: int, outcome: Outcome) -> Outcome:
        """Tell the study what came out of trial `number`; return the outcome as it counts."""
        state = self._optuna.trial.TrialState
        if outcome.status == SUCCESS and outcome.value is not None:
            self._tell(number, outcome.value)
        elif outcome.status == PRUNED:
            self._tell(number, state=state.PRUNED)
            self._tag(outcome)
        else:
            self._tell(number, state=state.FAIL)
        if outcome.status == SUCCESS and outcome.value is None:
            message = f"the run has no number {self.options['objective']}{self._others(outcome)}"
            return outcome._replace(status=ERROR, message=message)
        return outcome

    def _tell(self, number: int, value: float | None = None, **state: Any) -> None:
        """Tell the study, unless somebody who took us for dead has done so."""
        self.study.tell(number, value, skip_if_finished=True, **state)

    def _others(self, outcome: Outcome) -> str:
        """Name what the run has instead of the objective."""
        run = RunFolder(os.path.join(self._folder.directory("experiments"), str(outcome.run)))
        names = objective.columns(run)
        return f" (it has {', '.join(names)})" if names else " and no results at all"

    def _tag(self, outcome: Outcome) -> None:
        run = RunFolder(os.path.join(self._folder.directory("experiments"), str(outcome.run)))

        def change(metadata: dict[str, Any]) -> None:
            metadata["tags"] = list(dict.fromkeys([*(metadata.get("tags") or []), PRUNED]))

        try:
            edits.edit(run, change)
        except RunFolderError:
            pass  # it was removed meanwhile

    def importance(self) -> dict[str, float]:
        """Return how much each parameter matters, 0 to 1; empty where too little is known."""
        importance = self._optuna.importance
        done = [one for one in self.study.get_trials(deepcopy=False) if one.value is not None]
        if len(done) < 4 or len({one.value for one in done}) < 2:
            return {}
        try:
            evaluator = importance.PedAnovaImportanceEvaluator()
            return dict(importance.get_param_importances(self.study, evaluator=evaluator))
        except (ValueError, RuntimeError, ImportError):
            return {}

    def history(self) -> list[tuple[int, float]]:
        """Return the trials that were better than all before: (number, value)."""
        found: list[tuple[int, float]] = []
        for one in self.study.get_trials(deepcopy=False):
            if one.value is None or one.state != self._optuna.trial.TrialState.COMPLETE:
                continue
            if not found or objective.better(self.options["direction"], one.value, found[-1][1]):
                found.append((one.number, float(one.value)))
        return found


class Trial:
    """One trial: its values, those of `again` if any, and whether it is to be ended early."""

    def __init__(
        self, search: Search, folder: SweepFolder, point: Point, again: Mapping[str, Any]
    ) -> None:
        self._search, self._folder, self._point, self._again = search, folder, point, again
        self._trial: Any = None
        self._metric = search.options.get("metric") or objective.metric_of(
            search.options["objective"]
        )
        self._prunes = not search.options["pruner"].lower().startswith("nop")
        self._offset = 0
        self._steps: set[int] = set()

    @property
    def number(self) -> int:
        """Optuna's number of it."""
        return int(self._trial.number)

    def ask(self) -> dict[str, str]:
        """Ask for the values."""
        self._trial, values = self._search.ask(self._point.trial or 0, self._again)
        return values

    def is_to_prune(self, run: RunFolder | None) -> bool:
        """Report what the program has logged, and return whether the pruner ends it."""
        return self._prunes and any(self._trial.should_prune() for _ in self._reported(run))

    def _reported(self, run: RunFolder | None) -> Iterator[int]:
        """Report each new step to the study, and return it."""
        if run is None:
            return
        found, self._offset = objective.series(run, self._metric, self._offset)
        for step, value in found:
            if step >= 0 and step not in self._steps:
                self._steps.add(step)
                self._trial.report(value, step)
                yield step

    def tell(self, outcome: Outcome) -> Outcome:
        """Tell the study what came out; return the outcome as it counts."""
        if self._prunes and outcome.run is not None:
            directory = self._folder.directory("experiments")
            for _ in self._reported(RunFolder(os.path.join(directory, outcome.run))):
                pass  # others are compared with it
        return self._search.tell(self.number, outcome)
