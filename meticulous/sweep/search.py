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
from meticulous.sweep.state import ERROR, LOST, PRUNED, STOPPED, SUCCESS, Outcome

__all__ = ["Search", "Trial", "check"]

JOURNAL = "search.log"
_POINT, _TRY, _GIVEN_BACK = "point", "try", "given-back"
"""What a trial says of itself: whose it is from its first moment, whenever its worker is killed."""
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


def _suggested(trial: Any, name: str, one: Distribution) -> str:
    """Have Optuna suggest a value; return it as the command line will have it."""
    if one.kind == "choice":
        return str(trial.suggest_categorical(name, list(one.choices)))
    if "int" in one.kind:
        low, high, step = int(one.low), int(one.high), int(one.step) if one.step else 1
        return str(trial.suggest_int(name, low, high, step=step, log="log" in one.kind))
    is_log = one.kind == "log"
    return repr(trial.suggest_float(name, one.low, one.high, step=one.step, log=is_log))


class Search:
    """The study of a sweep."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        specification = folder.specification
        self.options: dict[str, Any] = specification["search"]
        self.space = dict(map(distribution, specification["parameters"]))
        self._optuna = _optuna()
        self._study: Any = None
        journal = self._optuna.storages.journal
        backend = journal.JournalFileBackend(folder.file(JOURNAL))
        self._storage: Any = self._optuna.storages.JournalStorage(backend)
        self._name = f"sweep {folder.id}"

    @property
    def study(self) -> Any:
        """The study, made by who comes first."""
        if self._study is None:
            self._study = self._optuna.create_study(
                study_name=self._name,
                storage=self._storage,
                direction=self.options["direction"],
                pruner=_made(self._optuna.pruners, self.options["pruner"], "Pruner", {}),
                load_if_exists=True,
            )
        return self._study

    def trial(self, point: Point, number: int) -> Trial:
        """Return the trial of try `number` at a point, which is yet to be asked for."""
        return Trial(self, self._folder, point, number)

    def ask(self, point: Point, number: int) -> tuple[Any, dict[str, str]]:
        """Ask for the values of try `number` at a point: (Optuna's trial, name -> text).

        Optuna's queue may give the values of one lost trial to nobody, where several workers ask at
        once; so a trial is made for its point, with the values that it had if it was given back.
        """
        optuna = self._optuna
        values = self._given_back(point.key, number)
        template = optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            user_attrs={_POINT: point.key, _TRY: number},
            system_attrs={"fixed_params": values} if values else None,
        )
        study = self.study
        trial_id = self._storage.create_new_trial(
            self._storage.get_study_id_from_name(self._name), template
        )
        # Another object: one that has asked keeps the trials that it saw then.
        study = optuna.load_study(
            study_name=self._name,
            storage=self._storage,
            sampler=_sampler(optuna, self.options, self.space, point.trial or 0),
            pruner=study.pruner,
        )
        trial = optuna.trial.Trial(study, trial_id)
        return trial, {name: _suggested(trial, name, one) for name, one in self.space.items()}

    def _given_back(self, key: str, number: int) -> dict[str, Any]:
        """Return the values of the last try before `number` where it did not end by itself."""
        found = [
            one
            for one in self.study.get_trials(deepcopy=False)
            if one.user_attrs.get(_POINT) == key and one.user_attrs[_TRY] < number
        ]
        if not found:
            return {}
        last = max(found, key=lambda one: int(one.user_attrs[_TRY]))
        if last.state == self._optuna.trial.TrialState.RUNNING:
            self._give_back(last)
        elif not last.user_attrs.get(_GIVEN_BACK):
            return {}
        return dict(last.params)

    def _give_back(self, trial: Any) -> None:
        """End a frozen trial so that the next try at its point has the same values."""
        if trial.state.is_finished():
            return  # by somebody who took its worker for dead
        self._storage.set_trial_user_attr(trial._trial_id, _GIVEN_BACK, True)  # noqa: SLF001
        self._tell(trial.number, state=self._optuna.trial.TrialState.FAIL)

    def settle(self, told: Mapping[str, Any], outcome: Outcome) -> Outcome:
        """Tell the outcome of a run whose worker is gone; `told` is what its claim says."""
        if told.get("trial") is None:
            return outcome
        trial = self._numbered(told["trial"])
        if trial is not None and trial.state == self._optuna.trial.TrialState.RUNNING:
            outcome = self.tell(trial.number, outcome)
        return outcome._replace(values=told.get("values"))

    def _numbered(self, number: int) -> Any:
        trials = self.study.get_trials(deepcopy=False)
        return next((one for one in trials if one.number == number), None)

    def tell(self, number: int, outcome: Outcome) -> Outcome:
        """Tell the study what came out of trial `number`; return the outcome as it counts."""
        state = self._optuna.trial.TrialState
        if outcome.status == SUCCESS and outcome.value is not None:
            self._tell(number, outcome.value)
        elif outcome.status == PRUNED:
            self._tell(number, state=state.PRUNED)
            self._tag(outcome)
        elif outcome.status in (STOPPED, LOST):
            self._give_back(self._numbered(number))
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
        try:
            edits.add_tag(run, PRUNED)
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
    """The trial of try `number` at a point: its values, and whether it is to be ended early."""

    def __init__(self, search: Search, folder: SweepFolder, point: Point, number: int) -> None:
        self._search, self._folder, self._point, self._try = search, folder, point, number
        self._trial: Any = None
        self._metric = search.options.get("metric") or objective.metric_of(
            search.options["objective"]
        )
        self._prunes = not search.options["pruner"].lower().startswith("nop")
        self._steps: set[int] = set()

    @property
    def number(self) -> int:
        """Optuna's number of it."""
        return int(self._trial.number)

    def ask(self) -> dict[str, str]:
        """Ask for the values."""
        self._trial, values = self._search.ask(self._point, self._try)
        return values

    def is_to_prune(self, run: RunFolder | None) -> bool:
        """Report what the program has logged, and return whether the pruner ends it."""
        return self._prunes and any(self._trial.should_prune() for _ in self._reported(run))

    def _reported(self, run: RunFolder | None) -> Iterator[int]:
        """Report each new step to the study, and return it."""
        for step, value in objective.history(run, self._metric) if run is not None else ():
            if step not in self._steps:
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
