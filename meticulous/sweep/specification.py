"""What a sweep is asked to run: axes, tables and filters, and the points that they make.

Nothing is made of the length of the product before its length is known to be one that can be run.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from meticulous.errors import UsageError
from meticulous.sweep import selection
from meticulous.sweep.space import Distribution, distribution
from meticulous.sweep.tables import table
from meticulous.sweep.values import LARGEST, Axis, axis, length

__all__ = ["Search", "Specification", "Values", "count", "names", "points", "read_axes", "space"]

Values = dict[str, str]
"""Name -> the text that stands for it on the command line; ``env:NAME`` for a variable."""


class Search(NamedTuple):
    """How points are chosen one after the other, instead of all being listed.

    `objective` is a column of the run (``summary_val_loss``), `direction` ``minimize`` or
    ``maximize``; `sampler` and `pruner` are Optuna's names, with their options.
    """

    trials: int
    objective: str
    direction: str
    sampler: str = "TPESampler"
    pruner: str = "NopPruner"
    metric: str | None = None
    seed: int | None = None


class Specification(NamedTuple):
    """A sweep as it was asked for.

    `parameters` are the words of the command line, ``lr=0.1,0.01`` and ``@points.csv``; `command`
    is that before its values are filled in. With `search`, `parameters` are distributions.
    """

    command: tuple[str, ...]
    parameters: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 0
    search: Search | None = None


def read_axes(parameters: Sequence[str]) -> list[Axis]:
    """Read ``names=values`` and ``@table``. Raises UsageError."""
    axes = [table(word[1:]) if word.startswith("@") else axis(word) for word in parameters]
    seen: set[str] = set()
    for one in axes:
        for name in one.names:
            if name in seen:
                raise UsageError(f"{name} is given twice", "Give each name once")
            seen.add(name)
    return axes


def space(specification: Specification) -> dict[str, Distribution]:
    """Read the parameters of a search. Raises UsageError."""
    found: dict[str, Distribution] = {}
    for word in specification.parameters:
        if word.startswith("@"):
            raise UsageError(f"a search cannot take {word}", "Give NAME=LOWEST..HIGHEST or choices")
        name, one = distribution(word)
        if name in found:
            raise UsageError(f"{name} is given twice", "Give each name once")
        found[name] = one
    return found


def names(axes: Sequence[Axis]) -> list[str]:
    """List the names of `axes`, in their order."""
    return [name for one in axes for name in one.names]


def count(axes: Sequence[Axis]) -> int:
    """Return the length of the product of `axes`."""
    return math.prod(length(one.values) for one in axes)


def points(specification: Specification, axes: Sequence[Axis]) -> list[Values]:
    """Make the points, in the order of the product, the last axis changing fastest.

    Each is there once. Raises UsageError where there are too many or none, or a filter is wrong.
    """
    whole, sample = count(axes), specification.sample
    is_filtered = bool(specification.exclude or specification.only)
    if sample is not None and sample < 1:
        raise UsageError(f"--sample {sample} leaves no point", "Give a number above zero")
    if whole > LARGEST and (sample is None or sample > LARGEST or is_filtered):
        hint = "Take some of them at random with --sample N, without --only and --exclude"
        raise UsageError(f"{_product(axes)} = {_large(whole)} points, more than {LARGEST:,}", hint)
    chance = random.Random(specification.seed)  # noqa: S311
    if sample is not None and not is_filtered:
        made = [_at(axes, place) for place in _sampled(chance, whole, sample)]
    else:
        made = selection.chosen(
            _product_of(axes), names(axes), specification.only, specification.exclude
        )
        if sample is not None:
            made = [made[place] for place in _sampled(chance, len(made), sample)]
    if not made:
        raise UsageError("no point is left", "Look at --only and --exclude")
    return made


def _product_of(axes: Sequence[Axis]) -> list[Values]:
    order = names(axes)
    if all(len(one.names) == 1 for one in axes):
        columns = [[value[0] for value in one.values] for one in axes]
        return [dict(zip(order, row, strict=True)) for row in itertools.product(*columns)]
    return [
        dict(zip(order, itertools.chain.from_iterable(row), strict=True))
        for row in itertools.product(*[list(one.values) for one in axes])
    ]


def _sampled(chance: random.Random, whole: int, wanted: int) -> list[int]:
    """Choose `wanted` places of `whole`, in their order; all where there are not more."""
    if wanted >= whole:
        return list(range(whole))
    chosen: set[int] = set()
    while len(chosen) < wanted:  # random.sample takes no range beyond a machine word
        chosen.add(chance.randrange(whole))
    return sorted(chosen)


def _at(axes: Sequence[Axis], place: int) -> Values:
    """Make the point at `place` of the product."""
    values: Values = {}
    for one in reversed(axes):
        place, index = divmod(place, length(one.values))
        values = {**dict(zip(one.names, one.values[index], strict=True)), **values}
    return values


def _product(axes: Sequence[Axis]) -> str:
    return " × ".join(f"{','.join(one.names)} ({_large(length(one.values))})" for one in axes)


def _large(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"10^{len(str(number)) - 1}"
